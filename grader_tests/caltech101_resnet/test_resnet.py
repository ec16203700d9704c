"""ResNet-18."""

import functools

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from gradeprop.check import (
    CheckFailed,
    assert_gradients,
    drawn_values,
    fail,
    is_close,
    missing_in_order,
    shape_of,
    trace_of,
)

PERIOD = 9973  # of the values that the probes fill in
# shortcuts may have no parameters; the first layer, either convolution of the blocks, and projections may have biases
BIASES = [first + blocks for first in (0, 64) for blocks in (0, 1920, 3840)]
FREE = {11_054_501 + biases for biases in BIASES}
RESNET = {11_228_325 + biases + last for biases in BIASES for last in (0, 896)} | FREE
SHAPES = ((64, 32, 32), (64, 16, 16), (128, 8, 8), (256, 4, 4), (512, 2, 2), (101,))
NONE = frozenset()

# change → the check that it costs points in, and the sentence
MISREAD = {
    "no first ReLU": ("order", "There is no ReLU after the first BatchNorm."),
    "no first norm": ("order", "No BatchNorm follows the first convolution."),
    "average pool": ("order", "The first pooling takes the average, not the maximum."),
    "pool 2": ("order", "The max pool has windows of 2×2; the paper's are 3×3, with padding 1 and stride 2."),
    "max at the end": ("order", "The last pooling takes the maximum, not the average."),
    "softmax": ("order", "A softmax follows the last layer; the loss applies it."),
    "log-softmax": ("order", "A log-softmax follows the last layer."),
    "no pool": ("shapes", "There is no max pool after the first convolution."),
    "stride in conv_2": ("shapes", "conv_2 has a stride of 2; there the max pool has it, and conv_2 has 1."),
    **{f"no stride in conv_{k}": ("shapes", f"conv_{k} has no stride; its first block has 2.") for k in (3, 4, 5)},
    "stem of 3": ("parameters", "The first convolution has kernels of 3×3; the paper's are 7×7."),
    **{f"one block in conv_{k}": ("parameters", f"conv_{k} has one block; each has two.") for k in (2, 3, 4, 5)},
    "one block in each": ("parameters", "Each stage has one block; it should have two."),
    "three blocks in each": ("parameters", "Each stage has three blocks; it should have two."),
}


def learning(parameters):
    """The parameters without the biases of convolutions before a BatchNorm, whose gradient is 0 by nature."""
    dims = {p.text("name"): len(shape_of(p)) for p in parameters}
    biases = {name for name, dim in dims.items() if dim == 1 and name.endswith("bias")}
    without = {name for name in biases if dims.get(f"{name.removesuffix('bias')}weight") == 4}
    return [p for p in parameters if p.text("name") not in without]


@functools.cache
def logits_of(blocks, images, seed, free, changes, of_blocks):
    """ResNet-18, or a misreading of it, on images that come as bytes, so that no network is computed twice."""
    weights, x = blocks.Weights(seed), torch.frombuffer(bytearray(images), dtype=torch.float32).reshape(2, 3, 64, 64)
    x = weights.convolution(x, 64, 3 if "stem of 3" in changes else 7, 2)
    x = x if "no first norm" in changes else weights.norm(x)
    x = x if "no first ReLU" in changes else torch.relu(x)
    if "average pool" in changes:
        x = F.avg_pool2d(x, 3, 2, 1)
    elif "pool 2" in changes:
        x = F.max_pool2d(x, 2)
    elif "no pool" not in changes:
        x = F.max_pool2d(x, 3, 2, 1)
    for stage, maps in enumerate((64, 128, 256, 512), start=2):
        few = changes & {f"one block in conv_{stage}", "one block in each"}
        strided = "stride in conv_2" in changes if stage == 2 else f"no stride in conv_{stage}" not in changes
        for number in range(1 if few else 3 if "three blocks in each" in changes else 2):
            stride = 2 if strided and number == 0 else 1
            x = blocks.compute(x, maps, stride, weights, free=free, changes=of_blocks)
    x = x.amax((2, 3)) if "max at the end" in changes else x.mean((2, 3))
    weight = drawn_values(seed, 101 * 512, PERIOD).reshape(101, 512) * (2 / 512) ** 0.5
    x = F.linear(x, weight, drawn_values(seed, 101, PERIOD) * 0.2)
    return x.softmax(1) if "softmax" in changes else x.log_softmax(1) if "log-softmax" in changes else x


