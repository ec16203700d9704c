"""The improvement, by what it does; the accuracy of the submitted weights; the history of training."""

import math
import re

import pytest
import torch
from given import caltech
from torch.nn import functional as F  # noqa: N812

from gradeprop.check import (
    assert_gradients,
    computed,
    fail,
    held_out_logits,
    measure_accuracy,
    show_history,
    trace_of,
    trained_network,
)

# a library's normalisation, of maps or of weights, or the root of a variance or of a sum of squares in one by hand
NORM = re.compile(r".*_norm.*|r?sqrt|pow|(std|var)(_mean)?|vdot")
# non-linearities other than ReLU
BEND = re.compile(
    r"[cgs]?elu|silu|mish|hardswish|hardtanh|hardsigmoid|softplus|tanh|sigmoid|leaky_relu|_?prelu.*|rrelu.*"
)
# of CaltechLeNet, by size: with padding 2, and without
LENET = (
    sorted((2400, 32, 51_200, 64, 1024 * 1021, 1021, 1021 * 84, 84, 84 * 101, 101)),
    sorted((2400, 32, 51_200, 64, 256 * 1021, 1021, 1021 * 84, 84, 84 * 101, 101)),
)
MOST = 2_000_000  # parameters


@pytest.mark.points(1, question="improve")
def test_the_improved_network_is_of_the_size_allowed(observed, parameters):
    """The improved network gives 101 logits per picture and has at most 2 million parameters."""
    seen = observed("improved")
    logits = seen.tensor("first", shape=(4, 101)).double()
    for rows, name in ((logits, "softmax"), (logits.exp(), "log-softmax")):
        if ((rows.sum(1) - 1).abs() < 1e-4).all() and (rows >= 0).all():
            fail(f"The outputs of a picture are those of a {name}: leave the softmax to the loss and to predict.")
    total = sum(parameters("improved").values())
    if not total <= MOST:
        fail(f"The network has {total:,.0f} parameters; at most 2,000,000 are allowed.")


@pytest.mark.points(1, question="improve")
def test_the_improved_setup_can_be_trained(observed, network):
    """The optimiser holds every parameter, the loss reaches each of them, and training does not diverge."""
    left_out = observed("improved").texts("left_out")
    if left_out:
        fail(f"The optimiser does not hold {', '.join(left_out[:10])}: pass it the parameters of the model you return.")
    seen = observed("improved_step")
    seen.number("loss")
    assert_gradients(seen.items("parameters"))
    losses = observed("improved_steps").numbers("losses", 10)
    # without the notebook's warm-up: RMSprop with 0.001 and AdamW with 0.01 rise up to 10 times, Adam with 0.1 8,000
    if max(losses) > 50 * abs(losses[0]):
        rose = f"from {losses[0]:.3g} to {max(losses):.3g}"
        fail(f"In 10 steps on one batch the loss rose {rose}: is the learning rate too large?")
    network("improved")


def initialised(weights):
    """Return True if the spread of some weight is not that of PyTorch's initialisation, 1 / sqrt(3 · inputs)."""
    large = [weight.double() for weight in weights if weight.dim() > 1 and weight.numel() > 2000]
    return any(abs(weight.std().item() * (3 * weight[0].numel()) ** 0.5 - 1) > 0.1 for weight in large)


def found_improvements(network, observed, expected):
    """Each improvement that shows in what the setup does."""
    seen, rest, truth = observed("improved"), observed("improvements"), expected("improvements")
    first, again = seen.tensor("first", shape=(4, 101)), seen.tensor("again", shape=(4, 101))
    if not torch.allclose(first.double(), again.double(), atol=1e-6):
        yield "dropout or other randomness while training"
    operations, weights = (
        [step.text("op") for step in trace_of(network)],
        [network.weights[name] for name in network.parameters],
    )
    if any(map(NORM.fullmatch, operations)):
        yield "normalisation"
    if rest.number("after") < rest.number("before") * (1 - 1e-9) and not rest.flag("default_decay"):
        yield "weight decay"
    each = F.cross_entropy(truth.tensor("log_probabilities"), truth.tensor("labels"), reduction="none")
    if all(abs(rest.number("loss") - plain.item()) > 1e-5 for plain in (each.mean(), each.sum())):
        yield "a loss that adds to cross entropy"
    if initialised(weights):
        yield "another initialisation"
    if any(map(BEND.fullmatch, operations)) or not is_lenet(network, weights, expected("improved").tensor("images")):
        yield "other layers"


