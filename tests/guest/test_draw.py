"""What runs inside the jail: drawing, packing, explaining, one test per promise."""

import json
import linecache
import math
import sys
import types
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from gradeprop.guest.draw import Draw
from gradeprop.guest.serialize import Packer, TooLarge
from gradeprop.guest.tracebacks import explain


def draw(tmp_path: Path, seed: int = 1, probe: str = "p") -> Draw:
    return Draw(seed, probe, tmp_path, {"images": torch.zeros(2)})


def test_draws_depend_on_the_seed_and_the_probe_only(tmp_path: Path) -> None:
    assert torch.equal(draw(tmp_path).normal(3), draw(tmp_path).normal(3))
    assert not torch.equal(draw(tmp_path).normal(3), draw(tmp_path, seed=2).normal(3))
    assert not torch.equal(draw(tmp_path).normal(3), draw(tmp_path, probe="q").normal(3))


def test_draws_have_the_promised_types_and_ranges(tmp_path: Path) -> None:
    d = draw(tmp_path)
    assert d.normal(2, 3).shape == (2, 3)
    assert 0 <= d.uniform(100).min() <= d.uniform(100).max() < 1
    assert set(d.integers(3, 5, 100).tolist()) == {3, 4}
    assert sorted(d.choice(5, 5).tolist()) == [0, 1, 2, 3, 4]
    assert d.integers(0, 2, 1).dtype == torch.int64


def test_a_folder_is_new_and_empty_each_time(tmp_path: Path) -> None:
    d = draw(tmp_path)
    first, second = d.folder(), d.folder()
    assert first != second
    assert list(first.iterdir()) == []


def test_held_out_inputs_are_a_copy(tmp_path: Path) -> None:
    d = draw(tmp_path)
    d.inputs["images"] += 1
    assert d.inputs["images"].sum() == 0


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


def student(folder: Path, code: str) -> types.ModuleType:
    """The code as it is imported in the jail."""
    file = folder / "student_code.py"
    file.write_text(code)
    linecache.checkcache()
    module = types.ModuleType("student_code")
    exec(compile(code, str(file), "exec"), module.__dict__)
    return module


def explained(folder: Path, code: str) -> tuple[str, str]:
    module = student(folder, code)
    try:
        module.it()
    except BaseException as error:
        return explain(error, module, folder)
    raise AssertionError


def test_an_error_names_the_deepest_line_of_the_students_own(tmp_path: Path) -> None:
    code = "import json\ndef it():\n    return deeper()\ndef deeper():\n    return json.loads('{')  # here\n"
    status, message = explained(tmp_path, code)
    assert status == "error"
    assert message.startswith("JSONDecodeError: ")
    assert message.endswith("\nstudent_code.py, line 5: return json.loads('{')  # here")
    assert "site-packages" not in message


def test_the_text_of_a_task_is_kept(tmp_path: Path) -> None:
    code = "def it():\n    raise NotImplementedError('Task 2.1: build it')"
    assert explained(tmp_path, code)[1].startswith("NotImplementedError: Task 2.1: build it\n")


def test_a_function_that_is_missing_is_absent(tmp_path: Path) -> None:
    module = student(tmp_path, "")
    with pytest.raises(AttributeError) as caught:
        module.LeNet5  # noqa: B018
    assert explain(caught.value, module, tmp_path) == ("absent", "student_code.py has no LeNet5.")


def test_an_attribute_of_something_else_is_an_error(tmp_path: Path) -> None:
    assert explained(tmp_path, "def it(): return None.x")[0] == "error"


def test_a_file_that_is_missing_is_absent_however_it_was_opened(tmp_path: Path) -> None:
    module = student(tmp_path, "")
    for opener in (open, lambda file: safe_open(file, "pt")):
        with pytest.raises(FileNotFoundError) as caught:
            opener(str(tmp_path / "a.safetensors"))
        assert explain(caught.value, module, tmp_path) == ("absent", "a.safetensors is not there.")


def test_another_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    assert explained(tmp_path, "def it(): open('/nowhere/at/all')")[0] == "error"


def test_a_message_is_the_same_wherever_and_whenever_it_is_made(tmp_path: Path) -> None:
    assert explained(tmp_path, "def it(): raise ValueError(object())")[1].startswith("ValueError: <object object>\n")
    place = tmp_path.parent / "draws" / "1"
    assert explained(tmp_path, f"def it(): raise ValueError({str(place)!r})")[1].startswith("ValueError: ~/draws/1\n")


def test_an_exception_that_bites_is_survived(tmp_path: Path) -> None:
    code = "class Bad(Exception):\n    def __str__(self): raise SystemExit\ndef it(): raise Bad"
    assert explained(tmp_path, code) == ("error", "The code raised an exception that cannot be shown.")


def test_a_message_is_capped(tmp_path: Path) -> None:
    assert len(explained(tmp_path, "def it(): raise ValueError('x' * 99999)")[1]) == 4096


def test_inside_imports_nothing_of_the_grader() -> None:
    folder = Path(__file__).parents[2] / "gradeprop" / "guest"
    for file in folder.glob("*.py"):
        assert "gradeprop" not in file.read_text().replace("gradeprop-", ""), file
    assert sys.version_info >= (3, 11)
