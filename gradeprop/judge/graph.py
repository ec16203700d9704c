"""Compute the network of a submission here, from its graph and its weights, without its code.

The jail records the graph (``gradeprop.guest.graph``): the torch operations of one forward. It is untrusted, so an
operation must be one that only computes, and all sizes are known before anything is computed.

    network = Network.read(observed("weights_lenet"))
    logits = network(images)                    with the weights of the submission
    logits = network(images, {name: values})    with others
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import flop_registry

from gradeprop.judge.accessors import Seen

_NAME = re.compile(r"aten\.(\w+)\.(\w+)")
_TAGS = {torch.Tag.core, torch.Tag.pointwise}
"""of operations that only compute; torch itself gives them"""
_MORE = """
    t detach lift_fresh lift_fresh_copy _unsafe_view _reshape_alias transpose unsqueeze squeeze stack split unbind narrow
    roll rot90 tile tril triu im2col unfold pixel_shuffle pixel_unshuffle channel_shuffle zeros ones eye linspace
    empty_like zeros_like ones_like rand_like randn_like new_zeros new_ones new_full new_empty copy fill zero masked_fill
    native_batch_norm _batch_norm_with_update _fused_rms_norm bernoulli rrelu_with_noise _prelu_kernel baddbmm mv dot
    linear norm linalg_vector_norm std var_mean std_mean logsumexp upsample_bicubic2d adaptive_max_pool2d
    _scaled_dot_product_flash_attention_for_cpu
"""
_OTHERS = frozenset(_MORE.split())
"""others that only compute"""
_REFUSED = frozenset({"resize", "_embedding_bag"})
"""of torch's core, but they reach memory that is not theirs"""
_MAX_NUMBERS = 1 << 28
"""values of all tensors of one forward together"""
_MAX_MULTIPLY_ADDS = 1e11
"""of one forward"""
_TYPES: dict[str, type] = {"$dtype": torch.dtype, "$memory_format": torch.memory_format}
_PLACES = frozenset({"device", "layout", "pin_memory", "generator"})
"""arguments that say where a tensor is, or whose chance it follows"""


class NotComputable(Exception):
    """The graph cannot be computed here; the text is a clause that says why."""


@dataclass(slots=True)
class _Operation:
    """One operation of torch, with the numbers of the tensors that it takes and gives."""

    run: Any
    args: Any
    kwargs: Any
    results: list[int]
    over: tuple[int, ...] = ()
    """tensors that nothing uses later"""


