"""Whatever a probe returned, an accessor gives the type that it promises, or fails the check in plain words."""

import msgspec
import pytest
import torch

from gradeprop.core.models import ProbeResult
from gradeprop.judge.accessors import Seen
from gradeprop.judge.assertions import CheckFailed
from gradeprop.judge.observed import Observed

TENSORS = {
    "0": torch.arange(6.0).reshape(2, 3),
    "1": torch.tensor([float("nan")]),
    "2": torch.tensor([3]),
    "3": torch.tensor([1 + 2j]),
    "4": torch.ones(2, dtype=torch.bfloat16),
}


def seen(**values: object) -> Seen:
    return Seen(values, TENSORS.__getitem__)


def test_a_tensor_comes_back_with_its_shape_checked() -> None:
    assert seen(x={"$tensor": "0"}).tensor("x", (2, -1)).shape == (2, 3)
    with pytest.raises(CheckFailed, match=r"x has the shape \[2, 3\]; expected \[any, 4\]"):
        seen(x={"$tensor": "0"}).tensor("x", (None, 4))


def test_floats_of_any_width_become_float32() -> None:
    assert seen(x={"$tensor": "4"}).tensor("x").dtype == torch.float32


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"$tensor": "1"}, "NaN or infinite"),
        ({"$tensor": "3"}, "complex"),
        ({"$tensor": "9"}, "was not returned"),
        ({"$tensor": 3}, "a tensor"),
        ({"$type": "Evil"}, "a value of type Evil"),
        ("text", "'text'"),
        (None, "None"),
        ([1], "a list"),
    ],
)
def test_a_value_that_is_no_tensor_fails_in_words(value: object, says: str) -> None:
    with pytest.raises(CheckFailed, match=says):
        seen(x=value).tensor("x")


def test_a_number_may_come_as_a_tensor_of_one_value() -> None:
    assert seen(x={"$tensor": "2"}).integer("x") == 3
    assert seen(x=0.5).number("x", 0, 1) == 0.5


@pytest.mark.parametrize(
    "value", [True, "nan", "inf", "0.5", None, {"$tensor": "0"}, {"$tensor": "1"}, 10**400, [], {}]
)
def test_a_value_that_is_no_finite_number_fails(value: object) -> None:
    with pytest.raises(CheckFailed):
        seen(x=value).number("x")


def test_a_number_out_of_range_says_the_range() -> None:
    with pytest.raises(CheckFailed, match="98.7; it should be between 0 and 1"):
        seen(accuracy=98.7).number("accuracy", 0, 1)


def test_lists_dicts_texts_and_flags() -> None:
    held = seen(xs=[1, 2.5], names=["a"], on=True, rows=[{"n": 1}], state={"w": {"$tensor": "0"}})
    assert held.numbers("xs", 2) == [1.0, 2.5]
    assert held.texts("names") == ["a"]
    assert held.flag("on")
    assert held.items("rows")[0].integer("n") == 1
    assert list(held.tensors("state")) == ["w"]
    for broken in (
        lambda: held.numbers("xs", 3),
        lambda: held.numbers("on"),
        lambda: held.flag("xs"),
        lambda: held.text("xs"),
        lambda: held.items("xs"),
        lambda: held.texts("xs"),
        lambda: held.tensors("xs"),
        lambda: held.tensors("rows"),
        lambda: seen(xs=[0] * 10_001).numbers("xs"),
        lambda: seen(xs={"a": 1}).tensors("xs"),
    ):
        with pytest.raises(CheckFailed):
            broken()


def observed(*probes: ProbeResult, ended: str = "", **values: bytes) -> Observed:
    raw = {name: {"x": msgspec.Raw(value)} for name, value in values.items()}
    return Observed(probes, raw, TENSORS.__getitem__, ended)


def test_a_probe_that_never_ran_fails_with_the_reason_the_run_ended() -> None:
    with pytest.raises(CheckFailed, match="stopped after 3 s") as failed:
        observed(ended="The run was stopped after 3 s.")("forward")
    assert failed.value.verdict == "crash"


@pytest.mark.parametrize("raw", [b"1" * 5_000, b"[" * 50_000, b"1e999", b"\xff", b"{", b""])
def test_json_that_cannot_be_read_fails_like_any_other_wrong_value(raw: bytes) -> None:
    with pytest.raises(CheckFailed):
        observed(ProbeResult(name="p", status="ok"), p=raw)("p").number("x")
