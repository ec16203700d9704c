"""The figures of the course. Each function returns a figure, which Jupyter draws if it is the last line of a cell, and
prints one sentence that describes it, for those who cannot see it. ``given.colours`` has the name and the colour of
each model.
"""

import re
from collections.abc import Callable, Mapping
from itertools import cycle
from typing import TypeVar

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from torch import Tensor, nn

from given import alt_text
from given.colours import BLACK, GREY, RED, WINE, styles
from given.digits import MEAN, STD
from given.training import History

alt_text.register()
# a figure of one model, such as those that you write: training grey, test black, the colours of no model
plt.rcParams["axes.prop_cycle"] = cycler(color=[GREY, BLACK, RED, WINE])

T = TypeVar("T")


def named(by_model: Mapping[str, T]) -> dict[str, T]:
    """Return the same values by the name of the model in figures and tables, in place of its key."""
    return {name: by_model[key] for key, (name, _) in styles(by_model).items()}


def show(figure: Figure, held_out: str = "test") -> None:
    """Draw a figure now, in the middle of a cell, and only once.

    Args:
        held_out: what to write for "test" in the figure, such as "validation" for curves on validation images.
    """
    from IPython.display import display  # here and not above: outside of notebooks it is not needed

    for text in figure.findobj(Text):
        text.set_text(re.sub(r"\btest\b", held_out, text.get_text()))
    for line in figure.findobj(Line2D):  # its label is part of the alt text
        line.set_label(re.sub(r"\btest\b", held_out, str(line.get_label())))
    display(figure)
    plt.close(figure)


def digit_sheet(images: np.ndarray | Tensor, labels: np.ndarray | Tensor, title: str = "Digits", n: int = 40) -> Figure:
    """Draw the first ``n`` images, ten in a row, each under its label.

    Args:
        images: (n, h, w) or (n, 1, h, w), from white (the lowest value) to black (the highest).
    """
    n = min(n, len(labels))
    figure, axes = _grid(n, columns=10)
    for axis, image, label in zip(axes, images, labels, strict=False):
        axis.imshow(_grey(image), cmap="gray_r")
        axis.set_title(int(label), fontsize=11, pad=2)
    size = "×".join(str(side) for side in images.shape[-2:])
    return _finished(figure, title, f"{n} images of {size} pixels, each under its label.")


def confusion_matrix(labels: Tensor, predictions: Tensor, title: str) -> Figure:
    """Draw how often each digit (row) was classified as each other one (column); correct ones are not coloured."""
    counts = np.zeros((10, 10), dtype=int)
    np.add.at(counts, (_array(labels), _array(predictions)), 1)
    errors = counts * (1 - np.eye(10, dtype=int))
    figure = Figure(figsize=(6.6, 6), layout="constrained")
    axis = figure.add_subplot()
    shown = axis.imshow(errors, cmap="Blues", vmin=0, vmax=max(errors.max(), 1))
    for (row, column), count in np.ndenumerate(counts):
        dark = errors[row, column] > 0.6 * errors.max() > 0
        weight = "bold" if row == column else "normal"
        text = count or "·"
        axis.text(column, row, text, ha="center", va="center", color="w" if dark else "k", fontsize=9, weight=weight)
    axis.set(xlabel="classified as", ylabel="label", xticks=range(10), yticks=range(10))
    bar = figure.colorbar(shown, ax=axis, label="errors (number of images)", shrink=0.8)
    bar.locator = MaxNLocator(integer=True)
    row, column = np.unravel_index(errors.argmax(), errors.shape)
    worst = f"most often, {errors[row, column]} times, a {row} was classified as a {column}" if errors.any() else "none"
    return _finished(figure, title, f"{errors.sum()} of {counts.sum():,} images were misclassified; {worst}.")


