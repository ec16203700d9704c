"""Counting multiply-adds, on networks of ours."""

import math

import pytest

from gradeprop.check import fail


def same(a, b):
    return math.isclose(a, b, rel_tol=1e-9)


@pytest.mark.points(2, question="multiply_adds")
def test_a_convolution_works_at_every_position(observed, expected, points):
    """A convolution does one multiply-add per weight and position of its output, whatever stride, padding or groups."""
    seen, ours = observed("count_conv"), expected("count_conv")
    got, right = seen.number("conv"), ours.number("conv")
    weights, side = ours.number("weights"), ours.number("side")
    if not same(got, right):
        for value, hint in {
            weights: "That is its weights: each is used at every position of the output.",
            weights
            + ours.number("out"): "That is its parameters: each weight is used at every position of the output.",
            weights * side**2: "That is weights times positions of the input; the output has fewer.",
            2 * right: "That counts a multiplication and its addition as two; they are one here.",
            right + ours.number("out") * ours.number("positions"): "That counts the biases too.",
            right + ours.number("out"): "That counts the biases too.",
        }.items():
            if same(got, value):
                fail(f"A convolution of {right:,.0f} multiply-adds gives {got:,.0f}. {hint}")
        fail(f"A convolution of {right:,.0f} multiply-adds gives {got:,.0f}.")
    if not same(seen.number("strided"), ours.number("strided")):
        got, right = seen.number("strided"), ours.number("strided")
        points.part(1, f"With stride 2×3, padding 1 and two groups, {right:,.0f} are right; it gives {got:,.0f}.")


@pytest.mark.points(1, question="multiply_adds")
def test_a_linear_layer_uses_each_weight_once(observed, expected):
    """A linear layer does one multiply-add for each of its weights."""
    got, ours = observed("count_linear").number("linear"), expected("count_linear")
    right = ours.number("weights")
    if same(got, right):
        return
    of_conv = observed("count_conv").number("conv") / expected("count_conv").number("conv")
    # biases, and two for one, are reported in the check of the convolution
    if not ((same(got, 2 * right) and same(of_conv, 2)) or (same(got, right + ours.number("biases")) and of_conv > 1)):
        fail(f"Two linear layers of together {right:,.0f} weights give {got:,.0f}.")


@pytest.mark.points(1, question="multiply_adds")
def test_what_is_used_counts(observed, expected):
    """A layer used twice counts twice, and one that is never used does not count."""
    got, once = observed("count_uses").number("twice"), expected("count_uses").number("once")
    units = (1, 2, 1 + 1 / math.sqrt(once))  # biases, and two for one, are reported elsewhere
    if any(same(got, 2 * once * unit) for unit in units):
        return
    for value, hint in {
        6 * once: "The layer that is never used was counted, and the other only once.",
        7 * once: "The layer that is never used was counted.",
        once: "The layer that is used twice was counted once.",
    }.items():
        if any(same(got, value * unit) for unit in units):
            fail(f"Where {2 * once:,.0f} are done, it gives {got:,.0f}. {hint}")
    fail(f"Where {2 * once:,.0f} are done, it gives {got:,.0f}: count what the network does, when it does it.")


@pytest.mark.points(1, question="multiply_adds")
def test_counting_leaves_nothing_behind(observed):
    """Counting a second time gives the same, and no hook stays in the network."""
    seen = observed("count_leaves")
    if not seen.number("first") > 0 or seen.number("first") != seen.number("again"):
        fail("Counting the same network a second time gave another number.")
    if seen.number("hooks"):
        fail(f"{seen.number('hooks'):.0f} hooks stay in the network: remove() each when you have counted.")