@pytest.fixture
def mistakes(observed, expected, blocks, parameters):
    """Find the mistakes that explain the logits: none if they are right, None if they are not recognised.

    A mistake of BasicBlock costs nothing here, if the network could be made of no other blocks than the student's.
    """
    seen, ours = observed("resnet"), expected("resnet")
    logits, images, seed = seen.tensor("logits"), ours.tensor("images").numpy().tobytes(), ours.integer("seed")
    free = sum(parameters("resnet").values()) in FREE
    try:
        of_blocks = (blocks.mistakes() or NONE) & set(blocks.known)
    except CheckFailed:  # no block computes anything
        of_blocks = NONE
    for of_these in (NONE, of_blocks) if of_blocks else (NONE,):
        for changes in (NONE, *(frozenset({change}) for change in MISREAD)):
            if is_close(logits, logits_of(type(blocks), images, seed, free, changes, of_these)):
                return changes or frozenset({"block"} if of_these else ())
    return None


@pytest.mark.points(4, question="resnet")
def test_resnet_has_as_many_parameters_as_the_paper_counts(network, parameters, mistakes, charge):
    """ResNet18 has 11,228,325 parameters."""
    if charge(mistakes, "parameters", MISREAD):
        return
    sizes, used = parameters("resnet"), network("resnet").used()
    found = sum(sizes.values())
    if found not in RESNET and not (mistakes == NONE and sum(sizes.get(name, 0) for name in used) in RESNET):
        fail(
            f"ResNet18 has {found:,.0f} parameters, {found - 11_228_325:+,.0f} from 11,228,325: count its blocks, two "
            "per stage, and its first and last layer."
        )


@pytest.mark.points(3, question="resnet")
def test_the_maps_shrink_as_in_the_table(network, mistakes, charge, points):
    """From 64 pixels the maps shrink to 32, 16, 16, 8, 4 and 2."""
    if charge(mistakes, "shapes", MISREAD):
        return
    found = [tuple(shape_of(step)[1:]) for step in trace_of(network("resnet"))]
    missing = missing_in_order(SHAPES, found)
    if missing:
        shown = ", ".join(map(str, missing[0]))
        message = f"No layer gives (n, {shown}) in its turn. Stride 2 is in the first convolution, in the max pool, "
        message += "and in the first block of conv_3, conv_4 and conv_5."
        points.part(max(0, 3 - len(missing)), message)


@pytest.mark.points(4, question="resnet")
def test_resnet_computes_what_the_paper_draws(observed, mistakes, charge):
    """With the same weights, your network and the paper's give the same logits."""
    observed("resnet").tensor("logits", shape=(2, 101))
    if not charge(mistakes, "order", MISREAD) and mistakes is None:
        fail("Your logits are not those of ResNet-18. Compare the order of your layers with the table.")


@pytest.mark.points(2, question="resnet")
def test_every_parameter_of_resnet_learns(observed, expected, network):
    """The gradient reaches every parameter of ResNet18, also with another number of classes."""
    seen = observed("resnet_gradients")
    seen.tensor("logits", shape=(2, expected("resnet_gradients").integer("classes")))
    assert_gradients(learning(seen.items("parameters")), "Is a layer unused, or in a Python list?")
    network("resnet")


@pytest.mark.points(1, question="resnet")
def test_a_picture_gets_the_same_logits_each_time(observed, network):
    """In evaluation mode a picture gets the same logits alone as in a batch, and twice in a row."""
    seen = observed("resnet")
    first = seen.tensor("logits", shape=(2, 101))
    if not is_close(seen.tensor("again"), first):
        fail("The same batch got other logits the second time.")
    if not is_close(seen.tensor("alone"), first[:1]):
        fail("A picture got other logits alone than in a batch: n must stay in front.")
    network("resnet")
