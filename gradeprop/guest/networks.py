"""Measurements of students' networks, optimisers and figures; probes call them through ``draw``."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np
import torch
from matplotlib.colors import to_rgba
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

_MAX_POINTS = 50  # of a line in a figure


class Trace(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Record the first ``limit`` operations of torch in a ``with`` block, however the code spells them.

    ``steps`` holds for each its name, ``op``, and the shape of its first result, ``shape``.
    """

    def __init__(self, limit: int = 400) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.steps: list[dict[str, Any]] = []
        self._limit = limit

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **(kwargs or {}))
        first = result[0] if isinstance(result, tuple | list) and result else result
        if isinstance(first, Tensor) and len(self.steps) < self._limit:
            self.steps.append({"op": operation.overloadpacket.__name__.rstrip("_"), "shape": list(first.shape)})
        return result


def initialize(model: nn.Module, images: Tensor) -> nn.Module:
    """Return the model; if it has lazy layers, show it the images first, so that all parameters have a shape."""
    if any(isinstance(parameter, nn.parameter.UninitializedParameter) for parameter in model.parameters()):
        with torch.no_grad():
            model(images)
    return model


def parameters(model: nn.Module) -> list[dict[str, Any]]:
    """Return ``name``, ``shape`` and ``gradient`` of each parameter: the gradient's norm, or 0 without a gradient."""
    return [
        {"name": name, "shape": list(p.shape), "gradient": 0.0 if p.grad is None else p.grad.norm().item()}
        for name, p in model.named_parameters()
    ]


def left_out(optimizer: torch.optim.Optimizer, model: nn.Module) -> list[str]:
    """Return the names of the model's parameters that the optimiser does not hold."""
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    return [name for name, parameter in model.named_parameters() if id(parameter) not in held]


def losses(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    criterion: Callable[[Tensor, Tensor], Tensor],
    images: Tensor,
    labels: Tensor,
    steps: int,
    seed: int,
) -> list[Any]:
    """Train on one batch; return the loss before each step. Every step drops the same units, by the seed."""
    found = []
    for _ in range(steps):
        torch.manual_seed(seed)
        loss = criterion(initialize(model, images).train()(images), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        found.append(scalar(loss.detach()))
    return found


def step_without_gradient(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """Make one step with zero gradients; return the sum of all parameters' norms ``before`` and ``after``.

    In float64, to which the model is changed: in float32 a weight decay of 1e-5 at a learning rate of 1e-3 is lost.
    """
    model.double()
    before = sum(parameter.norm().item() for parameter in model.parameters())
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    return {"before": before, "after": sum(parameter.norm().item() for parameter in model.parameters())}


@contextlib.contextmanager
def another_default_decay() -> Iterator[float]:
    """Change AdamW's default weight decay for the duration of the context; yield the new one.

    It tells the default from the same number, 0.01, that code asks for.
    """
    unasked = 0.01 * (1 + 1e-9)
    defaults = tuple(unasked if value == 0.01 else value for value in torch.optim.AdamW.__init__.__defaults__ or ())
    with mock.patch.object(torch.optim.AdamW.__init__, "__defaults__", defaults):
        yield unasked


def repeats(model: Callable[[Tensor], Tensor], images: Tensor, size: int = 1) -> dict[str, Tensor]:
    """Call the model on a batch, on the same batch again, and on its images in batches of ``size``.

    Returns:
        ``first``, ``again`` and ``alone``: the three outputs. ``changed``: how far the images were changed in place.
    """
    before = images.clone()
    with torch.no_grad():
        return {
            "first": model(images),
            "again": model(images),
            "alone": torch.cat([model(batch) for batch in torch.split(before.clone(), size)]),
            "changed": (images - before).abs().max(),
        }


def scalar(value: Any) -> Any:
    """Return the number in a tensor or NumPy value without dimensions; anything else unchanged."""
    return value.item() if isinstance(value, Tensor | np.generic | np.ndarray) and value.ndim == 0 else value


def floats(values: Any) -> list[float]:
    """Return at most 50 numbers as floats, or an empty list if there is anything else among them."""
    try:
        return [float(value) for value in values][:_MAX_POINTS]
    except (TypeError, ValueError):
        return []


def line(line: Any, figure: Any) -> dict[str, Any]:
    """Return what a reader sees of one line of a matplotlib figure.

    Returns:
        ``x``, ``y`` and ``label`` of the line, x as its ticks are labelled; ``called``: its name in a legend, "" if no
        legend names it; ``x_label``, ``y_label``: of its axes, of axes that share theirs, of its subfigure, or of the
        figure.
    """
    axes = line.axes
    return {
        "x": [x + _shift_of_ticks(axes) for x in floats(line.get_xdata(orig=False))],
        "y": floats(line.get_ydata()),
        "label": str(line.get_label()),
        "called": _name_in_legend(line, figure),
        "x_label": _axis_label(axes, figure, "x"),
        "y_label": _axis_label(axes, figure, "y"),
    }


def _shift_of_ticks(axes: Any) -> float:
    """Return how much more the labels of the x axis say than their places: 1 after ``xticks(range(3), [1, 2, 3])``."""
    ticks = zip(axes.get_xticks(), axes.get_xticklabels(), strict=False)
    texts = [(place, text.get_text()) for place, text in ticks]
    shifts = {float(text) - place for place, text in texts if text.isdecimal()}
    return shifts.pop() if len(shifts) == 1 else 0.0


def _name_in_legend(line: Any, figure: Any) -> str:
    """Find the line by its label in the legends of its axes and of the figure; else by its look, in any legend."""
    others = (axes.get_legend() for axes in figure.axes if axes is not line.axes)
    near, far = [line.axes.get_legend(), *line.axes.figure.legends, *figure.legends], list(others)
    for legend in filter(None, near):
        if (label := str(line.get_label())) in [text.get_text() for text in legend.get_texts()]:
            return label
    for legend in filter(None, [*near, *far]):
        entries = zip(legend.legend_handles, legend.get_texts(), strict=False)
        names = {text.get_text() for handle, text in entries if _look(handle) == _look(line)}
        if len(names) == 1:
            return str(names.pop())
    return ""


def _look(line: Any) -> Any:
    """Return what tells a line from another: colour, dashes, marker; None of something else than a line."""
    if not hasattr(line, "get_linestyle") or not hasattr(line, "get_marker"):
        return None
    return to_rgba(line.get_color()), line.get_linestyle(), str(line.get_marker())


def _axis_label(axes: Any, figure: Any, name: str) -> Any:
    shared = getattr(axes, f"get_shared_{name}_axes")().get_siblings(axes)
    labels = [getattr(one, f"get_{name}label")() for one in (axes, *shared)]
    labels += [getattr(one, f"get_sup{name}label")() for one in (axes.figure, figure)]  # of a subfigure, and the whole
    return next(filter(None, labels), "")
