"""Figures of colour pictures. Each function returns a figure, which Jupyter draws if it is the last line of a cell, and
prints one sentence that describes it, for those who cannot see it.
"""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from given.colours import BLACK, GREY, styles
from given.figures import _finished, _grid, legend_beside


def picture_sheet(images: Tensor, titles: Sequence[str], title: str = "Pictures", columns: int = 8) -> Figure:
    """Draw pictures, uint8 (n, 3, h, w) or float in [0, 1], each under its title."""
    figure, axes = _grid(len(titles), columns, side=1.35)
    for axis, image, name in zip(axes, images, titles, strict=False):
        axis.imshow(image.permute(1, 2, 0).cpu().numpy())
        axis.set_title(name, fontsize=8, pad=2)
    size = "×".join(str(side) for side in images.shape[-2:])
    names = list(dict.fromkeys(name.replace("\n", ", ") for name in titles))[:3]
    return _finished(figure, title, f"{len(titles)} pictures of {size} pixels, such as {'; '.join(names)}.")


def class_sizes(labels: Tensor, names: Sequence[str], title: str = "How many pictures a class has") -> Figure:
    """Draw the number of pictures of each class, largest first."""
    counts = torch.bincount(labels, minlength=len(names))
    order = [k for k in counts.argsort(descending=True).tolist() if counts[k] > 0]
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    axis = figure.add_subplot()
    axis.bar(range(len(order)), counts[order].numpy(), color=GREY)
    axis.set(xlabel="class, from the largest to the smallest", ylabel="pictures", ylim=(0, 1.15 * int(counts.max())))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    for place in (0, len(order) - 1):
        text = f"{names[order[place]]}: {counts[order[place]]}"
        above = counts[order[max(place - 2, 0)]]  # the bars that the text reaches over
        axis.annotate(text, (place, above), ha="left" if place == 0 else "right", va="bottom", fontsize=9)
    first, last, total = order[0], order[-1], int(counts.sum())
    about = f"{total:,} pictures of {len(order)} classes: {counts[first] / total:.1%} show {names[first]}, "
    return _finished(figure, title, f"{about}the smallest class, {names[last]}, has {counts[last]}.")


def class_accuracies(
    right: Tensor, labels: Tensor, names: Sequence[str], model: str, title: str = "Accuracy of each class"
) -> Figure:
    """Draw the accuracy of each class over the number of its validation pictures.

    Args:
        right: True for each correctly classified picture, bool (n,).
        labels: true classes, int64 (n,).
        model: the key of the network in history.json; it gives the colour.
    """
    classes = labels.unique().tolist()
    counts = np.array([int((labels == k).sum()) for k in classes])
    shares = np.array([100 * right[labels == k].float().mean().item() for k in classes])
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    axis = figure.add_subplot()
    colour = styles([model])[model][1]
    axis.scatter(counts, shares, color=colour, alpha=0.6, label="a class")
    mean, plain = shares.mean(), 100 * right.float().mean().item()
    axis.axhline(mean, color=colour, linestyle="--", label=f"mean over the classes,\n{mean:.1f} %")
    axis.axhline(plain, color=BLACK, linestyle=":", label=f"mean over the pictures,\n{plain:.1f} %")
    worst = int(shares.argmin())
    axis.annotate(names[classes[worst]], (counts[worst], shares[worst]), (6, 4), textcoords="offset points", fontsize=9)
    axis.set(xlabel="validation pictures of the class", ylabel="accuracy (%)", xscale="log")
    legend_beside(axis)
    about = f"{mean:.1f} % over the classes, {plain:.1f} % over the pictures"
    return _finished(figure, title, f"{about}; the worst class is {names[classes[worst]]}, {shares[worst]:.0f} %.")
