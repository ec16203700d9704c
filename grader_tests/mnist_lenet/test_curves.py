"""The learning curves, looked up in the figure."""

import pytest

from gradeprop.check import fail, letters, same_values

NAMES = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")


def find(observed, expected):
    """The lines that draw the four curves, as far as they are there, by the name of the curve."""
    lines, (history,) = observed("curves").items("lines"), expected("curves").items("history")
    found = {}
    for name in NAMES:
        right = history.numbers(name)
        drawn = [line for line in lines if same_values(line.numbers("y"), right)]
        if drawn:
            found[name] = drawn[0]
    if not found:
        fail(f"None of the {len(lines)} lines in the figure draws a value of the history.")
    return found


@pytest.mark.points(2, question="curves")
def test_all_four_curves_are_drawn(observed, expected):
    """Loss and accuracy are drawn, for training and for test."""
    found = find(observed, expected)
    missing = [name for name in NAMES if name not in found]
    if missing:
        fail(f"No line draws {' or '.join(missing)}.")


@pytest.mark.points(1, question="curves")
def test_curves_start_at_epoch_1(observed, expected):
    """The curves start at epoch 1."""
    for name, line in find(observed, expected).items():
        x = line.numbers("x", len(line.numbers("y")))
        if x != list(range(1, len(x) + 1)):
            fail(f"{name} is drawn over {x[:1] or ''}…{x[-1:] or ''}; its first value is that of epoch 1.")


@pytest.mark.points(1, question="curves")
def test_axes_are_labelled(observed, expected):
    """Every axis has a label; the title of a plot may stand for that of y."""
    for name, line in find(observed, expected).items():
        if not line.text("x_label").strip():
            fail(f"The x axis of {name} has no label.")
        if not line.text("y_label").strip() and not letters(line.text("title")).replace(title(expected), ""):
            fail(f"The y axis of {name} has no label.")


def title(expected):
    """The letters of the title that the figure was asked to have."""
    return letters(expected("curves").text("title"))


def called(line):
    """The text beside a curve: its entry in the legend, or the heading of a plot of its own."""
    return line.text("called") or line.text("heading")


@pytest.mark.points(1, question="curves")
def test_a_legend_tells_training_from_test(observed, expected):
    """A legend tells the training curve from the test curve."""
    found = {name: called(line).lower() for name, line in find(observed, expected).items()}
    for quantity in ("loss", "accuracy"):
        train, test = found.get(f"train_{quantity}"), found.get(f"test_{quantity}")
        if train == test or not (train or train is None) or not (test or test is None):
            fail(f"Nothing tells the curves of the {quantity} apart: give each plot a label and call legend().")
        if train and test and "test" in train and "train" in test:
            fail(f"The names of the curves of the {quantity} are exchanged.")


@pytest.mark.points(1, question="curves")
def test_the_figure_is_returned_with_its_title(observed, expected):
    """The figure is returned, and the title is in it."""
    seen = observed("curves")
    if not seen.flag("returned"):
        fail("plot_curves should return the figure.")
    if title(expected) not in letters(seen.text("titles")):
        fail("The title, the name of the model, is not in the figure.")
