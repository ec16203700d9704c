"""Counting parameters.

Each check compares what the student's function says of two models, so that a mistake in the unit costs points once.
"""

import pytest

from gradeprop.check import fail


def same(a, b):
    return abs(a - b) <= 2e-7 * abs(b)  # less than one parameter; a float32 is this exact


def rounded(got, right):
    """Return True if ``got`` is ``right`` rounded in millions, thousands or ones, and not exact."""
    units = [unit for unit in (1, 1e3, 1e6) if any(same(got, round(right * unit, digits)) for digits in range(6))]
    return bool(units) and not any(same(got, right * unit) for unit in (1, 1e3, 1e6))


def assert_grows(seen, truth):
    """Fail unless of six layers a larger one gives a larger number, or the same one, rounded."""
    right = truth.numbers("others")
    got = seen.numbers("others", len(right))
    ranked = [got[i] for i in sorted(range(len(right)), key=right.__getitem__)]
    if ranked != sorted(ranked) or not ranked[-1] > ranked[0]:
        fail("A larger model must give a larger number.")


def compare(observed, expected, probe, one, other, larger, message):
    """The function counts the same in two models, and not because it counts nothing."""
    seen, truth = observed(probe), expected(probe)
    a, b, c = (seen.number(name) for name in (one, other, larger))
    if not c > 1.2 * b > 0:
        fail("A larger model must give a larger number.")
    assert_grows(seen, truth)
    if not same(a, b):
        fail(f"{message} It gave {a:.6g} where {b:.6g} is right in its own units.")


@pytest.mark.points(2, question="count")
def test_parameters_are_counted_in_millions(observed, expected):
    """The number of parameters comes in millions."""
    got, ours = observed("count").number("large"), expected("count")
    right, biases = ours.number("large"), ours.number("biases") / 1e6
    if same(got, right) or (rounded(got, right) and got < 1e3):
        return  # rounding is reported below
    if same(got / 1e6, right) or (rounded(got, right) and got > 1e5):
        fail(f"{got:,.0f} looks like the number itself; divide by a million.")
    hint = "A layer from m to n has m·n weights and n biases."
    if same(got, right - biases) or rounded(got, right - biases):
        hint = "Are biases counted?"
    elif same(got, (ours.number("rows") + ours.number("biases")) / 1e6):
        hint = "Does a weight of (m, n) count m·n?"
    fail(f"A linear layer of {right * 1e6:,.0f} parameters gives {got:.6g}; expected {right:.6g}. {hint}")


@pytest.mark.points(1, question="count")
def test_the_count_is_not_rounded(observed, expected):
    """The number is not rounded."""
    got, right = observed("count").number("small"), expected("count").number("small")
    if got <= 0 or rounded(got, right):
        fail(f"A network of {right * 1e6:,.0f} parameters gives {got:g}: that is rounded.")
    assert_grows(observed("count"), expected("count"))


@pytest.mark.points(2, question="count")
def test_frozen_parameters_do_not_count(observed, expected):
    """Parameters with ``requires_grad=False`` do not count."""
    compare(observed, expected, "count_frozen", "frozen", "half", "both", "A frozen layer was counted.")


@pytest.mark.points(1, question="count")
def test_a_shared_parameter_counts_once(observed, expected):
    """A parameter that two layers share counts once."""
    compare(observed, expected, "count_tied", "tied", "one", "apart", "A shared weight was counted twice.")


@pytest.mark.points(1, question="count")
def test_buffers_do_not_count(observed, expected):
    """Buffers, such as the statistics of a BatchNorm, do not count."""
    compare(
        observed,
        expected,
        "count_buffers",
        "buffered",
        "model",
        "larger",
        "A buffer was counted; no gradient changes it.",
    )


@pytest.mark.points(1, question="count")
def test_parameters_of_any_kind_count(observed, expected):
    """Parameters count wherever they are in the model, in layers or not."""
    compare(
        observed,
        expected,
        "count_nested",
        "own",
        "layer",
        "larger",
        "A parameter that is in no layer was missed.",
    )
