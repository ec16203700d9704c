"""The three networks: their parameters, and what they compute with weights that were drawn."""

import functools

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
    identity,
    is_close,
    logits_differ,
    missing_hint,
    network_of,
    parameters_of,
    shape_of,
    sizes_of,
    trace_of,
)

RELU = torch.relu
LAYERS = ("the first convolution", "the second convolution", "the third convolution", "the first linear layer")
WEIGHTS = dict(zip((150, 2400, 30_720, 10_080, 840), (*LAYERS, "the last linear layer"), strict=True))
WEIGHTS |= {47_040: "the first hidden layer", 1800: "the second hidden layer", 300: "the output layer"}
NORMED = (6, 16, 120, 84)  # outputs of the layers that a BatchNorm may follow


# ---------------------------------------------------------------- the networks, and their misreadings


def batch_norm(x, weights, name, training, eps):
    """Normalise as PyTorch does; without such weights, return x."""
    if f"{name}.weight" not in weights:
        return x
    mean, var = weights[f"{name}.running_mean"].clone(), weights[f"{name}.running_var"].clone()
    return F.batch_norm(x, mean, var, weights[f"{name}.weight"], weights[f"{name}.bias"], training, eps=eps)


def lenet(
    weights,
    x,
    activations=(RELU,) * 4,
    pool=F.max_pool2d,
    last=identity,
    training=False,
    norm="before the ReLU",
    eps=1e-5,
):
    """LeNet for 28×28, with a BatchNorm where the weights hold one; or a misreading of it."""
    for i in range(4):
        weight, bias = (weights[f"{('conv1', 'conv2', 'conv3', 'fc1')[i]}.{part}"] for part in ("weight", "bias"))
        x = F.conv2d(x, weight, bias) if i < 3 else F.linear(x, weight, bias)
        normed = functools.partial(batch_norm, weights=weights, name=f"norm{i + 1}", training=training, eps=eps)
        x = normed(x) if norm == "before the ReLU" else x
        if norm == "after pooling":
            x = activations[i](normed(pool(x, 2) if i < 2 else x))
        else:
            x = activations[i](x)
            x = normed(x) if norm == "after the ReLU" else x
            x = pool(x, 2) if i < 2 else x
        x = x.flatten(1) if i == 2 else x
    return last(F.linear(x, weights["fc2.weight"], weights["fc2.bias"]))


def mlp(weights, x, activations=(RELU,) * 2, last=identity):
    """784-60-30-10, or a misreading of it."""
    x = activations[0](F.linear(x.flatten(1), weights["hidden1.weight"], weights["hidden1.bias"]))
    x = activations[1](F.linear(x, weights["hidden2.weight"], weights["hidden2.bias"]))
    return last(F.linear(x, weights["output.weight"], weights["output.bias"]))


def misreadings_of_mlp():
    """Sentence → how that network differs: one mistake, or two at once."""
    layers = ("the first hidden layer", "the second hidden layer")
    return combined_misreadings(activations=activation_misreadings(layers, 0), last=ending_misreadings())


def misreadings_of_lenet(**more):
    return combined_misreadings(
        **more,
        activations=activation_misreadings(LAYERS, 3),
        pool=[("The pooling takes the average, not the maximum.", F.avg_pool2d)],
        last=ending_misreadings(),
    )


def misreadings_of_norms():
    places = ("after the ReLU", "after pooling")
    return misreadings_of_lenet(
        norm=[(f"BatchNorm comes {place}; it belongs between a layer and its ReLU.", place) for place in places]
    )


def assert_twin(logits, network, weights, images, readings, name):
    """Fail unless the logits are those of the network, with the likely misreading."""
    if not is_close(logits, network(weights, images)):
        found = (text for text, change in readings if is_close(logits, network(weights, images, **change)))
        hint = next(found, "Compare the order and the shapes of your layers with the docstring.")
        fail(f"With the same weights, {name} gives other logits than it should. {hint}")


