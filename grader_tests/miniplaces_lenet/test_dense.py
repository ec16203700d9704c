"""The parameters that a convolution saves, and a network without convolutions."""

import math
import re
from itertools import pairwise

import pytest

from gradeprop.check import assert_gradients, fail, sizes_of, trace_of

MATRIX_PRODUCT = re.compile(r"(add)?mm|(ba)?(add)?bmm|matmul|linear")
# these are linear, whatever else is between two matrix products
LINEAR = re.compile(
    r"t|(un)?squeeze|_?(unsafe_)?(view|reshape).*|flatten|transpose|permute|expand|clone|detach|alias|add|sub|mul|div|"
    r"(lift_)?fresh|_to_copy|empty.*|zeros.*|ones.*|randn?|copy|slice|select|.*batch_norm.*|.*dropout.*|bernoulli"
)


@pytest.mark.points(4, question="dense")
def test_a_dense_layer_is_counted(observed, expected, points):
    """``dense_parameters`` counts a weight for each pair of numbers, and a bias for each number that comes out."""
    wrong, without = [], 0
    asked = expected("dense_parameters").items("cases")
    for case, seen in zip(asked, observed("dense_parameters").items("cases", len(asked)), strict=True):
        a, b = math.prod(case.numbers("input")), math.prod(case.numbers("output"))
        got = seen.number("count")
        without += abs(got - a * b) < 0.5
        if abs(got - (a + 1) * b) > 0.5:
            wrong.append((case.numbers("input"), case.numbers("output"), got, (a + 1) * b))
    if wrong and without == 4:
        points.part(2, "The biases are missing: one for each number that comes out.")
    if wrong:
        shapes = " → ".join("×".join(f"{n:g}" for n in shape) for shape in wrong[0][:2])
        note = "That is in millions: give the number itself." if abs(1e6 * wrong[0][2] / wrong[0][3] - 1) < 1e-3 else ""
        fail(f"A dense layer {shapes} gave {wrong[0][2]:,.6g}; {wrong[0][3]:,.0f} is right. {note}")


@pytest.mark.points(2, question="dense")
def test_the_network_has_five_linear_layers(observed, parameters):
    """FullyConnectedNet has five matrices, and all of its parameters learn."""
    found = parameters("dense")
    for each in (found, observed("dense").items("parameters")):
        assert_gradients(each, "Is it used in forward?")
    dims = [len(parameter.numbers("shape")) for parameter in found]
    if dims.count(2) != 5 or max(dims) > 2:
        fail(f"FullyConnectedNet has {dims.count(2)} matrices; five are required, as many as LeNet has layers.")


@pytest.mark.points(1, question="dense")
def test_the_network_is_of_lenets_size(parameters):
    """FullyConnectedNet has within 5 % of LeNet's 151,324 parameters."""
    total = sum(sizes_of(parameters("dense")))
    if not abs(total - 151_324) <= 0.05 * 151_324:
        fail(f"FullyConnectedNet has {total:,.0f} parameters; from 143,758 to 158,890 are required.")


@pytest.mark.points(2, question="dense")
def test_the_network_bends_between_its_layers(network):
    """There is a non-linearity between any two layers: without it two layers are worth one."""
    names = [step.text("op") for step in trace_of(network("dense"))]
    products = [i for i, name in enumerate(names) if MATRIX_PRODUCT.fullmatch(name)]
    if len(products) < 2:
        fail("FullyConnectedNet multiplies with fewer than two matrices: where are its layers?")
    for number, (begin, end) in enumerate(pairwise(products), start=1):
        if all(LINEAR.fullmatch(name) for name in names[begin + 1 : end]):
            fail(f"No non-linearity follows layer {number}.")


@pytest.mark.points(1, question="dense")
def test_the_network_gives_a_hundred_logits(observed, network):
    """FullyConnectedNet gives a hundred logits per image, whichever images are beside it."""
    seen = observed("dense_repeats")
    first = seen.tensor("first", shape=(4, 100)).double()
    network("dense_repeats")
    if not (first.std(0) > 1e-6).any():
        fail("All images get the same logits.")
    for rows, name in ((first, "softmax"), (first.exp(), "log-softmax")):
        if ((rows.sum(1) - 1).abs() < 1e-4).all() and (rows >= 0).all():
            fail(f"The outputs of an image are those of a {name}: leave the softmax to the loss.")
    if not (seen.tensor("alone", shape=(4, 100)).double() - first).abs().max() < 1e-4:
        fail("An image got other logits alone than in a batch: flatten must keep n as the first size.")
