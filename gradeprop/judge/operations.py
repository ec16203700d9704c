"""The operations of a graph: admitted by a list, decoded from JSON, measured before they compute anything."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import flop_registry

_NAME = re.compile(r"aten\.(\w+)\.(\w+)")
_TAGS = {torch.Tag.core, torch.Tag.pointwise}
"""of operations that only compute; torch itself gives them"""
_MORE = """
    t detach lift_fresh lift_fresh_copy _unsafe_view _reshape_alias transpose unsqueeze squeeze stack split unbind
    narrow roll rot90 tile tril triu im2col unfold pixel_shuffle pixel_unshuffle channel_shuffle zeros ones eye
    linspace empty_like zeros_like ones_like rand_like randn_like new_zeros new_ones new_full new_empty copy fill
    zero masked_fill native_batch_norm _batch_norm_with_update _fused_rms_norm bernoulli rrelu_with_noise
    _prelu_kernel baddbmm mv dot linear _weight_norm_interface norm linalg_vector_norm std var_mean std_mean
    logsumexp upsample_bicubic2d adaptive_max_pool2d glu hardswish log_sigmoid_forward median affine_grid_generator
    aminmax bucketize vdot _euclidean_dist _scaled_dot_product_flash_attention_for_cpu unsafe_split
    unsafe_split_with_sizes view_as_complex view_as_real _fft_c2r _fft_c2c
"""
_OTHERS = frozenset(_MORE.split())
"""others that only compute"""
_DRAWING = frozenset(("uniform", "normal"))
"""how layers draw their first weights"""
_REFUSED = frozenset({"resize", "_embedding_bag"})
"""of torch's core, but they reach memory that is not theirs"""
_GIVEN = frozenset({"Tensor", "List[Tensor]"})
"""types of what an operation may give"""
_CUTTING = frozenset({"split", "unsafe_split", "unbind"})
"""give as many tensors as the sizes say"""
_PLACES = frozenset({"device", "layout", "pin_memory", "generator"})
"""arguments that say where a tensor is, or whose chance it follows: ours are used"""
_TYPES: dict[str, type] = {"$dtype": torch.dtype, "$memory_format": torch.memory_format}
_MAX_NUMBERS = 1 << 28
"""values of all tensors of one forward together"""
_MAX_MULTIPLY_ADDS = 1e11
"""of one forward"""

Step = tuple[str, list[int]]
"""name of an operation, shape of its result"""


class NotComputable(Exception):
    """The graph cannot be computed here; the text is a clause that says why."""


class TensorNumber(int):
    """Stands for the tensor with this number."""


@dataclass(slots=True)
class Operation:
    """One operation of torch, with the numbers of the tensors that it takes and gives."""

    name: str
    call: Any
    args: Any
    kwargs: Any
    results: list[int]
    in_place: bool
    makes: bool
    """it makes a tensor, on the device that it is told"""
    is_random: bool
    over: tuple[int, ...] = ()
    """tensors that nothing uses later"""
    beside: bool = False
    """the output does not need it: the code prints or tests a value; it is left out if it cannot be computed"""

    @classmethod
    def decode(cls, name: str, args: Any, kwargs: Any, results: Sequence[int]) -> "Operation":
        """Decode what the jail sent.

        Raises:
            NotComputable: it is no operation that only computes.
        """
        if not (match := _NAME.fullmatch(name)):
            raise NotComputable(f"it uses {name[:80]}")
        base = match[1].removesuffix("_")
        if base in _REFUSED or not (base in _OTHERS or _only_computes(base)):
            why = "; a layer made in forward is new at each call, so make it in __init__" if base in _DRAWING else ""
            raise NotComputable(f"it uses the operation {match[1]}{why}")
        call = getattr(getattr(torch.ops.aten, match[1]), match[2])
        if not {str(each.type) for each in call._schema.returns} <= _GIVEN:  # [1] * 10**10, for one
            raise NotComputable(f"it uses the operation {match[1]}, which gives no tensors")
        keywords = {str(key): _decode(value) for key, value in kwargs.items() if key not in _PLACES}
        numbers = [int(number) for number in results]
        makes = any(argument.name == "device" for argument in call._schema.arguments)
        is_random = torch.Tag.nondeterministic_seeded in call.tags
        return cls(base, call, _decode(args), keywords, numbers, match[1] != base, makes, is_random)

    def given(self) -> list[int]:
        """Return the numbers of the tensors that it takes, in order."""
        return list(map(int, _numbers_in((self.args, self.kwargs))))

    def run(self, tensors: dict[int, Tensor]) -> tuple[Any, Any, Any]:
        """Run it on the tensors, and add its results to them; return its arguments and its result."""
        args, kwargs = _filled(self.args, tensors), _filled(self.kwargs, tensors)
        if self.makes:
            kwargs["device"] = tensors[0].device
        self._require_few(args, kwargs)
        result = self.call(*args, **kwargs)
        found = [one for one in (result if isinstance(result, list | tuple) else [result]) if isinstance(one, Tensor)]
        if "empty" in self.name:  # or it shows what is left in our memory
            found = [tensor.zero_() for tensor in found]
        tensors.update(zip(self.results, found, strict=True))
        return args, kwargs, result

    def _require_few(self, args: Any, kwargs: Any) -> None:
        """Count the pieces that it would cut a tensor into: a million tensors without values fill gigabytes, too.

        Raises:
            NotComputable: they are more than was recorded.
        """
        if self.name not in _CUTTING:
            return
        given = dict(zip((argument.name for argument in self.call._schema.arguments), args, strict=False)) | kwargs
        size = given["self"].shape[given.get("dim", 0)]
        each = given.get("split_size", 1)
        if isinstance(each, int) and size > max(each, 1) * len(self.results):
            raise NotComputable("it cuts a tensor into more pieces than it uses")


