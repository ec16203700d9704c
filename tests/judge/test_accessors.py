"""Whatever came back, an accessor gives the type it promises or fails the check in plain words."""

import msgspec
import pytest
import torch

from gradeprop.core.models import ProbeResult
from gradeprop.judge.accessors import CheckFailed, Observed, Points, Seen, Show, assert_close, assert_equal

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


def test_floats_of_any_width_come_as_float32() -> None:
    assert seen(x={"$tensor": "4"}).tensor("x").dtype == torch.float32


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"$tensor": "1"}, "NaN or infinite"),
        ({"$tensor": "3"}, "complex"),
        ({"$tensor": "9"}, "did not come back"),
        ({"$tensor": 3}, "a tensor"),
        ({"$type": "Evil"}, "a value of type Evil"),
        ("text", "'text'"),
        (None, "None"),
        ([1], "a list"),
    ],
)
def test_what_is_not_a_tensor_fails_in_words(value: object, says: str) -> None:
    with pytest.raises(CheckFailed, match=says):
        seen(x=value).tensor("x")


def test_a_number_may_come_as_a_tensor_of_one_value() -> None:
    assert seen(x={"$tensor": "2"}).integer("x") == 3
    assert seen(x=0.5).number("x", 0, 1) == 0.5


@pytest.mark.parametrize(
    "value", [True, "nan", "inf", "0.5", None, {"$tensor": "0"}, {"$tensor": "1"}, 10**400, [], {}]
)
def test_what_is_not_a_finite_number_fails(value: object) -> None:
    with pytest.raises(CheckFailed):
        seen(x=value).number("x")


def test_a_number_out_of_range_says_the_range() -> None:
    with pytest.raises(CheckFailed, match="98.7; it should lie between 0 and 1"):
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


def test_close_is_relative_above_one_and_nan_is_never_close() -> None:
    assert_close(torch.tensor([1000.0]), torch.tensor([1000.05]))
    with pytest.raises(CheckFailed, match="1 of 2 values of the logits differ"):
        assert_close(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.1]), what="the logits")
    with pytest.raises(CheckFailed, match="the loss differs"):
        assert_close(float("nan"), 1.0, what="the loss")
    with pytest.raises(CheckFailed, match="shape"):
        assert_close(torch.ones(2), torch.ones(3))


def test_equal_names_what_was_seen_and_expected() -> None:
    with pytest.raises(CheckFailed, match="the count is 3; expected 4. Look twice."):
        assert_equal(3, 4, "the count", "Look twice.")


def observed(*probes: ProbeResult, ended: str = "", **values: bytes) -> Observed:
    raw = {name: {"x": msgspec.Raw(value)} for name, value in values.items()}
    return Observed(probes, raw, TENSORS.__getitem__, ended)


def test_a_probe_that_never_came_back_fails_with_the_reason_the_run_ended() -> None:
    with pytest.raises(CheckFailed, match="stopped after 3 s") as failed:
        observed(ended="The run was stopped after 3 s.")("forward")
    assert failed.value.verdict == "crash"


@pytest.mark.parametrize("raw", [b"1" * 5_000, b"[" * 50_000, b"1e999", b"\xff", b"{", b""])
def test_json_that_cannot_be_read_fails_like_any_other_wrong_value(raw: bytes) -> None:
    with pytest.raises(CheckFailed):
        observed(ProbeResult(name="p", status="ok"), p=raw)("p").number("x")


def test_what_is_shown_is_bounded_and_moves_no_cursor() -> None:
    with pytest.raises(CheckFailed) as failed:
        assert_equal("\x1b[2J\0\x9b" + "x" * 10_000, "y", "the text")
    assert str(failed.value).startswith("the text is \ufffd[2J\ufffd\ufffdxxx")
    assert len(str(failed.value)) == 5_000
    show = Show()
    show.text("99 %\r1 %")
    show.table("Layers", ("layer",), [("\x07conv",)])
    assert (show.said, show.exhibits[0].rows) == ("99 %\ufffd1 %", (("\ufffdconv",),))


def test_a_part_of_the_points_may_be_kept() -> None:
    with pytest.raises(CheckFailed) as failed:
        Points().part(3, "almost")
    assert (failed.value.points, str(failed.value)) == (3, "almost")