def without_missing_biases(weights, parameters, norms=()):
    """The weights, zero for a bias that the student's layers do not have: that is reported elsewhere, or allowed."""
    there = sizes_of([p for p in parameters if len(p.numbers("shape")) <= 1])
    for name in ("conv1", "conv2", "conv3", "fc1", "hidden1", "hidden2"):
        bias = weights.get(f"{name}.bias")
        if bias is not None and there.count(len(bias)) <= 2 * norms.count(len(bias)):
            bias.zero_()
    return weights


def anatomy(probe, observed, expected):
    """The parameters of a network, those that forward never uses, and the sizes of its BatchNorms."""
    images = expected(probe).tensor("images")
    network = network_of(observed(probe), images)
    parameters, used = parameters_of(network, images), network.used()
    unused = [p for p in parameters if p.text("name") not in used]
    norms = [step for step in trace_of(network) if "batch_norm" in step.text("op")]
    return parameters, unused, [n for step in norms for n in shape_of(step)[1:2]]


def show_parameters(parameters, unused, show, name):
    rows = [
        (p.text("name"), shape_of(p), f"{size:,.0f}", "no" if p in unused else "")
        for p, size in zip(parameters[:40], sizes_of(parameters[:40]), strict=True)
    ]
    show.table(f"The parameters of your {name}", ("name", "shape", "number", "used by forward"), rows)


def assert_parameters(parameters, unused, asked, show, points, name, worth):
    """Fail unless there is exactly what is required, and forward uses it."""
    show_parameters(parameters, unused, show, name)
    if not parameters:
        fail(f"{name} has no parameters: layers in a Python list are not found; use attributes or nn.ModuleList.")
    got, want = sizes_of(parameters), sizes_of(asked)
    if sorted(got) == sorted(want) and not unused:
        return
    message = f"{name} has {sum(got):,.0f} parameters; {sum(want):,.0f} are required."
    if unused:
        names, n = ", ".join(p.text("name") for p in unused[:6]), sum(sizes_of(unused))
        message += f" {n:,.0f} are in layers that forward never uses ({names}): they count, and never learn."
    elif hint := missing_hint(got, want, WEIGHTS):
        message += f" {hint}"
    wrong = max(len([n for n in want if n not in got]), len([n for n in got if n not in want]), len(unused), 1)
    points.part(max(0, worth - wrong), f"{message} Compare the table of your layers with the docstring.")


def assert_every_answer_alike(seen, ours, name):
    """An image gets the same logits twice, and alone as in a batch; it is not changed."""
    images = ours.tensor("images")
    again = f"{name} has no dropout, and remembers nothing."
    alone = "do view or flatten mix the images? n stays in front."
    assert_repeatable(seen, (len(images), 10), again, alone)
    network_of(seen, images)


# ---------------------------------------------------------------- small_lenet


@pytest.mark.points(4, question="small_lenet")
def test_the_small_lenet_has_its_parameters(observed, expected, points, show):
    """SmallLeNet has 44,426 parameters, and forward uses them all."""
    asked, *_ = anatomy("lenet", expected, expected)
    parameters, unused, _ = anatomy("lenet", observed, expected)
    assert_parameters(parameters, unused, asked, show, points, "SmallLeNet", worth=4)


@pytest.mark.points(2, question="small_lenet")
def test_the_small_lenet_takes_a_number_of_classes(observed, expected):
    """``SmallLeNet(num_classes=7)`` gives seven logits per image, and any other number as many."""
    ours = expected("lenet_classes")
    images, classes = ours.tensor("images"), ours.integer("classes")
    logits = computed(network_of(observed("lenet_classes"), images), images)
    if logits.shape[1:] != (classes,):
        shape, asked = list(logits.shape), [len(images), classes]
        fail(f"SmallLeNet(num_classes={classes}) returns the shape {shape}; expected {asked}.")
    if not logits_differ(logits):
        fail("All images get the same logits.")


@pytest.mark.points(6, question="small_lenet")
def test_the_small_lenet_computes_what_the_table_says(observed, expected):
    """With the same weights, your SmallLeNet and ours give the same logits."""
    seen, ours = observed("lenet_answers"), expected("lenet_answers")
    parameters, _, norms = anatomy("lenet", observed, expected)
    weights, images = without_missing_biases(ours.tensors("state"), parameters, norms), ours.tensor("images")
    logits = seen.tensor("logits", shape=(len(images), 10))
    assert_twin(logits, lenet, weights, images, misreadings_of_lenet(), "SmallLeNet")


