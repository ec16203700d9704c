"""LeNet, the shapes it tells, and the wrapper that leaves its logits."""

import itertools

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
    logits_differ,
)

STAGES = ((6, 14, 14), (16, 5, 5), (400,), (256,), (128,), (100,))
LAYERS = ("the first convolution", "the second convolution", "the first linear layer", "the second linear layer")
RELU4 = (torch.relu,) * 4
BIASES = (6, 16, 256, 128, 100)


def lenet(weights, x, activations=RELU4, pool=F.max_pool2d, last=identity):
    """LeNet, or a misreading of it: other non-linearities, another pooling, something after the logits."""
    x = pool(activations[0](F.conv2d(x, weights["conv1.weight"], weights["conv1.bias"])), 2)
    x = pool(activations[1](F.conv2d(x, weights["conv2.weight"], weights["conv2.bias"])), 2).flatten(1)
    x = activations[2](F.linear(x, weights["fc1.weight"], weights["fc1.bias"]))
    x = activations[3](F.linear(x, weights["fc2.weight"], weights["fc2.bias"]))
    return last(F.linear(x, weights["fc3.weight"], weights["fc3.bias"]))


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


def misread(weights, images, logits):
    """The misreading that gives these logits: "" for LeNet itself, None if there is none."""
    return next((text for text, change in misreadings() if is_close(lenet(weights, images, **change), logits)), None)


def missing_layers(got, asked):
    """Say what is missing of the parameters ``asked``, by size, if nothing else is wrong."""
    missing = [size for size in asked if size not in got]
    if not missing or len(got) + len(missing) != len(asked):
        return "Compare the table of your layers."
    weights = [size for size in missing if size not in BIASES]
    if not weights:
        return "Does every layer have its bias?"
    sizes = ", ".join(f"{size:,.0f}" for size in weights)
    return f"There are no weights of {sizes} numbers: is each of the five layers there, as an attribute of its own?"


@pytest.mark.points(5, question="lenet")
def test_lenet_has_its_parameters(network, reference, points, show):
    """LeNet has 151,324 parameters: weights and biases of two convolutions and three linear layers."""
    found, asked = network("lenet"), [parameter.numel() for parameter in reference.LeNet().parameters()]
    parameters = {name: found.weights[name] for name in found.parameters}
    got = [parameter.numel() for parameter in parameters.values()]
    rows = [(name[:60], " × ".join(map(str, p.shape)), f"{p.numel():,}") for name, p in parameters.items()]
    show.table("The parameters of your LeNet", ("name", "shape", "number"), rows[:30])
    if not got:
        fail("LeNet has no parameters: layers in a Python list are not found; use attributes or nn.ModuleList.")
    wrong = max(len([n for n in asked if n not in got]), len([n for n in got if n not in asked]), len(got) - len(asked))
    if wrong:
        hint = missing_layers(got, asked)
        points.part(max(0, 5 - wrong), f"LeNet has {sum(got):,.0f} parameters; 151,324 are required. {hint}")


def returned_shapes(seen):
    """The shapes that forward returned, by the name of the key."""
    if seen.text("kind") != "pair":
        fail(f"forward returned {seen.text('kind')}; it should return (logits, shapes), and shapes should be a dict.")
    found = seen.items("shape_list")
    return {item.text("stage"): tuple(int(n) for n in item.numbers("shape")) for item in found}


@pytest.mark.points(6, question="lenet")
def test_forward_tells_the_shapes_of_its_stages(observed, expected, network, points, show):
    """forward returns the shape after each of the six stages, n first, under the numbers 1 to 6."""
    seen = observed("lenet_shapes")
    shapes, n = returned_shapes(seen), len(expected("lenet_shapes").tensor("images"))
    network("lenet_shapes")
    rows = [(k, shapes.get(str(k), "–"), (n, *stage)) for k, stage in enumerate(STAGES, start=1)]
    show.table("The shapes of your stages", ("stage", "yours", "expected"), rows)
    wrong = [(k, got, right) for k, got, right in rows if got != right]
    if wrong:
        k, got, right = wrong[0]
        message = f"Stage {k} is reported as {listed(got)}; it should be {list(right)}. {hint(got, right, shapes)}"
        points.part(max(0, 6 - len(wrong)), message)
    if set(seen.texts("keys")) != {"int"} or len(shapes) != 6:
        points.part(4, "The keys should be the numbers 1 to 6, and nothing else, as ints.")


def listed(shape):
    return list(shape) if isinstance(shape, tuple) else "nothing"


def hint(got, right, shapes):
    """Name the likely mistake behind a shape."""
    if not isinstance(got, tuple):
        return f"The keys are {', '.join(shapes) or 'none'}."
    if got[1:] == right[1:]:
        return "The first number is that of the images in the batch: take it from x."
    if got == right[1:]:
        return "n comes first."
    if len(got) == 4 and got[2] == 2 * right[2]:
        return "Take the shape after the pooling."
    return "Is it taken at the end of the stage?"


