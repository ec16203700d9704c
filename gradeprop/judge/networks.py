"""Functions for checks of networks: counting parameters, gradients, repeated calls, and naming a likely misreading."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from gradeprop.judge.accessors import Seen
from gradeprop.judge.assertions import fail, is_close
from gradeprop.judge.graph import Network
from gradeprop.judge.operations import NotComputable
from gradeprop.judge.trained_weights import computed, read_network

Function = Callable[[Tensor], Tensor]
T = TypeVar("T")

_OTHER_ACTIVATIONS: Mapping[str, Function] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "leaky ReLU": F.leaky_relu,
    "ELU": F.elu,
    "GELU": F.gelu,
    "Swish": F.silu,
}


def network_of(seen: Seen, images: Tensor) -> Network:
    """Return the network that ``draw.graph`` recorded on these images, after computing its logits here.

    What a check then reads from the network is what it computes, and not what the submission says of it.

    A network that draws random numbers, by a dropout that is never off, gives others each time: a check of repeated
    calls reports that.

    Raises:
        CheckFailed: it was recorded on others, or its operations do not give the logits that the submission returned.
    """
    network = read_network(seen)
    if network.batch != tuple(images.shape):
        fail(f"The network was run on images of the shape {list(network.batch)}; expected {list(images.shape)}.")
    if not network.is_random and not is_close(seen.tensor("logits"), computed(network, images)):
        fail("The operations of the network do not give its logits. Compute them with torch operations alone.")
    return network


def parameters_of(network: Network, images: Tensor) -> list[Seen]:
    """Return ``name``, ``shape`` and ``gradient`` of each parameter: the norm for cross entropy on these images."""
    classes = computed(network, images).shape[-1]
    try:
        gradients = network.gradients(images, torch.arange(len(images)) % max(1, classes))
    except NotComputable as error:
        fail(f"The gradient of the network cannot be computed: {error}.")
    shapes = {name: list(network.weights[name].shape) for name in network.parameters}
    return [_item(name=name, shape=shape, gradient=gradients[name]) for name, shape in shapes.items()]


def trace_of(network: Network) -> list[Seen]:
    """Return ``op`` and ``shape`` of each operation of the network, in order."""
    return [_item(op=name, shape=shape) for name, shape in network.steps]


def _item(**values: object) -> Seen:
    return Seen(values, dict[str, Tensor]().__getitem__)


def shape_of(item: Seen) -> list[int]:
    """Return the ``shape`` of a parameter or of a step of a trace."""
    return [int(size) for size in item.numbers("shape")]


def sizes_of(parameters: Sequence[Seen]) -> list[float]:
    """Return the number of values of each parameter, by its ``shape``: floats, which no forged shape can overflow."""
    return [math.prod(parameter.numbers("shape")) for parameter in parameters]


def missing_in_order(shapes: Iterable[T], steps: Sequence[T]) -> list[T]:
    """Return those of ``shapes`` that the steps of a trace do not have, one after the other."""
    missing, place = [], 0
    for size in shapes:
        if size in steps[place:]:
            place = steps.index(size, place) + 1
        else:
            missing.append(size)
    return missing


def assert_gradients(parameters: Sequence[Seen], hint: str = "") -> None:
    """Fail unless there are parameters, and each has a ``gradient`` above 0; the message names those that have none."""
    without = [parameter.text("name") for parameter in parameters if not parameter.number("gradient") > 0]
    if without or not parameters:
        fail(f"No gradient reaches {', '.join(without[:10]) or 'any parameter'}. {hint}".strip())


def logits_differ(logits: Tensor) -> bool:
    """Return True if not all images get the same logits (n, classes)."""
    return bool((logits.double().std(0) > 1e-6).any())


def assert_repeatable(seen: Seen, size: tuple[int | None, int], again: str, alone: str, noun: str = "image") -> None:
    """Check what ``draw.repeats`` returned: an image gets the same logits every time, and is not changed.

    Args:
        size: of the logits.
        again: why the same batch might get other logits, for the message.
        alone: why an image might get other logits outside its batch.
        noun: for one input.
    """
    first = seen.tensor("first", shape=size)
    if not logits_differ(first):
        fail(f"All {noun}s get the same logits.")
    if not is_close(seen.tensor("again"), first):
        fail(f"The same batch got other logits the second time: {again}")
    if (alone_logits := seen.tensor("alone")).shape[:1] != first.shape[:1]:
        fail(f"For one {noun} the logits have another shape than (1, {first.shape[1]}): does a squeeze remove n?")
    if not is_close(alone_logits, first):
        fail(f"{'An' if noun[0] in 'aeiou' else 'A'} {noun} got other logits alone than in a batch: {alone}")
    if seen.number("changed") != 0:
        fail(f"The {noun}s that went in were changed in place.")


def identity(x: Tensor) -> Tensor:
    """Return the input: the place of a function that is missing."""
    return x


def activation_misreadings(layers: Sequence[str], convolutions: int) -> Iterator[tuple[str, tuple[Function, ...]]]:
    """Yield the likely mistakes in a network of ReLUs: a sentence, and the function after each hidden layer.

    Args:
        layers: names of the hidden layers, such as "the first convolution".
        convolutions: how many of them, from the start, are convolutions.
    """
    n, relu = len(layers), (torch.relu,)
    for i, layer in enumerate(layers):
        yield f"There is no ReLU after {layer}.", (*relu * i, identity, *relu * (n - i - 1))
    yield "There is no ReLU anywhere.", (identity,) * n
    if 0 < convolutions < n:
        yield "There is no ReLU after the convolutions.", (*(identity,) * convolutions, *relu * (n - convolutions))
        yield "There is no ReLU between the linear layers.", (*relu * convolutions, *(identity,) * (n - convolutions))
    for name, other in _OTHER_ACTIVATIONS.items():
        yield f"The non-linearity is {name}, not ReLU.", (other,) * n


def ending_misreadings() -> Iterator[tuple[str, Function]]:
    """Yield what may wrongly follow the logits: a sentence, and the function."""
    yield "A softmax follows the last layer; the loss applies it.", lambda x: x.softmax(1)
    yield "A log-softmax follows the last layer; the loss applies it.", lambda x: x.log_softmax(1)
    yield "A ReLU follows the last layer: a logit could never be negative.", torch.relu
    for name, other in _OTHER_ACTIVATIONS.items():
        yield f"{name[0].upper()}{name[1:]} follows the last layer: nothing follows the logits.", other


def combined_misreadings(
    together: int = 2, /, **kinds: Iterable[tuple[str, object]]
) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield each mistake, then each pair of mistakes of different kinds, and so on: the sentences, and by kind.

    Args:
        together: the maximum number of mistakes at once.
        kinds: a name, such as ``activations`` or ``last``, and its mistakes: a sentence, and what is there instead.
    """
    tables = {name: list(mistakes) for name, mistakes in kinds.items()}
    for number in range(1, min(len(tables), together) + 1):
        for names in itertools.combinations(tables, number):
            for chosen in itertools.product(*(tables[name] for name in names)):
                changes = {name: value for name, (_, value) in zip(names, chosen, strict=True)}
                yield " ".join(sentence for sentence, _ in chosen), changes


def missing_hint(got: Sequence[float], asked: Sequence[float], names: Mapping[float, str]) -> str:
    """Say what a network lacks that has parameters of the sizes ``got``; "" if it has all sizes, or others besides.

    Args:
        asked: sizes of the parameters that it should have.
        names: the sizes of the layers' weights, and the names of the layers; any other parameter is a bias.
    """
    missing = set(asked) - set(got)
    if not missing or not set(got) < set(asked):
        return ""
    layers = [name for size, name in names.items() if size in missing]
    if layers:
        return f"Missing: {', '.join(layers)}. Layers in a Python list are not found either."
    return "Does every layer have its bias?"
