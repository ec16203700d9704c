"""Accuracy points follow the bars; weights are recognised by their sizes; a history is shown or refused."""

import math

import pytest
import torch
from torch import Tensor

from gradeprop.judge.accessors import Seen
from gradeprop.judge.assertions import CheckFailed, Points, Show
from gradeprop.judge.trained_weights import as_weights, drawn_after, grade_accuracy, measure_accuracy, show_history

LABELS = torch.arange(200) % 10
BAR = (90.0, 95.0)


def logits(right: int, labels: Tensor = LABELS) -> Tensor:
    """Logits (n, 10) of which the first ``right`` rows are right."""
    read = torch.where(torch.arange(len(labels)) < right, labels, (labels + 1) % 10)
    return torch.nn.functional.one_hot(read, 10).float()


def grade(given: Tensor, labels: Tensor = LABELS) -> Show:
    show = Show()
    grade_accuracy(given, labels, BAR, Points(), show, full=4, passed=1.5)
    return show


@pytest.mark.parametrize(
    ("right", "points"),
    [(0, 0), (179, 0), (180, 1.5), (181, 1.5), (189, 1.5), (190, None), (191, None), (200, None)],
)
def test_points_follow_the_bars_and_a_bar_belongs_to_the_better_side(right: int, points: float | None) -> None:
    if points is None:
        assert grade(logits(right)).message.startswith(f"{right / 2:.2f} % of 200 held-out images are right")
    else:
        with pytest.raises(CheckFailed) as failed:
            grade(logits(right))
        assert failed.value.points == points


@pytest.mark.parametrize("bar", [98.3, 98.8, 97.1, 33.4])
def test_an_accuracy_that_is_the_bar_reaches_it_whatever_the_rounding(bar: float) -> None:
    labels = torch.zeros(1000, dtype=torch.int64)
    percent, _ = measure_accuracy(logits(round(10 * bar), labels), labels)
    assert percent == bar


def test_a_message_says_what_was_measured_how_sure_it_is_and_what_is_required() -> None:
    with pytest.raises(
        CheckFailed, match="50.00 % of 200 .*standard error 3.54 percentage points.*90 % is required, 95 %"
    ):
        grade(logits(100))
    with pytest.raises(CheckFailed, match="95 % gives all 4 points"):
        grade(logits(185))


@pytest.mark.parametrize(("decimals", "text"), [(0, "50 %"), (1, "50.0 %"), (3, "50.000 %")])
def test_the_precision_and_the_noun_can_be_chosen(decimals: int, text: str) -> None:
    percent, message = measure_accuracy(logits(100), LABELS, "pictures", decimals)
    assert percent == pytest.approx(50)
    assert message.startswith(f"{text} of 200 pictures are right")


def test_the_standard_error_is_that_of_a_share() -> None:
    assert "(standard error 0.00 percentage points)" in measure_accuracy(logits(200), LABELS)[1]
    error = 100 * math.sqrt(0.9 * 0.1 / 200)
    assert f"(standard error {error:.2f} percentage points)" in measure_accuracy(logits(180), LABELS)[1]


def test_a_row_with_nan_is_wrong_even_if_its_maximum_is_right() -> None:
    given = logits(200)
    given[:50, 0] = math.nan
    assert measure_accuracy(given, LABELS)[0] == pytest.approx(75)
    with pytest.raises(CheckFailed) as failed:
        grade(torch.full((200, 10), math.nan))
    assert failed.value.points == 0


def test_infinite_logits_are_compared_as_any_others() -> None:
    assert measure_accuracy(logits(200) * math.inf, LABELS)[0] <= 100  # 0 · inf is NaN: wrong, and no exception
    given = torch.where(logits(200) > 0, math.inf, -math.inf)
    assert measure_accuracy(given, LABELS)[0] == pytest.approx(100)