@pytest.mark.points(3, question="lenet")
def test_another_input_shape_works(observed, expected, network, points):
    """``LeNet(input_shape=(rows, columns))`` takes images of this size."""
    seen, truth = observed("lenet_input"), expected("lenet_input")
    seen.tensor("logits", shape=(2, 100))
    network("lenet_input")
    if seen.text("kind") != "pair":
        return  # reported, and costs points, elsewhere
    flat = next(item.numbers("shape")[-1] for item in truth.items("shape_list") if item.text("stage") == "3")
    sizes = [item.numbers("shape") for item in seen.items("shape_list")]
    if [6, 14, 14] in [shape[-3:] for shape in sizes]:
        points.part(2, "Another size of the images leaves the shapes as they were: are they written down as numbers?")
    if sizes and flat not in [shape[-1] for shape in sizes if shape]:
        sides = f"{truth.integer('rows')}×{truth.integer('columns')}"
        points.part(2, f"For images of {sides}, {flat:g} numbers should come out of stage 3; no stage tells that.")


@pytest.mark.points(2, question="lenet")
def test_the_number_of_classes_can_be_chosen(network, expected):
    """``LeNet(num_classes=7)`` gives seven logits per image, and any other number as many."""
    truth = expected("lenet_classes")
    logits, classes = computed(network("lenet_classes"), truth.tensor("images")), truth.integer("classes")
    if logits.shape[1:] != (classes,):
        shape = list(logits.shape)
        fail(f"LeNet(num_classes={classes}) returns the shape {shape}; expected [{len(logits)}, {classes}].")
    if not logits_differ(logits):
        fail("All images get the same logits.")


@pytest.mark.points(6, question="lenet")
def test_lenet_computes_what_is_asked(observed, expected, reference):
    """With the same weights, your network and LeNet give the same logits."""
    seen, truth = observed("lenet_twin"), expected("lenet_twin")
    logits, images = seen.tensor("logits", shape=(7, 100)), truth.tensor("images")
    present, seed = set(seen.numbers("sizes")), truth.integer("seed")
    weights = {
        name: (drawn_values(seed, value.numel()) * value.numel() ** -0.25).reshape(value.shape)
        for name, value in reference.LeNet().state_dict().items()
    }
    for name, tensor in weights.items():
        if name.endswith("bias") and tensor.numel() not in present:
            tensor.zero_()  # a missing bias is reported, and costs points, elsewhere
    text = misread(weights, images, logits)
    if text != "":
        fail(f"Your logits are not those of LeNet. {text or 'Compare the order and the shapes of your layers.'}")


@pytest.mark.points(2, question="lenet")
def test_every_parameter_learns(observed, parameters):
    """The gradient reaches every parameter of LeNet."""
    for each in (observed("lenet_gradients").items("parameters"), parameters("lenet")):
        assert_gradients(each, "Is a layer unused, frozen, in a Python list, or cut off by .detach()?")


@pytest.mark.points(2, question="lenet")
def test_an_image_gets_the_same_logits_every_time(observed, network):
    """An image gets the same logits alone as in a batch and twice in a row, and is not changed."""
    again = "this LeNet has no dropout, and remembers nothing."
    alone = "do view or flatten mix the images? n must stay in front."
    assert_repeatable(observed("lenet_repeats"), (4, 100), again, alone)
    network("lenet_repeats")


@pytest.mark.points(2, question="logits")
def test_the_wrapper_gives_the_logits_alone(observed, expected):
    """``LogitsOnly(model)(x)`` is the first of what model(x) returns, and nothing else."""
    seen, truth = observed("logits"), expected("logits")
    if not seen.flag("is_tensor"):
        fail("The wrapper returned no tensor: of (logits, shapes), give out the logits alone.")
    if not is_close(seen.tensor("logits"), truth.tensor("logits")):
        fail("The wrapper's output is not the logits of the network in it.")


@pytest.mark.points(2, question="logits")
def test_the_wrapper_holds_the_network_itself(observed, expected):
    """To train the wrapper is to train the network, and its mode is the network's."""
    seen = observed("logits_shared")
    held = [item.flag("held") for item in seen.items("parameters")]
    if not held:
        fail("The wrapper has no parameters: an optimizer would train nothing. Keep the network as an attribute.")
    zero = expected("logits_shared").tensor("zero")
    if not all(held) or (seen.has("zero") and seen.tensor("zero", shape=zero.shape).any()):
        fail("The wrapper works on a copy: what trains it leaves your network as it was.")
    if not seen.flag("follows"):
        fail("wrapper.eval() does not reach the network in it: call super().__init__() and keep it as an attribute.")
