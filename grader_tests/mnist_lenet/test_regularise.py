"""Augmentation and regularisers, by what they do."""

import math
import re

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from gradeprop.check import assert_gradients, fail, missing_in_order, network_of, parameters_of, sizes_of, trace_of

# a library's normalisation, of maps or of weights, or the root of a variance or of a sum of squares in one by hand
NORM = re.compile(r".*_norm.*|r?sqrt|pow|(std|var)(_mean)?|vdot")


@pytest.mark.points(1, question="regularise")
def test_an_augmented_digit_is_a_new_image(observed, expected):
    """``augment_digit`` returns a new image of the same shape, type and range, and leaves the one it got."""
    seen, image = observed("augment"), expected("augment").tensor("image")
    if seen.flag("changed"):
        fail("The image that went in was changed in place: work on a copy.")
    for result in seen.tensors("results").values():
        if result.shape != image.shape or result.dtype != image.dtype:
            fail(f"A result is {result.dtype} {list(result.shape)}; expected torch.float32 [1, 32, 32].")
        if result.min() < -1e-5 or result.max() > 1 + 1e-5:
            fail("The pixels left [0, 1].")


def likeness(pictures, image):
    """The likeness of each picture, at its best shift, to the image and its three mirror images: (n, 4), up to 1."""
    flipped = torch.stack([image.flip(axes) for axes in ((), (-1,), (-2,), (-1, -2))])
    products = F.conv2d(pictures, flipped, padding=8).amax((2, 3))
    return products / pictures.flatten(1).norm(dim=1, keepdim=True) / image.norm()


@pytest.mark.points(1, question="regularise")
def test_an_augmented_digit_varies_and_stays_readable(observed, expected):
    """``augment_digit`` gives another image each time, and the digit can still be read."""
    image = expected("augment").tensor("image")
    found = observed("augment").tensors("results").values()
    results = [result.float().reshape(1, 32, 32) for result in found if result.numel() == 1024]
    if not results:
        fail("augment_digit gave back nothing that could be a digit of 32×32.")
    upright, *others = likeness(torch.stack(results), image).T
    # measured on 150 pictures: turning by 30 degrees gives at most 0.205, a mirror 0.22 or more
    if not (torch.stack(others).amax(0) < upright + 0.21).all():
        fail("A digit came back mirrored or upside down: a mirrored 2 is no 2, and a turned 6 is a 9.")
    if len({tuple(result.flatten().tolist()) for result in results}) < 2:
        fail("The image came back the same at each of 200 calls: is anything random?")
    if not (upright > 0.3).all():
        fail("A digit came back so different that it can hardly be read.")


@pytest.mark.points(1, question="regularise")
def test_the_regularised_network_is_of_lenets_size(observed, expected):
    """The regularised network is LeNet-5: its convolutions, ten logits, and within 5 % of 61,706 parameters."""
    seen = observed("regularised")
    first = seen.tensor("first", shape=(6, 10)).double()
    for name, rows in {"softmax": first, "log-softmax": first.exp()}.items():
        if ((rows.sum(1) - 1).abs() < 1e-4).all() and (rows >= 0).all():
            fail(f"The network ends in a {name}: leave it to the loss, and return the logits.")
    images = expected("regularised").tensor("images")
    network = network_of(seen, images)
    total = sum(sizes_of(parameters_of(network, images)))
    if not abs(total - 61_706) <= 0.05 * 61_706:
        fail(f"The network has {total:,.0f} parameters; from 58,621 to 64,791 are required.")
    shapes = [step.numbers("shape") for step in trace_of(network)]
    found = [(*shape[:2], math.prod(shape[2:])) for shape in shapes if len(shape) > 2]
    maps = {(6, 6, 28**2): "6 maps of 28×28", (6, 16, 10**2): "16 maps of 10×10"}  # of six images
    missing = missing_in_order(maps, found)
    if missing:
        fail(f"No layer gives {maps[missing[0]]}: the regularised network keeps the layers of LeNet-5.")


@pytest.mark.points(1, question="regularise")
def test_the_setup_can_be_trained(observed):
    """The optimiser holds every parameter, the loss reaches each of them, and training does not diverge."""
    left_out = observed("regularised").texts("left_out")
    if left_out:
        fail(f"The optimiser does not hold {', '.join(left_out[:10])}: pass it the parameters of the model you return.")
    seen = observed("regularised_step")
    seen.number("loss")
    assert_gradients(seen.items("parameters"))
    first, *_, last = observed("regularised_steps").numbers("losses", 20)
    if last > 2 * abs(first):  # a fair recipe may rise a little at its start; 1.0 for AdamW's rate gives 100 times
        fail(f"In 20 steps on one batch the loss went from {first:.3g} to {last:.3g}: is the learning rate too large?")


def decays(rest):
    """Return True if parameters shrink in a step without gradients, in float64."""
    return rest.number("after") < rest.number("before") * (1 - 1e-13)


def found_regularisers(observed, expected):
    """Each regulariser that shows in what the setup does."""
    seen, rest, truth = observed("regularised"), observed("regularisers"), expected("regularisers")
    network = network_of(seen, expected("regularised").tensor("images"))
    first, again = seen.tensor("first", shape=(6, 10)), seen.tensor("again", shape=(6, 10))
    if not torch.allclose(first.double(), again.double(), atol=1e-6):
        yield "dropout or other randomness while training"
    if any(NORM.fullmatch(step.text("op")) for step in trace_of(network)):
        yield "normalisation"
    if decays(rest) and not rest.flag("default_decay"):
        yield "weight decay"
    each = F.cross_entropy(truth.tensor("log_probabilities"), truth.tensor("labels"), reduction="none")
    if all(abs(rest.number("loss") - plain.item()) > 1e-5 for plain in (each.mean(), each.sum())):
        yield "a loss that adds to cross entropy"
    if rest.flag("augments"):
        yield "augmentation"


@pytest.mark.points(4, question="regularise")
def test_two_regularisers_are_at_work(observed, expected, points):
    """At least two regularisers are at work."""
    found = list(found_regularisers(observed, expected))
    if len(found) < 2:
        rest, message = observed("regularisers"), f"Only this was found to work: {found[0] if found else 'nothing'}."
        if decays(rest) and rest.flag("default_decay"):
            message += " AdamW's default weight decay of 0.01 does not count."
        points.part(2 * len(found), f"{message} Use two.")
