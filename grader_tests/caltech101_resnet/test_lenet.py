"""The LeNet for colour pictures."""

import itertools
import math

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from gradeprop.check import (
    activation_misreadings,
    assert_gradients,
    assert_repeatable,
    computed,
    drawn_values,
    ending_misreadings,
    fail,
    identity,
    is_close,
    missing_in_order,
    parameters_of,
    shape_of,
    sizes_of,
    trace_of,
)

COUNTS = {2: 1_194_654, 0: 410_526}  # by padding
SHAPES = {
    2: ((32, 64, 64), (32, 16, 16), (64, 16, 16), (64, 4, 4), (1021,), (84,), (101,)),
    0: ((32, 60, 60), (32, 15, 15), (64, 11, 11), (64, 2, 2), (1021,), (84,), (101,)),
}
LAYERS = ("the first convolution", "the second convolution", "the first linear layer", "the second linear layer")
RELU4 = (torch.relu,) * 4


PERIOD = 9973  # of the values that the probes fill in


def weight(seed, *shape):
    size = math.prod(shape)
    return drawn_values(seed, size, PERIOD).reshape(shape) * (2 * shape[0] / size) ** 0.5


def bias(seed, size):
    return drawn_values(seed, size, PERIOD) * 0.2


def lenet(seed, x, padding, activations=RELU4, pool=F.max_pool2d, last=identity, biases=1.0):
    """The network of the course, or a misreading of it, with the weights that a seed draws."""
    for i, (maps, channels) in enumerate(((32, 3), (64, 32))):
        x = F.conv2d(x, weight(seed, maps, channels, 5, 5), bias(seed, maps) * biases, padding=padding)
        x = pool(activations[i](x), 4)
    x = x.flatten(1)
    for i, (outputs, inputs) in enumerate(((1021, x.shape[1]), (84, 1021), (101, 84))):
        x = F.linear(x, weight(seed, outputs, inputs), bias(seed, outputs))
        x = activations[2 + i](x) if i < 2 else last(x)
    return x


def misreadings():
    """Yield the likely mistakes and their products, the simplest first: a sentence, and how that network differs."""
    bends = [("", RELU4), *activation_misreadings(LAYERS, 2)]
    pools = ("", F.max_pool2d), ("The pooling takes the average, not the maximum.", F.avg_pool2d)
    products = list(itertools.product(bends, pools, [("", identity), *endings()]))
    for (bend, activations), (pooling, pool), (ending, last) in sorted(products, key=how_many):
        text = " ".join(filter(None, (bend, pooling, ending)))
        yield text, {"activations": activations, "pool": pool, "last": last}


def how_many(product):
    return sum(bool(text) for text, _ in product)


def endings():
    """Yield what may wrongly follow the logits."""
    yield from ending_misreadings()
    for other in (F.gelu, torch.tanh, torch.sigmoid, F.leaky_relu, F.elu, F.silu):
        yield f"The non-linearity {other.__name__} follows the last layer; logits come as they are.", other


@pytest.mark.points(2, question="lenet")
def test_the_lenet_has_as_many_parameters_as_the_course_counts(parameters):
    """CaltechLeNet has 1,194,654 parameters (410,526 without padding)."""
    found = sum(parameters("lenet").values())
    if found not in COUNTS.values():
        fail(
            f"CaltechLeNet has {found:,.0f} parameters; with padding 2 it has 1,194,654, without padding 410,526. "
            "Compare the layers with the table in its docstring."
        )


@pytest.mark.points(1, question="lenet")
def test_the_lenet_has_as_many_logits_as_classes(network, expected):
    """``num_classes`` sets the number of logits."""
    truth, found = expected("lenet_classes"), network("lenet_classes")
    shape, classes = list(computed(found, truth.tensor("images")).shape), truth.integer("classes")
    if shape[1:] != [classes]:
        fail(f"CaltechLeNet(num_classes={classes}) returns the shape {shape}; expected [{shape[0]}, {classes}].")


@pytest.mark.points(2, question="lenet")
def test_the_maps_have_the_sizes_of_the_table(network, points):
    """Each layer gives maps of the size in the docstring."""
    found = [tuple(shape_of(step)[1:]) for step in trace_of(network("lenet"))]
    missing = {padding: missing_in_order(shapes, found) for padding, shapes in SHAPES.items()}
    padding = min(missing, key=lambda key: len(missing[key]))
    if missing[padding]:
        shown = ", ".join(map(str, missing[padding][0]))
        points.part(
            max(0, 2 - len(missing[padding])),
            f"No layer gives (n, {shown}) in its turn. Convolutions are 5×5, pooling is 4×4 with stride 4.",
        )


@pytest.mark.points(4, question="lenet")
def test_the_lenet_computes_what_the_table_says(observed, expected):
    """With the same weights, your network and the course's give the same logits."""
    seen, ours = observed("lenet_twin"), expected("lenet_twin")
    logits, images, seed = seen.tensor("logits", shape=(5, 101)), ours.tensor("images"), ours.integer("seed")
    size = sum(sizes_of(seen.items("parameters")))
    biases = (
        1.0
        if size in COUNTS.values()
        or {"32", "64"} <= {str(shape_of(p)[0]) for p in seen.items("parameters") if len(shape_of(p)) == 1}
        else 0.0
    )
    paddings = (2, 0) if size != COUNTS[0] else (0, 2)
    for text, change in misreadings():
        for padding in paddings:
            if is_close(logits, lenet(seed, images, padding, biases=biases, **change)):
                if text:
                    fail(text)
                return
    fail("Your logits are not those of the network in the table. Compare the order and the shapes of your layers.")


@pytest.mark.points(1, question="lenet")
def test_every_parameter_of_the_lenet_learns(observed, network, expected):
    """The gradient reaches every parameter."""
    hint = "Is a layer unused, frozen, in a Python list, or cut off by .detach()?"
    assert_gradients(observed("lenet_gradients").items("parameters"), hint)
    assert_gradients(parameters_of(network("lenet"), expected("lenet").tensor("images")), hint)


@pytest.mark.points(1, question="lenet")
def test_loss_and_accuracy_of_the_lenet_are_reported(observed):
    """history.json holds loss and accuracy of the trained LeNet on both splits, for every epoch."""
    models = {model.text("name"): model for model in observed("history").items("models")}
    if "lenet" not in models:
        fail('history.json has no entry "lenet": train the LeNet, and save its history as the notebook does.')
    epochs = len(models["lenet"].numbers("train_loss"))
    for quantity in ("test_loss", "train_accuracy", "test_accuracy"):
        models["lenet"].numbers(quantity, epochs)
    if not epochs:
        fail('The entry "lenet" of history.json holds empty lists: train first.')


@pytest.mark.points(1, question="lenet")
def test_a_picture_gets_the_same_logits_every_time(observed, network):
    """A picture gets the same logits alone as in a batch and twice in a row, and is not changed."""
    again = "this network has no dropout, and remembers nothing."
    alone = "n must stay in front when you flatten."
    assert_repeatable(observed("lenet_repeats"), (4, 101), again, alone, noun="picture")
    network("lenet_repeats")