@pytest.mark.points(2, question="small_lenet")
def test_the_small_lenet_learns_everywhere(observed, expected):
    """The gradient reaches every layer of SmallLeNet."""
    parameters, unused, _ = anatomy("lenet_gradients", observed, expected)
    names = [p.text("name") for p in unused]
    for found in (observed("lenet_gradients").items("gradients"), parameters):
        assert_gradients([p for p in found if p.text("name") not in names], "Is something frozen, or cut off?")


@pytest.mark.points(2, question="small_lenet")
def test_the_small_lenet_answers_the_same_every_time(observed, expected):
    """SmallLeNet gives an image the same logits alone as in a batch and twice in a row, in training mode too."""
    assert_every_answer_alike(observed("lenet_repeats"), expected("lenet_repeats"), "SmallLeNet")


# ---------------------------------------------------------------- small_mlp


@pytest.mark.points(4, question="small_mlp")
def test_the_mlp_has_its_parameters(observed, expected, points, show):
    """SmallMLP has 49,240 parameters, 784-60-30-10, and forward uses them all."""
    asked, *_ = anatomy("mlp", expected, expected)
    parameters, unused, _ = anatomy("mlp", observed, expected)
    assert_parameters(parameters, unused, asked, show, points, "SmallMLP", worth=4)


@pytest.mark.points(4, question="small_mlp")
def test_the_mlp_computes_what_it_should(observed, expected):
    """With the same weights, your SmallMLP and ours give the same logits."""
    seen, ours = observed("mlp_answers"), expected("mlp_answers")
    parameters, images = anatomy("mlp", observed, expected)[0], ours.tensor("images")
    weights = without_missing_biases(ours.tensors("state"), parameters)
    logits = seen.tensor("logits", shape=(len(images), 10))
    assert_twin(logits, mlp, weights, images, misreadings_of_mlp(), "SmallMLP")


@pytest.mark.points(2, question="small_mlp")
def test_the_mlp_answers_the_same_every_time(observed, expected):
    """SmallMLP gives an image the same logits alone as in a batch and twice in a row, in training mode too."""
    assert_every_answer_alike(observed("mlp_repeats"), expected("mlp_repeats"), "SmallMLP")


# ---------------------------------------------------------------- regularised_lenet


def twin(observed, expected):
    """Logits of the student's network, the images, our weights, with those BatchNorms that it runs through, and ours.

    The small number that a BatchNorm adds to the variance is the student's choice.
    """
    seen, ours = observed("regularised_twin"), expected("regularised_twin")
    parameters, _, norms = anatomy("regularised_twin", observed, expected)
    left_out = tuple(f"norm{i}." for i, n in enumerate(NORMED, start=1) if n not in norms)
    weights = {name: tensor for name, tensor in ours.tensors("state").items() if not name.startswith(left_out)}
    weights = without_missing_biases(weights, parameters, norms)
    logits, images = seen.tensor("logits", shape=(12, 10)), ours.tensor("images")
    choices = [functools.partial(lenet, eps=eps) for eps in (1e-5, 1e-3, 1e-4, 1e-6, 1e-2)]
    chosen = next((network for network in choices if is_close(logits, network(weights, images))), lenet)
    return logits, images, weights, norms, chosen


@pytest.mark.points(6, question="regularised_lenet")
def test_the_regularised_lenet_has_its_parameters(observed, expected, points, show):
    """RegularisedLeNet has 44,878 parameters (44,438 with one BatchNorm), and forward uses them all."""
    parameters, unused, norms = anatomy("regularised", observed, expected)
    show_parameters(parameters, unused, show, "RegularisedLeNet")
    got, norms = sum(sizes_of(parameters)), sorted(norms)
    if unused:
        names, n = ", ".join(p.text("name") for p in unused[:6]), sum(sizes_of(unused))
        fail(f"{got:,.0f} parameters, but {n:,.0f} are in layers that forward never uses ({names}): they never learn.")
    if norms not in ([6], sorted(NORMED)):
        shown = ", ".join(map(str, norms)) or "none"
        hint = "one after each convolution and fc1 (6, 16, 120, 84), or one after the first convolution (6)"
        points.part(2, f"forward runs through BatchNorms of these sizes: {shown}. Expected: {hint}.")
    without_biases = 44_426 + 2 * sum(norms)
    # each bias before a BatchNorm may be left out
    allowed = {without_biases}
    for n in norms:
        allowed |= {total - n for total in allowed}
    if got not in allowed:
        points.part(3, f"RegularisedLeNet has {got:,.0f} parameters; {without_biases:,} are required.")


