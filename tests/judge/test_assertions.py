"""A failed check says what differs; texts are capped; a check may award a part of its points."""

import pytest
import torch

from gradeprop.judge.assertions import CheckFailed, Points, Show, assert_close, assert_equal


def test_assert_close_is_relative_above_one_and_nan_is_never_close() -> None:
    assert_close(torch.tensor([1000.0]), torch.tensor([1000.05]))
    with pytest.raises(CheckFailed, match="1 of 2 values of the logits differ"):
        assert_close(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.1]), what="the logits")
    with pytest.raises(CheckFailed, match="the loss differs"):
        assert_close(float("nan"), 1.0, what="the loss")
    with pytest.raises(CheckFailed, match="shape"):
        assert_close(torch.ones(2), torch.ones(3))


def test_assert_equal_names_both_values() -> None:
    with pytest.raises(CheckFailed, match="the count is 3; expected 4. Look twice."):
        assert_equal(3, 4, "the count", "Look twice.")


def test_a_text_is_capped_and_moves_no_cursor() -> None:
    with pytest.raises(CheckFailed) as failed:
        assert_equal("\x1b[2J\0\x9b" + "x" * 10_000, "y", "the text")
    assert str(failed.value).startswith("the text is \ufffd[2J\ufffd\ufffdxxx")
    assert len(str(failed.value)) == 5_000
    show = Show()
    show.text("99 %\r1 %")
    show.table("Layers", ("layer",), [("\x07conv",)])
    assert (show.message, show.exhibits[0].rows) == ("99 %\ufffd1 %", (("\ufffdconv",),))


def test_a_part_of_the_points_may_be_awarded() -> None:
    with pytest.raises(CheckFailed) as failed:
        Points().part(3, "almost")
    assert (failed.value.points, str(failed.value)) == (3, "almost")
