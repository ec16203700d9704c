"""The MLP of LeNet-5's size."""

import re
from itertools import pairwise

import pytest

from gradeprop.check import assert_gradients, fail, network_of, parameters_of, sizes_of, trace_of

MATRIX_PRODUCT = re.compile(r"(add)?mm|(ba)?(add)?bmm|matmul|linear")
# these are linear, whatever else is between two matrix products
LINEAR = re.compile(
    r"t|(un)?squeeze|_?(unsafe_)?(view|reshape).*|flatten|transpose|permute|expand|clone|detach|alias|add|sub|mul|div|"
    r"(lift_)?fresh|_to_copy|empty.*|zeros.*|ones.*|randn?|copy|slice|select|.*batch_norm.*|.*dropout.*|bernoulli"
)

ENDING = re.compile(r"_?(log_)?softmax|relu6?|leaky_relu|tanh|sigmoid|gelu|elu|celu|selu|silu|mish|hard\w+|clamp\w*")


def network(probe, observed, expected):
    """The network that a probe recorded, computed here, and the images that it was recorded on."""
    images = expected(probe).tensor("images")
    return network_of(observed(probe), images), images


def operations(observed, expected):
    """The operations of a forward pass, and the places of the matrix products among them."""
    names = [step.text("op") for step in trace_of(network("mlp", observed, expected)[0])]
    return names, [i for i, name in enumerate(names) if MATRIX_PRODUCT.fullmatch(name)]


@pytest.mark.points(2, question="mlp")
def test_the_mlp_is_of_lenets_size(observed, expected):
    """CustomMLP has within 5 % of LeNet-5's 61,706 parameters."""
    total = sum(sizes_of(parameters_of(*network("mlp", observed, expected))))
    if not abs(total - 61_706) <= 0.05 * 61_706:
        fail(f"CustomMLP has {total:,.0f} parameters; from 58,621 to 64,791 are required.")


@pytest.mark.points(2, question="mlp")
def test_the_mlp_has_two_hidden_layers(observed, expected):
    """CustomMLP has at least two hidden layers, and no convolution; all of its parameters learn."""
    parameters = parameters_of(*network("mlp", observed, expected))
    for each in (parameters, observed("mlp").items("parameters")):
        assert_gradients(each, "Is it used in forward?")
    dims = [len(parameter.numbers("shape")) for parameter in parameters]
    if dims.count(2) < 3 or max(dims) > 2:
        fail(f"CustomMLP has {dims.count(2)} matrices: two hidden layers need three, and none of another shape.")


@pytest.mark.points(2, question="mlp")
def test_the_mlp_bends_after_each_hidden_layer(observed, expected):
    """A non-linearity follows each hidden layer: without it two layers are worth one."""
    names, products = operations(observed, expected)
    if len(products) < 2:
        fail("CustomMLP multiplies with fewer than two matrices: where are its hidden layers?")
    for number, (begin, end) in enumerate(pairwise(products), start=1):
        if all(LINEAR.fullmatch(name) for name in names[begin + 1 : end]):
            fail(f"No non-linearity follows hidden layer {number}.")


@pytest.mark.points(2, question="mlp")
def test_the_mlp_gives_ten_logits_per_image(observed, expected):
    """CustomMLP gives ten logits per image, whichever images are beside it, and nothing follows them."""
    seen = observed("mlp_repeats")
    first = seen.tensor("first", shape=(5, 10)).double()
    network("mlp_repeats", observed, expected)
    if not (first.std(0) > 1e-6).any():
        fail("All images get the same logits.")
    for name, rows in {"softmax": first, "log-softmax": first.exp()}.items():
        if ((rows.sum(1) - 1).abs() < 1e-4).all() and (rows >= 0).all():
            fail(f"The outputs are those of a {name}: leave it to the loss, and return the logits.")
    names, products = operations(observed, expected)
    follows = [name for name in names[products[-1] + 1 :] if ENDING.fullmatch(name)] if products else []
    if follows:
        fail(f"{follows[0].strip('_')} follows the last layer: nothing follows the logits.")
    if not (seen.tensor("alone", shape=(5, 10)).double() - first).abs().max() < 1e-4:
        fail("An image got other logits alone than in a batch: flatten must keep n as the first size.")