@pytest.mark.parametrize("shape", [(199, 10), (1, 10), (0, 10), (200,), (200, 10, 1), ()])
def test_logits_of_another_shape_fail_in_words(shape: tuple[int, ...]) -> None:
    with pytest.raises(CheckFailed, match=r"have the shape .*; expected \[200, number of classes\]"):
        grade(torch.zeros(shape))


def test_no_label_is_the_instructors_error_and_gives_no_points() -> None:
    with pytest.raises(ValueError, match="at least one label"):
        grade(torch.zeros(0, 10), torch.zeros(0, dtype=torch.int64))


WANTED = {"conv.weight": torch.zeros(2, 3), "conv.bias": torch.zeros(2), "fc.weight": torch.zeros(4, 5)}
STATE = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2), "c": torch.arange(20.0).reshape(4, 5)}


def test_weights_are_found_by_size_whatever_their_names_and_order() -> None:
    found = as_weights({name: STATE[name] for name in "cab"}, WANTED)
    assert found is not None
    assert list(found) == list(WANTED)
    assert torch.equal(found["conv.weight"], STATE["a"])


def test_a_matrix_of_inputs_by_outputs_is_transposed_and_a_flat_one_gets_its_shape() -> None:
    found = as_weights({**STATE, "c": STATE["c"].T, "a": STATE["a"].flatten()}, WANTED)
    assert found is not None
    assert torch.equal(found["fc.weight"], STATE["c"])
    assert torch.equal(found["conv.weight"], STATE["a"])


def test_weights_come_as_float32() -> None:
    found = as_weights({name: tensor.half() for name, tensor in STATE.items()}, WANTED)
    assert found is not None
    assert all(tensor.dtype == torch.float32 for tensor in found.values())


@pytest.mark.parametrize(
    "state",
    [{}, {"a": STATE["a"], "b": STATE["b"]}, {**STATE, "d": torch.zeros(1)}, {**STATE, "b": torch.zeros(3)}],
    ids=("nothing", "one is missing", "one too many", "another size"),
)
def test_weights_of_another_network_are_none(state: dict[str, Tensor]) -> None:
    assert as_weights(state, WANTED) is None


def test_the_images_to_compare_are_different_and_depend_on_every_logit() -> None:
    given = logits(200)
    chosen = drawn_after(given, 50)
    assert chosen.shape == (50,)
    assert len(set(chosen.tolist())) == 50
    assert torch.equal(chosen, drawn_after(given.clone(), 50))
    changed = given.clone()
    changed[-1, -1] += 1e-3
    assert not torch.equal(chosen, drawn_after(changed, 50))
    assert drawn_after(given, 1000).sort().values.tolist() == list(range(200))


def history(**changes: object) -> Seen:
    lists = {f"{part}_{quantity}": [0.5, 0.25] for part in ("train", "test") for quantity in ("loss", "accuracy")}
    return Seen({"models": [{"name": "lenet", **lists, **changes}]}, lambda name: torch.zeros(0))


def test_a_history_becomes_two_plots_for_each_model() -> None:
    show = Show()
    show_history(history(), show)
    assert [plot.caption for plot in show.exhibits] == ["lenet: loss", "lenet: accuracy"]
    show_history(history(name=""), show)
    assert show.exhibits[-1].caption == "accuracy"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"test_loss": [0.5]}, "test_loss has 1 entries; expected 2"),
        ({"test_accuracy": None}, "test_accuracy should be a list"),
        ({"train_accuracy": [0.5, "nan"]}, "not a finite number"),
        (
            {f"{p}_{q}": [] for p in ("train", "test") for q in ("loss", "accuracy")},
            "holds empty lists: train first",
        ),
    ],
)
def test_a_history_that_lacks_something_fails_in_words(changes: dict[str, object], says: str) -> None:
    with pytest.raises(CheckFailed, match=says):
        show_history(history(**changes), Show())


def test_no_history_fails_in_words() -> None:
    with pytest.raises(CheckFailed, match="no training curves"):
        show_history(Seen({"models": []}, lambda name: torch.zeros(0)), Show())