@pytest.mark.points(6, question="regularised_lenet")
def test_the_regularised_lenet_computes_what_it_should(observed, expected):
    """With the same weights, your RegularisedLeNet and ours give the same logits in evaluation mode."""
    logits, images, weights, _, ours = twin(observed, expected)
    if is_close(logits, lenet(weights, images, training=True)):
        return  # statistics of the batch in evaluation mode are reported below
    assert_twin(logits, ours, weights, images, misreadings_of_norms(), "RegularisedLeNet")


@pytest.mark.points(3, question="regularised_lenet")
def test_batch_norm_trains_on_the_batch(observed, expected):
    """In training mode BatchNorm uses mean and variance of the batch, and keeps running averages of them."""
    seen = observed("regularised_twin")
    first, images, weights, norms, ours = twin(observed, expected)
    if not norms:
        fail("forward runs through no BatchNorm.")
    trained = seen.tensor("trained", shape=(12, 10))
    if is_close(trained, ours(weights, images, training=False)):
        fail("In training mode BatchNorm used its running averages, not those of the batch: is it in evaluation mode?")
    if is_close(trained, first):
        return  # statistics of the batch in both modes are reported below
    if is_close(seen.tensor("later", shape=(12, 10)), first):
        fail("A batch in training mode left the running averages as they were: evaluation would never know the data.")


@pytest.mark.points(4, question="regularised_lenet")
def test_evaluation_is_not_random(observed, expected):
    """In evaluation mode dropout is off and BatchNorm uses its running averages."""
    seen = observed("regularised_answers")
    first = seen.tensor("first", shape=(6, 10))
    if not is_close(seen.tensor("again"), first):
        fail("In evaluation mode the same batch got other logits the second time: dropout is for training only.")
    if not is_close(seen.tensor("alone"), first):
        fail("In evaluation mode an image got other logits in another batch: BatchNorm must use running averages.")
    if seen.number("changed") != 0:
        fail("The images that went in were changed in place.")
    network_of(seen, expected("regularised_answers").tensor("images"))


def varies(pair):
    return not is_close(pair[0], pair[1])


@pytest.mark.points(3, question="regularised_lenet")
def test_dropout_works_in_training(observed, expected):
    """In training mode dropout sets hidden values to 0 at random, and never logits."""
    seen = observed("dropout")
    network_of(seen, expected("dropout").tensor("images"))
    half = seen.tensor("half", shape=(2, 6, 10))
    if not varies(half):
        fail("RegularisedLeNet(dropout=0.5) gave the same logits twice in training mode: no dropout is at work.")
    if (half == 0).any():
        fail("Dropout acts on the logits: some are exactly 0. Put it before the last layer.")


@pytest.mark.points(2, question="regularised_lenet")
def test_dropout_is_the_probability_to_drop(observed, expected):
    """``dropout`` is the probability that a value is set to 0: with 0 nothing is random, with 1 nothing is left."""
    seen = observed("dropout")
    network_of(seen, expected("dropout").tensor("images"))
    none, everything = (
        seen.tensor("none", shape=(2, 6, 10)),
        observed("dropout_of_all").tensor("all", shape=(2, 6, 10)),
    )
    if not (varies(seen.tensor("half", shape=(2, 6, 10))) or varies(none)):
        fail("No dropout is at work.")
    alike = [bool((logits[0].double().std(0) < 1e-3).all()) for logits in (none, everything)]
    if alike[0] and not alike[1]:
        fail("With dropout=0 nothing was left: you take it for the probability to keep a value.")
    if varies(none):
        fail("With dropout=0 training is still random: is the argument used?")
    if not alike[1]:
        fail("With dropout=1 the images still got different logits: is the argument used?")
