"""LeNet-5, and the accuracy of the submitted weights."""

import math
from itertools import groupby, zip_longest
from operator import itemgetter

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from gradeprop.check import (
    activation_misreadings,
    assert_gradients,
    assert_repeatable,
    combined_misreadings,
    computed,
    ending_misreadings,
    fail,
    grade_accuracy,
    held_out_logits,
    identity,
    is_close,
    logits_differ,
    missing_hint,
    missing_in_order,
    network_of,
    parameters_of,
    shape_of,
    show_history,
    sizes_of,
    trace_of,
    trained_network,
)

SHAPES = ((6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120,), (84,), (10,))
LAYERS = ("the first convolution", "the second convolution", "the third convolution", "the first linear layer")
WEIGHTS = dict(zip((150, 2400, 48_000, 10_080, 840), (*LAYERS, "the last linear layer"), strict=True))
RELU4 = (torch.relu,) * 4


def lenet(weights, x, activations=RELU4, pool=F.max_pool2d, last=identity):
    """LeNet-5, or a misreading of it: other non-linearities, another pooling, something after the logits."""
    x = pool(activations[0](F.conv2d(x, weights["conv1.weight"], weights["conv1.bias"])), 2)
    x = pool(activations[1](F.conv2d(x, weights["conv2.weight"], weights["conv2.bias"])), 2)
    x = activations[2](F.conv2d(x, weights["conv3.weight"], weights["conv3.bias"])).flatten(1)
    x = activations[3](F.linear(x, weights["fc1.weight"], weights["fc1.bias"]))
    return last(F.linear(x, weights["fc2.weight"], weights["fc2.bias"]))


def misreadings():
    """Sentence → how that network differs from LeNet-5: one mistake, or two or three at once."""
    return combined_misreadings(
        3,
        activations=activation_misreadings(LAYERS, 3),
        pool=[("The pooling takes the average, not the maximum.", F.avg_pool2d)],
        last=ending_misreadings(),
    )


def misread(weights, images, logits):
    """The misreading that gives these logits, or an empty text."""
    return next((text for text, change in misreadings() if is_close(lenet(weights, images, **change), logits)), "")


def network(probe, observed, expected):
    """The network that a probe recorded, computed here, and the images that it was recorded on."""
    images = expected(probe).tensor("images")
    return network_of(observed(probe), images), images


@pytest.mark.points(3, question="lenet")
def test_lenet_has_its_parameters(observed, expected, points, show):
    """LeNet-5 has 61,706 parameters: weights and biases of three convolutions and two linear layers."""
    parameters, ours = (parameters_of(*network("lenet", seen, expected)) for seen in (observed, expected))
    got, asked = sizes_of(parameters), sizes_of(ours)
    rows = [(p.text("name"), shape_of(p), f"{size:,.0f}") for p, size in zip(parameters, got, strict=True)]
    show.table("The parameters of your LeNet5", ("name", "shape", "number"), rows[:30])
    if not got:
        fail("LeNet5 has no parameters: layers in a Python list are not found; use attributes or nn.ModuleList.")
    wrong = max(len([n for n in asked if n not in got]), len([n for n in got if n not in asked]), len(got) - len(asked))
    if wrong:
        hint = missing_hint(got, asked, WEIGHTS) or "Compare the table of your layers."
        points.part(max(0, 3 - wrong), f"LeNet5 has {sum(got):,.0f} parameters; LeNet-5 has 61,706. {hint}")


@pytest.mark.points(1, question="lenet")
def test_the_number_of_classes_can_be_chosen(observed, expected):
    """``LeNet5(num_classes=7)`` gives seven logits per image, and any other number as many."""
    logits, classes = (
        computed(*network("lenet_classes", observed, expected)),
        expected("lenet_classes").integer("classes"),
    )
    if logits.shape[1:] != (classes,):
        shape = list(logits.shape)
        fail(f"LeNet5(num_classes={classes}) returns the shape {shape}; expected [{len(logits)}, {classes}].")
    if not logits_differ(logits):
        fail("All images get the same logits.")


