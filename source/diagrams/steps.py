"""The operations of a network in the order in which it makes them, each with the shape of its output.

They are seen while the network computes: layers by forward hooks, ReLU and additions as functions of torch.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook
from torch.overrides import TorchFunctionMode


@dataclass(frozen=True)
class Step:
    """One operation, such as ``conv 5×5``, its settings, such as ``padding 2``, and the shape (c, h, w) or (c,)."""

    operation: str
    settings: tuple[str, ...]
    shape: tuple[int, ...]

    @property
    def size(self) -> str:
        return size(self.shape)


def size(shape: tuple[int, ...]) -> str:
    """Write a shape as the diagrams do: 6×28×28."""
    return "×".join(str(side) for side in shape)


def trace(network: nn.Module, shape: tuple[int, ...]) -> list[Step]:
    """Run one sample of zeros through the network, and list what happened to it."""
    steps: list[Step] = []

    def note(operation: str, settings: tuple[str, ...], output: Tensor) -> None:
        steps.append(Step(operation, settings, tuple(output.shape[1:])))

    def hook(layer: nn.Module, _: object, output: Tensor) -> None:
        if describe := _LAYERS.get(type(layer)):
            note(*describe(layer), output)

    class Functions(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            output = function(*args, **(kwargs or {}))
            if words := _FUNCTIONS.get(function.__name__):  # a layer's own calls are not among them
                note(words, (), output)
            return output

    handle = register_module_forward_hook(hook)
    try:
        with torch.no_grad(), Functions():
            network.eval()(torch.zeros(1, *shape))
    finally:
        handle.remove()
    return steps


def _window(layer: nn.Module, words: str) -> tuple[str, tuple[str, ...]]:
    """Describe a convolution or a pooling, with those settings that are not the usual ones."""
    (kernel,), (stride,), (padding,) = ({*_pair(getattr(layer, name))} for name in ("kernel_size", "stride", "padding"))
    usual = kernel if "pool" in words else 1
    settings = ((stride != usual, f"stride {stride}"), (padding != 0, f"padding {padding}"))
    return f"{words} {kernel}×{kernel}", tuple(text for said, text in settings if said)


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


_LAYERS: dict[type, Callable[[nn.Module], tuple[str, tuple[str, ...]]]] = {
    nn.Conv2d: lambda layer: _window(layer, "conv"),
    nn.MaxPool2d: lambda layer: _window(layer, "max pool"),
    nn.AvgPool2d: lambda layer: _window(layer, "average pool"),
    nn.BatchNorm2d: lambda _: ("BatchNorm", ()),
    nn.Linear: lambda _: ("linear", ()),
}
_FUNCTIONS = {"relu": "ReLU", "add": "+", "flatten": "flatten", "mean": "mean"}
