"""The hidden checks. @docstring@"""

# @comment@
import pytest
import torch

from gradeprop.check import assert_close, assert_equal, fail


@pytest.mark.points(3, question="compute")
def test_hidden_standardise(observed, expected):
    """Rows have mean 0 and variance 1."""
    right = expected("standardise").tensor("rows")
    assert_close(observed("standardise").tensor("rows", right.shape), right, what="the rows")


@pytest.mark.points(2, question="compute")
def test_hidden_windows(observed, expected):
    """Every window of a row is there."""
    right = expected("windows").tensor("windows")
    assert_close(observed("windows").tensor("windows"), right, what="the windows")


@pytest.mark.points(2, question="compute")
def test_hidden_count(observed, expected):
    """What a model learns is counted."""
    if observed("count").integer("count", low=0) != expected("count").integer("count"):
        fail("The count is not right.")


@pytest.mark.points(2, question="compute")
def test_hidden_describe(observed, expected):
    """A tensor is described by its shape and its type."""
    assert_equal(observed("describe").text("text"), expected("describe").text("text"), "The description")


@pytest.mark.points(1, question="compute")
def test_hidden_shuffled(observed, expected):
    """The rows come in another order each time."""
    seen, x = observed("shuffled"), expected("shuffled").tensor("x")
    once, twice = seen.tensor("once", x.shape), seen.tensor("twice", x.shape)
    for rows in (once, twice):
        assert_close(rows[rows[:, 0].argsort()], x[x[:, 0].argsort()], what="the rows, sorted again,")
    if torch.equal(once, twice) or torch.equal(once, x):
        fail("The order was the same twice.")


@pytest.mark.points(3, question="learn")
def test_hidden_step(observed, expected):
    """One step goes down the gradient."""
    state, right = observed("step").tensors("state"), expected("step").tensors("state")
    if set(state) != set(right):
        fail("The model has other parameters than before.")
    for name, value in right.items():
        assert_close(state[name], value, "Is an old gradient cleared first?", what=f"the {name}")


def reach(right, bars, points):
    low, full = bars["linear"]
    if right < full:
        points.part(1 if right >= low else 0, f"{right:.0f} % of the held-out points are told apart.")
    assert right >= 0, "@message@"


@pytest.mark.points(4, question="learn")
def test_hidden_fit(observed, answers, bars, points):
    """A network is trained, and tells held-out points apart."""
    logits = observed("fit").tensor("logits", (400, 3))
    reach(100 * float((logits.argmax(1) == answers["labels"]).float().mean()), bars, points)


@pytest.mark.points(3, question="learn")
def test_hidden_weights(observed, answers, bars, points):
    """The weights that are handed in tell held-out points apart."""
    state = observed("weights").tensors("state")
    if set(state) != {"weight", "bias"} or state["weight"].shape != (3, 8) or state["bias"].shape != (3,):
        fail("weights.safetensors should hold weight (3, 8) and bias (3,).")
    logits = answers["unseen"] @ state["weight"].float().T + state["bias"].float()
    reach(100 * float((logits.argmax(1) == answers["labels"]).float().mean()), bars, points)
