"""The LeNet for colour pictures."""

import functools
import math
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from gradeprop.check import fail, load_module

drawn = load_module(Path(__file__).with_name("probes.py"), "probes_of_caltech").drawn  # the weights that were filled in

COUNTS = {2: 1_194_654, 0: 410_526}  # by padding
SHAPES = {
    2: ((32, 64, 64), (32, 16, 16), (64, 16, 16), (64, 4, 4), (1021,), (84,), (101,)),
    0: ((32, 60, 60), (32, 15, 15), (64, 11, 11), (64, 2, 2), (1021,), (84,), (101,)),
}
LAYERS = ("the first convolution", "the second convolution", "the first linear layer", "the second linear layer")
RELU4 = (torch.relu,) * 4


def same(x):
    return x


def weight(seed, *shape):
    size = math.prod(shape)
    return drawn(seed, size).reshape(shape) * (2 * shape[0] / size) ** 0.5


def bias(seed, size):
    return drawn(seed, size) * 0.2


def lenet(seed, x, padding, bends=RELU4, pool=F.max_pool2d, last=same, biases=1.0):
    """The network of the course, or a misreading of it, with the weights that a seed draws."""
    for i, (maps, channels) in enumerate(((32, 3), (64, 32))):
        x = F.conv2d(x, weight(seed, maps, channels, 5, 5), bias(seed, maps) * biases, padding=padding)
        x = pool(bends[i](x), 4)
    x = x.flatten(1)
    for i, (outputs, inputs) in enumerate(((1021, x.shape[1]), (84, 1021), (101, 84))):
        x = F.linear(x, weight(seed, outputs, inputs), bias(seed, outputs))
        x = bends[2 + i](x) if i < 2 else last(x)
    return x


def misreadings():
    """Sentence → how that network differs."""
    yield "", {}
    for i, layer in enumerate(LAYERS):
        yield f"There is no ReLU after {layer}.", {"bends": (*RELU4[:i], same, *RELU4[i + 1 :])}
    yield "There is no ReLU anywhere.", {"bends": (same,) * 4}
    yield "There is no ReLU after the convolutions.", {"bends": (same, same, torch.relu, torch.relu)}
    yield "The pooling takes the average, not the maximum.", {"pool": F.avg_pool2d}
    yield "A softmax follows the last layer; the loss applies it.", {"last": functools.partial(F.softmax, dim=1)}
    yield "A log-softmax follows the last layer.", {"last": functools.partial(F.log_softmax, dim=1)}
    yield "A ReLU follows the last layer; logits may be negative.", {"last": torch.relu}
    for other in (torch.tanh, torch.sigmoid, F.leaky_relu, F.elu, F.gelu, F.silu):
        yield f"The non-linearity is {other.__name__}, not ReLU.", {"bends": (other,) * 4}


def close(a, b):
    """Agreement within what another order of additions may change."""
    a, b = a.double(), b.double()
    return a.shape == b.shape and bool(((a - b).abs() <= 1e-3 * b.abs().clamp(min=1)).all())


def whole(item):
    return [int(size) for size in item.numbers("shape")]


def total(parameters):
    return sum(math.prod(whole(parameter)) for parameter in parameters)


@pytest.mark.points(2, question="lenet")
def test_the_lenet_has_as_many_parameters_as_the_course_counts(observed):
    """CaltechLeNet has 1,194,654 parameters (410,526 without padding)."""
    found = total(observed("lenet_parameters").items("parameters"))
    if found not in COUNTS.values():
        fail(
            f"CaltechLeNet has {found:,} parameters; with padding 2 it has 1,194,654, without padding 410,526. "
            "Compare the layers with the table in its docstring."
        )


@pytest.mark.points(1, question="lenet")
def test_the_lenet_has_as_many_logits_as_classes(observed):
    """``num_classes`` sets the number of logits."""
    observed("lenet_classes").tensor("logits", shape=(3, 7))


@pytest.mark.points(2, question="lenet")
def test_the_maps_have_the_sizes_of_the_table(observed, points):
    """Each layer gives maps of the size in the docstring."""
    found = [tuple(whole(step)[1:]) for step in observed("lenet_layers").items("trace")]
    missing = {padding: not_there(found, shapes) for padding, shapes in SHAPES.items()}
    padding = min(missing, key=lambda key: len(missing[key]))
    if missing[padding]:
        shown = ", ".join(map(str, missing[padding][0]))
        points.part(
            max(0, 2 - len(missing[padding])),
            f"No layer gives (n, {shown}) in its turn. Convolutions are 5×5, pooling is 4×4 with stride 4.",
        )


def not_there(found, shapes):
    """Those of the shapes that are not found one after the other."""
    missing, place = [], 0
    for shape in shapes:
        if shape in found[place:]:
            place = found.index(shape, place)
        else:
            missing.append(shape)
    return missing


@pytest.mark.points(4, question="lenet")
def test_the_lenet_computes_what_the_table_says(observed, expected):
    """With the same weights, your network and the course's give the same logits."""
    seen, ours = observed("lenet_twin"), expected("lenet_twin")
    logits, images, seed = seen.tensor("logits", shape=(5, 101)), ours.tensor("images"), ours.integer("seed")
    size = total(seen.items("parameters"))
    biases = (
        1.0
        if size in COUNTS.values()
        or {"32", "64"} <= {str(whole(p)[0]) for p in seen.items("parameters") if len(whole(p)) == 1}
        else 0.0
    )
    paddings = (2, 0) if size != COUNTS[0] else (0, 2)
    for text, change in misreadings():
        for padding in paddings:
            if close(logits, lenet(seed, images, padding, biases=biases, **change)):
                if text:
                    fail(text)
                return
    fail("Your logits are not those of the network in the table. Compare the order and the shapes of your layers.")


@pytest.mark.points(1, question="lenet")
def test_every_parameter_of_the_lenet_learns(observed):
    """The gradient reaches every parameter."""
    parameters = observed("lenet_gradients").items("parameters")
    still = [p.text("name") for p in parameters if not p.number("gradient") > 0]
    if still or not parameters:
        names = ", ".join(still[:10]) or "any parameter"
        fail(f"No gradient reaches {names}. Is a layer unused, frozen, in a Python list, or cut off by .detach()?")


@pytest.mark.points(1, question="lenet")
def test_a_picture_gets_the_same_logits_every_time(observed):
    """A picture gets the same logits alone as in a batch and twice in a row, and is not changed."""
    seen = observed("lenet_repeats")
    first = seen.tensor("first", shape=(4, 101))
    if not (first.double().std(0) > 1e-6).any():
        fail("All pictures get the same logits.")
    if not close(seen.tensor("again"), first):
        fail("The same batch got other logits the second time: this network has no dropout, and remembers nothing.")
    if not close(seen.tensor("alone"), first):
        fail("A picture got other logits alone than in a batch: n must stay in front when you flatten.")
    if seen.number("changed") != 0:
        fail("The pictures that went in were changed in place.")
