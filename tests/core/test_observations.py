"""The observations file: tensors survive it, and a malformed file is refused."""

import pytest
import safetensors.torch

from gradeprop.core.errors import WireError
from gradeprop.core.observations import RawTensor, pack, unpack


def test_packed_tensors_are_unpacked_the_same() -> None:
    tensors = {
        "a/0": RawTensor("F32", (2,), b"\xff" * 8),
        "b": RawTensor("U8", (), b"\1"),
        "c": RawTensor("I8", (0,), b""),
    }
    assert unpack(pack(tensors)) == tensors
    assert unpack(pack({})) == {}


def test_a_blob_that_claims_to_be_endless_is_refused() -> None:
    with pytest.raises(WireError):
        unpack(b"\xff" * 8 + b"{}")


def test_every_tensor_lies_where_its_type_may() -> None:
    packed = pack({"a": RawTensor("U8", (3,), b"abc"), "b": RawTensor("F64", (1,), bytes(8))})
    assert packed.endswith(bytes(8) + b"abc")
    assert set(safetensors.torch.load(packed)) == {"a", "b"}