@dataclass(frozen=True, slots=True)
class Network:
    """The graph of a network, with the weights of the submission."""

    weights: dict[str, Tensor]
    """parameters and buffers by name, in the student's order"""
    parameters: tuple[str, ...]
    """names of those that are learned"""
    constants: dict[int, Tensor]
    """tensors that are neither: they are in the code"""
    numbers: int
    """numbers in the weights and constants"""
    multiply_adds: float
    """of one image"""
    steps: list[tuple[str, tuple[int, ...]]]
    """name and shape of the result of each operation"""
    batch: tuple[int, ...]
    """shape of the images that it takes"""
    _operations: list[_Operation]
    _names: dict[str, int]
    _output: int

    @classmethod
    def read(cls, seen: Seen) -> "Network":
        """Read what ``draw.graph`` recorded.

        Raises:
            CheckFailed: the observation has other types.
            NotComputable: it is no graph, is too large, or has an operation that is not computed here.
        """
        text = seen.tensor("graph", shape=(None,), dtype=torch.uint8)
        state, found = seen.tensors("state"), seen.tensors("constants")
        try:
            graph = json.loads(text.numpy().tobytes())
            names = {str(name): int(number) for name, number in graph["weights"].items()}
            batch = tuple(int(size) for size in graph["images"])
            constants = {int(number): tensor for number, tensor in found.items()}
            weights = {name: state[name] for name in names}
            operations = [_operation(*each) for each in graph["operations"]]
            output = int(graph["output"])
            _set_last_uses(operations, output)
            parameters = tuple(name for name in map(str, graph["parameters"]) if name in names)
            given = _given(torch.empty(batch, device="meta"), weights, names, constants)
            steps, multiply_adds = _measure(operations, given, output)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, RuntimeError, RecursionError) as error:
            raise NotComputable(f"it is no graph of a network ({type(error).__name__}: {error})") from error
        numbers = sum(tensor.numel() for tensor in (*weights.values(), *constants.values()))
        per_image = multiply_adds / max(1, batch[0])
        return cls(weights, parameters, constants, numbers, per_image, steps, batch, operations, names, output)

    def __call__(self, images: Tensor, weights: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return the logits (n, classes) of any number of images.

        Args:
            images: float32 (n, channels, height, width).
            weights: in place of those with the same names.

        Raises:
            NotComputable: an operation fails.
        """
        state = {name: tensor.clone() for name, tensor in {**self.weights, **(weights or {})}.items()}
        size, logits = self.batch[0], []
        for chunk in torch.split(images, size):
            batch = torch.cat([chunk, chunk[:1].expand(size - len(chunk), *chunk.shape[1:])])
            given = _given(batch, state, self._names, self.constants)
            logits.append(self._forward(given)[: len(chunk)])
        return torch.cat(logits)

    def _forward(self, tensors: dict[int, Tensor]) -> Tensor:
        try:
            with torch.no_grad():
                for operation in self._operations:
                    _run(operation, tensors)
                    for number in operation.over:
                        tensors.pop(number, None)
            return tensors[self._output]
        except (RuntimeError, TypeError, ValueError, IndexError, KeyError) as error:
            raise NotComputable(f"an operation failed ({type(error).__name__})") from error


def _given(
    images: Tensor, weights: Mapping[str, Tensor], names: Mapping[str, int], constants: Mapping[int, Tensor]
) -> dict[int, Tensor]:
    """Return the tensors that a forward begins with, by number; all are on the device of the images."""
    device = images.device
    given = {number: tensor.to(device, copy=True) for number, tensor in constants.items()}
    return {**given, **{number: weights[name].to(device) for name, number in names.items()}, 0: images}


def _operation(name: str, args: Any, kwargs: Any, results: Sequence[int]) -> _Operation:
    if not (match := _NAME.fullmatch(name)):
        raise NotComputable(f"it uses {name[:80]}")
    base = match[1].removesuffix("_")
    if base in _REFUSED or not (base in _OTHERS or _only_computes(base)):
        raise NotComputable(f"it uses the operation {match[1]}")
    run = getattr(getattr(torch.ops.aten, match[1]), match[2])
    arguments = {str(key): _decode(value) for key, value in kwargs.items() if key not in _PLACES}
    return _Operation(run, _decode(args), arguments, [int(number) for number in results])


def _only_computes(base: str) -> bool:
    packet = getattr(torch.ops.aten, base, None)
    return packet is not None and any(_TAGS & set(getattr(packet, name).tags) for name in packet.overloads())


class _Number(int):
    """Stands for the tensor with this number."""


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "$t":
        return _Number(inner)
    found = getattr(torch, inner)
    if not isinstance(found, _TYPES[kind]):
        raise TypeError(inner)
    return found


def _set_last_uses(operations: list[_Operation], output: int) -> None:
    """Tell each operation which tensors nothing uses after it, so that a forward keeps few in memory."""
    used = {output}
    for operation in reversed(operations):
        touched = {*map(int, _numbers((operation.args, operation.kwargs))), *operation.results}
        operation.over = tuple(touched - used)
        used |= touched


def _numbers(value: Any) -> Iterator[_Number]:
    if isinstance(value, _Number):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, dict):
        yield from _numbers(list(value.values()))


def _run(operation: _Operation, tensors: dict[int, Tensor]) -> tuple[Any, Any, Any]:
    """Run one operation and store its results; return its arguments and its result."""
    args, kwargs = _filled(operation.args, tensors), _filled(operation.kwargs, tensors)
    result = operation.run(*args, **kwargs)
    found = [item for item in (result if isinstance(result, list | tuple) else [result]) if isinstance(item, Tensor)]
    if "empty" in operation.run.__name__:  # what is left in our memory
        found = [tensor.zero_() for tensor in found]
    tensors.update(zip(operation.results, found, strict=True))
    return args, kwargs, result


def _filled(value: Any, tensors: Mapping[int, Tensor]) -> Any:
    if isinstance(value, _Number):
        return tensors[value]
    if isinstance(value, list):
        return [_filled(item, tensors) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, tensors) for key, item in value.items()}
    return value


def _measure(
    operations: Sequence[_Operation], tensors: dict[int, Tensor], output: int
) -> tuple[list[tuple[str, tuple[int, ...]]], float]:
    """Run the operations without values; return name and shape of each result, and the multiply-adds.

    Raises:
        NotComputable: too much memory or time would be needed.
    """
    steps, numbers, multiply_adds = list[tuple[str, tuple[int, ...]]](), 0, 0.0
    for operation in operations:
        args, kwargs, result = _run(operation, tensors)
        found = [tensors[number] for number in operation.results]
        packet = operation.run.overloadpacket
        numbers += sum(tensor.numel() for tensor in found)
        if packet in flop_registry:
            multiply_adds += flop_registry[packet](*args, **kwargs, out_val=result) / 2
        if numbers > _MAX_NUMBERS or multiply_adds > _MAX_MULTIPLY_ADDS:
            raise NotComputable("it needs too much memory or time")
        if found:
            steps.append((packet.__name__.removesuffix("_"), tuple(found[0].shape)))
    if tensors[output].dim() == 0:
        raise NotComputable("it gives one number")
    return steps, multiply_adds
