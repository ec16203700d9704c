"""Record what a network computes, as data that a process without the student's code can compute again.

The graph of a network is the list of torch operations that one forward made, with the tensors between them. Parameters
and buffers are named, the images are the input, and any other tensor that it uses is a constant. Whatever style the
code is written in, the operations are torch's own, so the judge runs them on other images and weights.

A graph is JSON: {"operations": [[name, arguments, keyword arguments, results], …], "weights": {name: number}, …}.
A tensor in it is {"$t": its number}; the images have the number 0.
"""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

MAX_OPERATIONS = 5_000


def record(model: nn.Module, images: Tensor, forward: Callable[[Tensor], Any] | None = None) -> dict[str, Any]:
    """Return the graph of one forward, and what it computed.

    Args:
        model: the network, with parameters that have a shape, in the mode to record.
        images: the input; other images that the graph is run on must have the same shape, the batch included.
        forward: called on the images instead of the model; returns the logits.

    Returns:
        ``graph``, the JSON as uint8; ``constants`` and ``state``, tensors by name; ``logits``, what the model returned.

    Raises:
        ValueError: the network makes too many operations.
    """
    named = dict(model.named_parameters()) | dict(model.named_buffers())
    torch.backends.mha.set_fastpath_enabled(False)  # attention as the operations that it is made of
    with torch.no_grad(), _as_operations(model), _Recorder(named, images) as recorder:
        result = (forward or model)(images)
    logits = next(iter(_tensors(result)), None)
    graph = {
        "operations": recorder.operations,
        "images": list(images.shape),
        "weights": {name: recorder.number(tensor) for name, tensor in named.items()},
        "parameters": [name for name, _ in model.named_parameters()],
        "output": None if logits is None else recorder.number(logits),
    }
    return {
        "graph": torch.frombuffer(bytearray(json.dumps(graph).encode()), dtype=torch.uint8),
        "constants": {str(number): tensor for number, tensor in recorder.constants.items()},
        "state": {name: tensor.detach() for name, tensor in named.items()},
        "logits": logits,
    }


@contextmanager
def _as_operations(model: nn.Module) -> Iterator[None]:
    """Make an LSTM the operations that it is made of: oneDNN, which has one of its own, is off."""
    enabled = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(enabled and not any(isinstance(layer, nn.LSTM) for layer in model.modules()))
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(enabled)


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records the operations in a ``with`` block."""

    def __init__(self, named: dict[str, Tensor], images: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[list[Any]] = []
        self.constants: dict[int, Tensor] = {}
        self._known: dict[int, tuple[int, Tensor]] = {}  # holds each tensor, so that no id is used twice
        self._memory: dict[Any, int] = {}
        self._numbers = itertools.count()
        for tensor in (images, *named.values()):
            self._memory[_place(tensor)] = self._add(tensor)

    def number(self, tensor: Tensor) -> int:
        """Return the number of a tensor; one that was never seen is a constant."""
        if (known := self._known.get(id(tensor))) is not None:
            return known[0]
        if (alias := self._memory.get(_place(tensor))) is not None:  # ``.data`` of a parameter
            self._known[id(tensor)] = alias, tensor
            return alias
        number = self._add(tensor)
        self.constants[number] = tensor.detach().clone()
        return number

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if len(self.operations) == MAX_OPERATIONS:
            raise ValueError(f"the network makes more than {MAX_OPERATIONS} operations")
        given = self._encode(args), self._encode(kwargs or {})  # before: an operation may change what it is given
        result = operation(*args, **(kwargs or {}))
        if numbers := [self._result(tensor) for tensor in _tensors(result)]:
            self.operations.append([str(operation), *given, numbers])
        return result

    def _result(self, tensor: Tensor) -> int:
        known = self._known.get(id(tensor))
        return known[0] if known is not None else self._add(tensor)

    def _add(self, tensor: Tensor) -> int:
        number = next(self._numbers)
        self._known[id(tensor)] = number, tensor
        return number

    def _encode(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return {"$t": self.number(value)}
        if isinstance(value, list | tuple):
            return [self._encode(item) for item in value]
        if isinstance(value, dict):
            return {key: self._encode(item) for key, item in value.items()}
        if isinstance(value, torch.dtype | torch.memory_format):
            return {f"${type(value).__name__}": str(value).removeprefix("torch.")}
        return value if value is None or isinstance(value, bool | int | float | str) else {"other": str(value)}


def _place(tensor: Tensor) -> Any:
    """Return where a tensor is in memory; two with one place are the same values."""
    return tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype


def _tensors(value: Any) -> list[Tensor]:
    """Return the tensors in what an operation or network returned, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [tensor for item in value for tensor in _tensors(item)] if isinstance(value, list | tuple) else []
