"""Values of a probe become JSON and tensors, within a budget."""

import json
import math
from collections import OrderedDict

import numpy as np
import pytest
import torch

from gradeprop.guest.serialize import Packer, TooLarge


@pytest.mark.parametrize(
    ("value", "packed"),
    [
        (True, True),
        (None, None),
        (3, 3),
        (2**64, {"$type": "int"}),
        (1.5, 1.5),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (np.float32(0.5), 0.5),
        (np.int64(4), 4),
        ("é\ud800", "é?"),
        ((1, [2]), [1, [2]]),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        ({1: 2}, {"1": 2}),
        ({(1, 2): 2}, {"$type": "dict"}),
        pytest.param(object(), {"$type": "object"}, id="object"),
        (torch.Size([1, 2]), [1, 2]),
        (torch.zeros(2, dtype=torch.complex64), {"$type": "Tensor"}),
        (torch.zeros(2).to_sparse(), {"$type": "Tensor"}),
    ],
    ids=repr,
)
def test_values_are_sent_as_json(value: object, packed: object) -> None:
    got = Packer(1000).pack(value)
    assert got == packed
    json.dumps(got, allow_nan=False)


def test_a_list_that_holds_itself_has_an_end() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert '{"$type": "list"}' in json.dumps(Packer(10).pack(endless))


def test_tensors_are_copied_as_they_look() -> None:
    packer = Packer(1000)
    base = torch.arange(6.0, requires_grad=True)
    packer.pack([base.reshape(2, 3).T, base[::2], torch.nn.Parameter(torch.ones(1)), torch.zeros(1).expand(5)])
    assert [tensor.tolist() for tensor in packer.tensors.values()] == [
        [[0, 3], [1, 4], [2, 5]],
        [0, 2, 4],
        [1],
        [0] * 5,
    ]
    assert all(tensor.is_contiguous() and not tensor.requires_grad for tensor in packer.tensors.values())


def test_an_expanded_tensor_counts_as_large_as_it_looks() -> None:
    with pytest.raises(TooLarge):
        Packer(1 << 20).pack(torch.zeros(1).expand(1 << 40))
    with pytest.raises(TooLarge):
        Packer(1 << 20).pack([torch.zeros(0)] * 3000)