def read_operations(listed: Sequence[Any], output: int) -> list[Operation]:
    """Decode what the jail sent; leave out operations that are not admitted if the output does not need them.

    Raises:
        NotComputable: the output needs an operation that does not only compute.
    """
    found, needed, refused = list[Operation](), {output}, None
    for name, args, kwargs, results in reversed(listed):
        in_place = (match := _NAME.fullmatch(name)) is not None and match[1].endswith("_")
        beside = not in_place and needed.isdisjoint(map(int, results))
        try:
            operation = Operation.decode(name, args, kwargs, results)
        except NotComputable as error:
            refused = refused if beside else error
            continue
        operation.beside = beside
        needed |= set() if beside else {*operation.given()}
        found.append(operation)
    if refused:
        raise refused  # the first of the network: its message is the one that helps
    return found[::-1]


def set_last_uses(operations: Sequence[Operation], output: int) -> None:
    """Tell each operation which tensors nothing uses after it, so that a forward keeps few in memory."""
    used = {output}
    for operation in reversed(operations):
        touched = {*operation.given(), *operation.results}
        operation.over = tuple(touched - used - {0})
        used |= touched


def measure(
    operations: Sequence[Operation], tensors: dict[int, Tensor], output: int
) -> tuple[list[Operation], list[Step], float]:
    """Run the operations on tensors without values; return those that run, their steps, and the multiply-adds.

    Those beside the output that do not run, such as one whose result has a shape that depends on values, are left out.

    Raises:
        NotComputable: they need too much memory or time, or the output is no batch.
    """
    kept, steps, numbers, multiply_adds = list[Operation](), list[Step](), 0, 0.0
    for operation in operations:
        try:
            args, kwargs, result = operation.run(tensors)
        except (RuntimeError, TypeError, ValueError, IndexError, KeyError):
            if not operation.beside:
                raise
            continue
        kept.append(operation)
        found = [tensors[number] for number in operation.results]
        numbers += sum(tensor.numel() for tensor in found)
        if (packet := operation.call.overloadpacket) in flop_registry:
            multiply_adds += flop_registry[packet](*args, **kwargs, out_val=result) / 2
        if numbers > _MAX_NUMBERS or multiply_adds > _MAX_MULTIPLY_ADDS:
            raise NotComputable("it needs too much memory or time")
        steps += [(operation.name, list(found[0].shape))] if found else []
    if tensors[output].dim() == 0:
        raise NotComputable("it returns one number")
    return kept, steps, multiply_adds


def _only_computes(base: str) -> bool:
    packet = getattr(torch.ops.aten, base, None)
    return packet is not None and any(_TAGS & set(getattr(packet, name).tags) for name in packet.overloads())


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "$t":
        return TensorNumber(inner)
    found = getattr(torch, inner)
    if not isinstance(found, _TYPES[kind]):
        raise TypeError(inner)
    return found


def _numbers_in(value: Any) -> Iterator[TensorNumber]:
    if isinstance(value, TensorNumber):
        yield value
    elif isinstance(value, dict):
        yield from _numbers_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _numbers_in(item)


def _filled(value: Any, tensors: Mapping[int, Tensor]) -> Any:
    if isinstance(value, TensorNumber):
        return tensors[value]
    if isinstance(value, list):
        return [_filled(item, tensors) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, tensors) for key, item in value.items()}
    return value