def is_lenet(network, weights, images):
    """Return True if the network computes what CaltechLeNet does with these weights, with or without padding."""
    sizes = sorted(weight.numel() for weight in weights)
    if sizes not in LENET:
        return False
    padding, values = (2 if sizes == LENET[0] else 0), {weight.numel(): weight for weight in weights}

    def layer(*shape):
        """The weights of a layer, a matrix perhaps transposed, and its biases."""
        weight = values[math.prod(shape)]
        return weight.T if weight.shape == shape[::-1] else weight.reshape(shape), values[shape[0]].flatten()

    x = F.max_pool2d(F.conv2d(images, *layer(32, 3, 5, 5), padding=padding).relu(), 4)
    x = F.max_pool2d(F.conv2d(x, *layer(64, 32, 5, 5), padding=padding).relu(), 4).flatten(1)
    x = F.linear(F.linear(x, *layer(1021, x.shape[1])).relu(), *layer(84, 1021)).relu()
    logits = F.linear(x, *layer(101, 84))
    # with its first weights, which are small, most of a logit is its bias
    return bool((computed(network, images) - logits).abs().max() <= 1e-5 * logits.abs().max())


@pytest.mark.points(3, question="improve")
def test_something_is_improved(observed, expected, network):
    """At least one improvement of your own is at work."""
    if next(found_improvements(network("improved"), observed, expected), None) is None:
        own = " Its decay is the one that the optimizer has by itself." * observed("improvements").flag("default_decay")
        fail(
            "Nothing was found that CaltechLeNet with plain cross entropy does not have: no regulariser works, and no "
            f"layer differs.{own}"
        )


MEAN, STD = (torch.tensor(values).view(3, 1, 1) for values in (caltech.MEAN, caltech.STD))


def normalized(images):
    return (images / 255 - MEAN) / STD  # (n, 3, 64, 64)


def graded(network, answers, steps, points, show, like=None):
    """The points of the highest step that is reached; the last step gives all."""
    logits, labels = held_out_logits(network, answers, normalized, show, like), answers["labels"]
    reached, message = measure_accuracy(logits, labels, "validation pictures", decimals=1)
    right = (logits.double().argmax(1) == labels).double()
    classes = 100 * torch.stack([right[labels == k].mean() for k in labels.unique()]).mean().item()
    message += f"; the mean over the classes is {classes:.1f} %"
    got = max((given for bar, given in steps if reached >= bar), default=0)
    more = next((f"{bar:g} % give {given} points" for bar, given in steps if reached < bar), "")
    if not got:
        fail(f"{message}. {more}. Were these the weights after training?")
    if more:
        points.part(got, f"{message}. {more}.")
    show.text(f"{message}.")


@pytest.mark.points(15, question="improved_accuracy")
def test_the_improved_network_is_accurate(observed, answers, bars, points, show):
    """The improved network with your weights classifies pictures it has never seen."""
    network = trained_network(observed("weights_improved"))
    total = sum(network.weights[name].numel() for name in network.parameters)
    others = network.numbers - total  # statistics of BatchNorms, and constants: too few for a table of the pictures
    if total > MOST or others > MOST / 4:
        others = f" and {others:,} other numbers" * (total <= MOST)
        fail(f"The network has {total:,} parameters{others}; at most 2,000,000 parameters are allowed.")
    low, high = bars["improved"]
    steps = [(low + (high - low) * k / 3, given) for k, given in enumerate((5, 8, 12, 15))]
    graded(network, answers, steps, points, show)


@pytest.mark.points(5, question="resnet_accuracy")
def test_resnet_is_accurate(observed, answers, bars, reference, points, show):
    """ResNet-18 with your weights classifies pictures it has never seen."""
    low, high = bars["resnet18"]
    graded(
        trained_network(observed("weights_resnet")), answers, [(low, 3), (high, 5)], points, show, reference.ResNet18()
    )


@pytest.mark.points(1, question="resnet_accuracy")
def test_the_history_of_training_is_kept(observed, show):
    """history.json holds the loss and the accuracy of every epoch."""
    show_history(observed("history"), show)