def filters(model: nn.Module, title: str = "Filters of the first convolution") -> Figure:
    """Draw the kernels of the first convolution, on one scale around zero."""
    kernels = next((_array(p) for p in model.parameters() if p.dim() == 4), None)
    if kernels is None:
        raise ValueError("This model has no convolution: none of its parameters has four dimensions.")
    figure, axes = _grid(len(kernels), columns=6, side=1.5)
    limit = abs(kernels).max()
    for number, (axis, kernel) in enumerate(zip(axes, kernels, strict=True), start=1):
        shown = axis.imshow(kernel[0], cmap="PuOr", vmin=-limit, vmax=limit)
        axis.set_title(f"filter {number}", fontsize=10)
    figure.colorbar(shown, ax=list(axes), label="weight", shrink=0.8)
    size = "×".join(str(side) for side in kernels.shape[-2:])
    return _finished(
        figure, title, f"{len(kernels)} filters of {size} weights between {kernels.min():.2f} and {kernels.max():.2f}."
    )


def activations(model: nn.Module, image: Tensor, title: str = "What the convolutions pass on") -> Figure:
    """Draw an image (1, 32, 32), and its maps after ReLU for each convolution whose output is larger than one pixel."""
    kept: list[Tensor] = []
    convs = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    # a copy: a ReLU that works in place would change what we keep
    hooks = [conv.register_forward_hook(lambda _, __, out: kept.append(out.detach().clone().relu())) for conv in convs]
    model.eval()
    with torch.no_grad():
        model(image.unsqueeze(0).to(next(model.parameters()).device))
    for hook in hooks:
        hook.remove()
    maps = [_array(layer[0]) for layer in kept if layer.shape[-1] > 1]
    if not maps:
        raise ValueError("This model has no nn.Conv2d whose output is larger than one pixel.")
    figure = Figure(figsize=(10, 1.5 * sum(-(-len(layer) // 8) for layer in maps) + 1), layout="constrained")
    parts = figure.subfigures(len(maps), 1, height_ratios=[-(-len(layer) // 8) for layer in maps], squeeze=False)
    for number, (part, layer) in enumerate(zip(parts[:, 0], maps, strict=True), start=1):
        tiles = [("image", _grey(image))] * (number == 1) + [(str(k), m) for k, m in enumerate(layer, start=1)]
        axes = _frames(part.subplots(-(-len(tiles) // 8), 8, squeeze=False), len(tiles))
        for axis, (name, pixels) in zip(axes, tiles, strict=True):
            axis.imshow(pixels, cmap="gray_r", vmin=0, vmax=None if name == "image" else layer.max())
            axis.set_title(name, fontsize=9, pad=2)
        about = f"after convolution {number} and ReLU: {_maps(layer)}"
        part.suptitle(about, fontsize=10, x=0.01, ha="left")
    dead = sum(int(pixels.max() == 0) for layer in maps for pixels in layer)
    shapes = " and ".join(_maps(layer) for layer in maps)
    return _finished(figure, title, f"One digit after the convolutions: {shapes}; {dead} of them stay empty for it.")


def layer_table(model: nn.Module, input_shape: tuple[int, ...] = (1, 32, 32)) -> pd.DataFrame:
    """List the layers that have parameters, one per row, with their output and how their parameters are counted."""
    rows: list[tuple[str, str, str, int]] = []
    counted: set[int] = set()

    def note(layer: nn.Module, _: object, output: Tensor) -> None:
        own = [p for p in layer.parameters(recurse=False) if id(p) not in counted]
        counted.update(id(p) for p in own)
        if own:
            shape = "×".join(str(size) for size in output.shape[1:])
            rows.append((_name(layer), shape, _formula(layer), sum(p.numel() for p in own)))

    hooks = [layer.register_forward_hook(note) for layer in model.modules()]
    model.eval()
    with torch.no_grad():
        model(torch.zeros(1, *input_shape, device=next(model.parameters()).device))
    for hook in hooks:
        hook.remove()
    rows.append(("all", "", "", sum(row[3] for row in rows)))
    table = pd.DataFrame(rows, columns=["layer", "output", "formula", "parameters"])
    table["share"] = (table["parameters"] / table["parameters"].iloc[-1]).map("{:.1%}".format)
    largest = table.iloc[table["parameters"].iloc[:-1].argmax()]
    print(f"{rows[-1][3]:,} parameters; {largest['share']} of them in the layer {largest['layer']}.")
    return table


def histories(
    history_by_model: Mapping[str, History], title: str = "Test loss and accuracy", held_out: str = "test"
) -> Figure:
    """Draw loss and accuracy of several models: on the held-out images, and thin and dashed on the training images.

    Args:
        held_out: name of the held-out images, "test" or "validation".
    """
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    styled = styles(history_by_model)
    for axis, quantity in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        scale = 100 if quantity == "accuracy" else 1
        for model, history in history_by_model.items():
            name, colour = styled[model]
            epochs = range(1, len(history["test_loss"]) + 1)
            axis.plot(epochs, scale * np.array(history[f"test_{quantity}"]), color=colour, linewidth=2, label=name)
            axis.plot(epochs, scale * np.array(history[f"train_{quantity}"]), "--", color=colour, linewidth=1)
        axis.set(xlabel="epoch", ylabel="accuracy (%)" if scale == 100 else "loss")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.3)
    low = min(min(history["test_accuracy"][1:] or history["test_accuracy"]) for history in history_by_model.values())
    axis.set_ylim(bottom=max(0, 100 * low - 2), top=100.2)  # the first epoch would hide the others
    legend_beside(axis, f"{held_out}; training dashed")
    ends = ", ".join(f"{styled[model][0]} {h['test_accuracy'][-1]:.2%}" for model, h in history_by_model.items())
    return _finished(figure, title, f"Accuracy on the {held_out} images after the last epoch: {ends}.")


def most_wrong(
    images: Tensor, labels: Tensor, logits: Tensor, title: str = "Confident mistakes", n: int = 20
) -> Figure:
    """Draw the mistakes that the model was most confident about, by the softmax of its logits."""
    sure, read = logits.detach().cpu().softmax(1).max(1)
    wrong = (read != labels.cpu()).nonzero().flatten()
    worst = wrong[sure[wrong].argsort(descending=True)][:n]
    figure, axes = _grid(max(len(worst), 1), columns=10, side=1.25)
    for axis, i in zip(axes, worst.tolist(), strict=False):
        axis.imshow(_grey(images[i]), cmap="gray_r")
        axis.set_title(f"{int(labels[i])}, called {int(read[i])}\n{sure[i]:.1%} confident", fontsize=8, pad=2)
    about = f"with up to {sure[worst[0]]:.1%} confidence" if len(worst) else "so there is nothing to show"
    return _finished(figure, title, f"{len(wrong)} of {len(labels):,} images were misclassified, {about}.")


def _grid(n: int, columns: int, side: float = 1.1) -> tuple[Figure, np.ndarray]:
    """Make a figure with room for ``n`` small pictures, without ticks."""
    rows = -(-n // columns)
    figure = Figure(figsize=(side * columns, (side + 0.15) * rows + 0.7), layout="constrained")
    return figure, _frames(figure.subplots(rows, columns, squeeze=False), n)


def _frames(axes: np.ndarray, n: int) -> np.ndarray:
    """Give the first ``n`` axes a thin frame for a picture, empty the others, and return the first."""
    for axis in axes.ravel():
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_color("0.8")
    for axis in axes.ravel()[n:]:
        axis.set_axis_off()
    return axes.ravel()[:n]


def legend_beside(axis: Axes, title: str | None = None) -> None:
    """Draw the legend to the right of a plot, where it covers no data."""
    axis.legend(title=title, loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=9)


def _finished(figure: Figure, title: str, caption: str) -> Figure:
    figure.suptitle(title, weight="bold")
    figure.supxlabel(caption, fontsize=9, color="0.3")
    figure.set_label(f"{title}: {caption}")
    print(f"{title}: {caption}")
    return figure


def _maps(layer: np.ndarray) -> str:
    return f"{layer.shape[0]} maps of {layer.shape[1]}×{layer.shape[2]}"


def _array(tensor: Tensor | np.ndarray) -> np.ndarray:
    return tensor.detach().cpu().numpy() if isinstance(tensor, Tensor) else np.asarray(tensor)


def _grey(image: Tensor | np.ndarray) -> np.ndarray:
    """Return an image as (h, w) with values from 0; a normalised one is scaled back."""
    pixels = _array(image).squeeze()
    return pixels if pixels.min() >= 0 else pixels * STD + MEAN


def _name(layer: nn.Module) -> str:
    if isinstance(layer, nn.Conv2d):
        return f"conv {layer.kernel_size[0]}×{layer.kernel_size[1]}, {layer.in_channels} → {layer.out_channels}"
    if isinstance(layer, nn.Linear):
        return f"linear, {layer.in_features} → {layer.out_features}"
    return type(layer).__name__


def _formula(layer: nn.Module) -> str:
    """Write how the parameters of a layer are counted: one more per output for its bias."""
    bias = "" if getattr(layer, "bias", None) is None else " + 1"
    if isinstance(layer, nn.Conv2d):
        height, width = layer.kernel_size
        return f"({layer.in_channels // layer.groups}·{height}·{width}{bias}) · {layer.out_channels}"
    if isinstance(layer, nn.Linear):
        return f"({layer.in_features}{bias}) · {layer.out_features}"
    return " + ".join("·".join(str(size) for size in p.shape) for p in layer.parameters(recurse=False))


def shifted_accuracy(
    models: Mapping[str, nn.Module], images: Tensor, labels: Tensor, most: int = 8, title: str = "Shifted digits"
) -> Figure:
    """Draw the accuracy of several models on the same images, shifted to the right by 0, 1, … ``most`` pixels.

    Args:
        models: by name.
        images: (n, 1, h, w), normalised; the gap at the left is filled with paper.
        labels: (n,).
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    axis = figure.add_subplot()
    paper, ends = images.min(), []
    for (model, (name, colour)), marker in zip(styles(models).items(), cycle(("o-", "s--", "^:", "D-."))):
        network = models[model].eval()
        right = []
        for pixels in range(most + 1):
            moved = torch.full_like(images, paper)
            moved[..., pixels:] = images[..., : images.shape[-1] - pixels]
            with torch.no_grad():
                right.append(100 * (network(moved).argmax(1) == labels).float().mean().item())
        axis.plot(range(most + 1), right, marker, color=colour, label=name)
        ends.append(f"{name} {right[0]:.1f} %, {right[min(3, most)]:.1f} %, {right[-1]:.1f} %")
    axis.set(xlabel="shifted to the right by (pixels)", ylabel="accuracy (%)", ylim=(0, 101))
    axis.grid(alpha=0.3)
    legend_beside(axis)
    about = f"{len(labels):,} images: in place, shifted by {min(3, most)} and by {most} pixels: {'; '.join(ends)}."
    return _finished(figure, title, about)


def schedule(learning_rate: Callable[[int], float], momentum: Callable[[int], float], steps: int) -> Figure:
    """Draw the learning rate and the momentum over ``steps`` steps."""
    figure = Figure(figsize=(10, 3), layout="constrained")
    at = range(steps)
    for axis, (name, value) in zip(
        figure.subplots(1, 2), (("learning rate", learning_rate), ("momentum", momentum)), strict=True
    ):
        axis.plot(at, [value(step) for step in at], color=BLACK)
        axis.set(xlabel="steps made", ylabel=name)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    ends = [f"from {value(0):g} to {value(steps - 1):g}" for value in (learning_rate, momentum)]
    about = f"The learning rate goes {ends[0]}, the momentum {ends[1]}, over {steps:,} steps."
    return _finished(figure, "Learning rate and momentum", about)


def scene_sheet(
    images: np.ndarray | Tensor, names: list[str], title: str = "Scenes", columns: int = 8, n: int = 24
) -> Figure:
    """Draw the first ``n`` colour images, each under its name.

    Args:
        images: (n, 3, h, w), uint8, or float in [0, 1].
    """
    n = min(n, len(names))
    figure, axes = _grid(n, columns=columns, side=1.35)
    for axis, image, name in zip(axes, images, names, strict=False):
        axis.imshow(np.moveaxis(_array(image), 0, -1))
        axis.set_title(name.replace("_", " "), fontsize=8, pad=2)
    size = "×".join(str(side) for side in images.shape[-2:])
    different = len(set(names[:n]))
    return _finished(figure, title, f"{n} images of {size} pixels, under {different} different names.")


def runs(history_by_run: Mapping[str, History], steps_by_run: Mapping[str, int], title: str = "Seven runs") -> Figure:
    """Draw the validation accuracy of several runs over the epochs, and the best of each over its number of steps.

    Args:
        steps_by_run: total number of optimizer steps of each run.
    """
    figure = Figure(figsize=(12, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    curves = {run: [100 * accuracy for accuracy in h["test_accuracy"]] for run, h in history_by_run.items()}
    for (run, (name, colour)), marker in zip(styles(curves).items(), cycle("os^Dv")):
        values, best = curves[run], max(curves[run])
        # a curve that begins like a shorter one is drawn wider, below it: both can be seen
        beginnings = sum(other != values and other == values[: len(other)] for other in curves.values())
        left.plot(
            range(1, len(values) + 1),
            values,
            color=colour,
            marker=marker,
            markersize=4 + 2 * beginnings,
            linewidth=1.5 + 2.5 * beginnings,
            zorder=3 - 0.1 * beginnings,
            label=name,
        )
        right.plot(steps_by_run[run], best, color=colour, marker=marker, markersize=8)
        right.annotate(name, (steps_by_run[run], best), (6, 4), textcoords="offset points", fontsize=8)
    left.set(xlabel="epoch", ylabel="validation accuracy (%)")
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    right.set(xlabel="steps of the optimizer", ylabel="best validation accuracy (%)", xscale="log")
    right.margins(x=0.2, y=0.1)
    counts = sorted(set(steps_by_run.values()))
    right.set_xticks(counts, labels=[f"{count:,}" for count in counts], fontsize=8, rotation=30)
    right.minorticks_off()
    legend_beside(left)
    for axis in (left, right):
        axis.grid(alpha=0.3)
    order = sorted(curves, key=lambda run: max(curves[run]), reverse=True)
    ranking = ", ".join(f"{name} {max(curves[run]):.1f} %" for run, (name, _) in styles(order).items())
    return _finished(figure, title, f"Best validation accuracy: {ranking}.")


def size_and_accuracy(rows: Mapping[str, tuple[int, float]], title: str = "Accuracy against parameters") -> Figure:
    """Draw networks as points: number of parameters, on a logarithmic axis, and accuracy in percent."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    axis = figure.add_subplot()
    points = {name: (colour, *rows[key]) for key, (name, colour) in styles(rows).items()}
    for name, (colour, parameters, accuracy) in points.items():
        axis.plot(parameters, accuracy, "o", color=colour, markersize=9)
        axis.annotate(name, (parameters, accuracy), (8, -3), textcoords="offset points", fontsize=9)
    axis.set(xlabel="parameters", ylabel="validation accuracy (%)", xscale="log")
    sizes = [parameters for parameters, _ in rows.values()]
    axis.set_xlim(min(1e4, min(sizes) / 3), max(1e6, 5 * max(sizes)))
    axis.margins(y=0.15)
    axis.grid(alpha=0.3)
    listed = ", ".join(f"{name} {accuracy:.1f} % with {count:,}" for name, (_, count, accuracy) in points.items())
    return _finished(figure, title, f"{listed} parameters.")