@pytest.mark.points(3, question="lenet")
def test_the_layers_have_the_shapes_of_lenet(observed, expected, points, show):
    """Between its layers, LeNet-5 has the shapes that the paper draws."""
    model, images = network("lenet", observed, expected)
    steps, ours = trace_of(model), trace_of(network("lenet", expected, expected)[0])
    rows = zip_longest(layers(steps), layers(ours), fillvalue=("", ""))
    header = ("your layers", "yours", "LeNet-5", "expected")
    show.table("What one image becomes", header, [(*a, *b) for a, b in rows][:30])
    shapes = [tuple(step.numbers("shape")) for step in steps]
    found = [places(shape[1:]) for shape in shapes if shape[:1] == (len(images),)]
    missing = missing_in_order(map(places, SHAPES), found)
    if missing:
        first = next(shape for shape in SHAPES if places(shape) == missing[0])
        message = f"No layer gives (n, {', '.join(map(str, first))}) in its turn."
        points.part(max(0, 3 - len(missing)), f"{message} Convolutions are 5×5, without padding; pooling is 2×2.")


def places(shape):
    """Maps, and values of each: (6, 28, 28) and (6, 784) are the same layer."""
    return (*shape[:1], math.prod(shape[1:]))


def trimmed(shape):
    """(120, 1, 1) and (120,) are the same layer: a convolution of the whole input or a linear layer."""
    return shape[:1] if shape[1:] == (1, 1) else shape


def layers(steps):
    """The layers of a trace as rows of a table: the operations at one shape, and the shape."""
    names = {"convolution": "conv", "addmm": "linear", "mm": "linear", "max_pool2d_with_indices": "max pool"}
    hidden = {"view", "t", "detach", "_unsafe_view", "empty", "clone", "alias", "transpose", "expand", "permute"}
    found = [(step.text("op"), trimmed(tuple(shape_of(step)[1:]))) for step in steps]
    shown = [(names.get(op, op.replace("_", " ")), shape) for op, shape in found if op not in hidden]
    groups = [(shape, [op for op, _ in group]) for shape, group in groupby(shown, key=itemgetter(1))]
    return [(", ".join(ops), " × ".join(map(str, shape))) for shape, ops in groups]


@pytest.mark.points(4, question="lenet")
def test_lenet_computes_what_the_paper_draws(observed, expected):
    """With the same weights, your network and LeNet-5 give the same logits."""
    seen, ours = observed("lenet_twin"), expected("lenet_twin")
    logits, images, weights = seen.tensor("logits", shape=(9, 10)), ours.tensor("images"), ours.tensors("state")
    present = {tensor.numel() for tensor in seen.tensors("state").values()}
    for name, tensor in weights.items():
        if name.endswith("bias") and tensor.numel() not in present:
            tensor.zero_()  # a missing bias is reported, and costs points, elsewhere
    if not is_close(logits, lenet(weights, images)):
        text = misread(weights, images, logits)
        fail(f"Your logits are not those of LeNet-5. {text or 'Compare the order and the shapes of your layers.'}")


@pytest.mark.points(2, question="lenet")
def test_every_parameter_learns(observed, expected):
    """The gradient reaches every parameter of LeNet-5."""
    hint = "Is a layer unused, frozen, in a Python list, or cut off by .detach()?"
    assert_gradients(observed("lenet_gradients").items("parameters"), hint)
    assert_gradients(parameters_of(*network("lenet", observed, expected)), hint)


@pytest.mark.points(1, question="lenet")
def test_an_image_gets_the_same_logits_every_time(observed, expected):
    """An image gets the same logits alone as in a batch and twice in a row, and is not changed."""
    again = "LeNet-5 has no dropout, and remembers nothing."
    alone = "do view or flatten mix the images? n must stay in front."
    assert_repeatable(observed("lenet_repeats"), (5, 10), again, alone)
    network("lenet_repeats", observed, expected)


def normalized(images):
    return (images.unsqueeze(1) / 255 - 0.1307) / 0.3081  # (n, 1, 32, 32)


@pytest.mark.points(4, question="accuracy")
def test_lenet_is_accurate(observed, answers, bars, reference, points, show):
    """LeNet5 with your weights classifies digits it has never seen."""
    network = trained_network(observed("weights_lenet5"))
    logits = held_out_logits(network, answers, normalized, show, reference.LeNet5())
    grade_accuracy(logits, answers["labels"], bars["lenet5"], points, show, full=4, passed=2)


@pytest.mark.points(3, question="accuracy")
def test_the_regularised_network_is_accurate(observed, answers, bars, reference, points, show):
    """The regularised LeNet-5 with your weights classifies digits it has never seen."""
    network = trained_network(observed("weights_regularised"))
    logits = held_out_logits(network, answers, normalized, show, reference.regularised_setup()[0])
    grade_accuracy(logits, answers["labels"], bars["lenet5_regularised"], points, show, full=3, passed=1)


@pytest.mark.points(1, question="accuracy")
def test_the_history_of_training_is_kept(observed, show):
    """history.json holds the loss and the accuracy of every epoch."""
    show_history(observed("history"), show)
