"""The residual block."""

import pytest
from torch.nn import functional as F  # noqa: N812

from gradeprop.check import CheckFailed, assert_gradients, fail, is_close, shape_of

# parameters: as in the table, with biases in any convolution, with shortcuts that have no parameters
BLOCKS = {
    "same": ("64→64", 64, {73_984 + 64 * k for k in range(3)}),
    "halved": ("64→128, stride 2", 128, {n + 128 * k for n, most in ((230_144, 4), (221_696, 3)) for k in range(most)}),
    "second": ("128→128", 128, {295_424 + 128 * k for k in range(3)}),
}
# mistakes that leave a parameter without gradient
NO_GRADIENT = {"no skip", "first norm thrown away", "no last norm", "one convolution twice", "one norm twice"}


@pytest.mark.points(3, question="block")
def test_a_block_has_as_many_parameters_as_the_paper_counts(parameters, blocks, points):
    """Blocks have 73,984 (64→64), 230,144 (64→128, stride 2) and 295,424 (128→128) parameters."""
    wrong = []
    try:
        mistakes = blocks.mistakes() or frozenset()
    except CheckFailed:  # no block computes anything
        mistakes = frozenset()
    for name, (text, maps, right) in BLOCKS.items():
        if name == "halved" and mistakes == {"shape"}:
            continue  # it costs points elsewhere
        found = sum(parameters(f"block_parameters_{name}").values())
        norms = len(mistakes & {"no first norm", "no last norm", "one norm twice"})
        norms += name == "halved" and "bare projection" in mistakes
        more = maps * maps + 2 * maps if name != "halved" and "always a projection" in mistakes else 0
        if found not in right and found - more + 2 * maps * norms not in right:  # else it costs points elsewhere
            expects = max(right & {73_984, 230_144, 295_424})
            wrong.append(f"A block {text} has {found:,.0f} parameters; expected {expects:,}.")
    if wrong:
        points.part(3 - len(wrong), " ".join(wrong))


@pytest.mark.points(3, question="block")
def test_a_block_of_zeros_hands_on_its_input(observed, expected, blocks):
    """With every convolution at zero, a block returns relu(x)."""
    if blocks.charge("zeros"):
        return
    seen, x = observed("block_still"), expected("block_still").tensor("x")
    y = seen.tensor("y", shape=(3, 8, 6, 6))
    if not is_close(y, x.relu()):
        if is_close(y, x):
            fail(
                "With all convolutions at zero the block returns x, not relu(x): where is the ReLU after the addition?"
            )
        if not y.any():
            fail("With all convolutions at zero the block returns nothing: is the input added?")
        fail("With all convolutions at zero the block should return relu(x), and does not.")


@pytest.mark.points(3, question="block")
def test_what_is_added_may_be_negative(observed, expected, blocks):
    """With every convolution at zero and the shift of the BatchNorms at -1, a block returns relu(x - 1)."""
    seen, x = observed("block_shifted"), expected("block_shifted").tensor("x")
    y = seen.tensor("y", shape=(3, 8, 6, 6))
    if seen.number("changed") != 0:
        fail("x was changed in place: whoever called the block may need it as it was.")
    if blocks.charge("sum"):
        return
    if not is_close(y, (x - 1).relu()):
        if is_close(y, x.relu()):
            fail(
                "The shift of the last BatchNorm does not reach the sum: it is cut off at 0 by a ReLU before the "
                "addition, or no BatchNorm ends the second half."
            )
        fail("With its last BatchNorm at -1 the block should return relu(x - 1): does a BatchNorm end its second half?")


@pytest.mark.points(3, question="block")
def test_a_projection_takes_the_stride_and_a_batch_norm(observed, expected, blocks):
    """If shapes differ, the shortcut is a 1×1 convolution with the block's stride, then BatchNorm."""
    if blocks.mistakes() == {"shape"}:
        observed("block_projected")  # its error says more
        fail("A block that keeps the shape is right, one that changes it is not: look at projection and stride.")
    if blocks.charge("projection"):
        return
    seen, x = observed("block_projected"), expected("block_projected").tensor("x")
    y = seen.tensor("y", shape=(3, 12, 3, 3))
    if not is_close(y, F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, 4)).relu()):
        fail("A block 8→12, stride 2, with a projection that hands on its input should give every second pixel of it.")
    x, y = expected("block_strided").tensor("x"), observed("block_strided").tensor("y", shape=(3, 8, 3, 3))
    if not is_close(y, x[:, :, ::2, ::2].relu()):
        fail("A block 8→8 with stride 2 should project, too: as many channels, and another shape.")


@pytest.mark.points(3, question="block")
def test_a_block_computes_what_the_paper_draws(blocks):
    """With the same weights, your block and the paper's give the same, in training and in evaluation mode."""
    if not blocks.charge("order") and blocks.mistakes() is None:
        fail("Your block gives something else than the paper's. Compare the order of its layers.")


@pytest.mark.points(1, question="block")
def test_every_parameter_of_a_block_learns(observed, network, blocks):
    """The gradient reaches every parameter of a block."""
    mistakes = blocks.mistakes() or frozenset()
    if mistakes & NO_GRADIENT or observed("block_shifted").number("changed") != 0:
        return  # it costs points elsewhere
    for probe in ("block_gradients", *(["block_gradients_halved"] if "shape" not in mistakes else [])):
        assert_gradients(learning(observed(probe).items("parameters")), "Is a layer unused, or in a Python list?")
        network(probe)


def learning(parameters):
    """The parameters without the biases of convolutions before a BatchNorm, whose gradient is 0 by nature."""
    dims = {p.text("name"): len(shape_of(p)) for p in parameters}
    biases = {name for name, dim in dims.items() if dim == 1 and name.endswith("bias")}
    without = {name for name in biases if dims.get(f"{name.removesuffix('bias')}weight") == 4}
    return [p for p in parameters if p.text("name") not in without]
