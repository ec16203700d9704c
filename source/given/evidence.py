"""Figures on how certain a difference is, and where it comes from. Each also prints one sentence that describes it."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from given.colours import styles
from given.figures import _finished, legend_beside

MARKERS = "osD^vP"  # besides the colours, for colour-blind readers


def by_seed(
    accuracies_by_model: Mapping[str, Sequence[float]], n: int, title: str = "The same models, other seeds"
) -> Figure:
    """Draw the test accuracy of each model for each seed, their mean, and the standard error of one measurement.

    Args:
        accuracies_by_model: a fraction in [0, 1] per seed, with the seeds in the same order for each model; the other
            models are compared with the first.
        n: number of test images.
    """
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    axis = figure.add_subplot()
    names, values = list(accuracies_by_model), 100 * np.array(list(accuracies_by_model.values()))  # (models, seeds)
    error = np.sqrt(values.mean() * (100 - values.mean()) / n)  # in points
    colours = [colour for _, colour in styles(names).values()]
    for place, (accuracies, colour, marker) in enumerate(zip(values, colours, MARKERS, strict=False)):
        axis.plot([place] * len(accuracies), accuracies, marker, color=colour, markersize=8, alpha=0.75)
        axis.hlines(accuracies.mean(), place - 0.25, place + 0.25, color=colour, linewidth=2.5)
    for seed in values.T:
        axis.plot(range(len(names)), seed, color="0.75", linewidth=1, zorder=0)
    axis.errorbar(
        len(names) - 0.45,
        values.mean(),
        error,
        color="0.3",
        capsize=5,
        marker="_",
        label="± 1 standard error\nof one measurement",
    )
    axis.set(xticks=range(len(names)), xticklabels=names, xlim=(-0.6, len(names) - 0.3), ylabel="test accuracy (%)")
    axis.set_xlabel("what the LeNet was trained on")
    legend_beside(axis, "a marker per seed,\na line at their mean")
    axis.grid(axis="y", alpha=0.3)
    return _finished(figure, title, f"against {names[0]}, {_differences(names, values)}.")


def _differences(names: Sequence[str], values: np.ndarray) -> str:
    """Write mean and standard error of the differences from the first model, seed by seed."""
    seeds = values.shape[1]
    parts = []
    for name, accuracies in zip(names[1:], values[1:], strict=True):
        difference = accuracies - values[0]
        sure = f" ± {difference.std(ddof=1) / np.sqrt(seeds):.2f}" if seeds > 1 else ""
        parts.append(f"{name} {difference.mean():+.2f}{sure} points")
    return f"over {seeds} seeds: {', '.join(parts)}"


def errors_by_digit(
    labels: Tensor, predictions_by_model: Mapping[str, Tensor], title: str = "Errors by digit"
) -> Figure:
    """Draw how many images of each digit each model misclassified.

    Args:
        labels: (n,), like the predictions of each model.
    """
    figure = Figure(figsize=(11, 4), layout="constrained")
    axis = figure.add_subplot()
    width = 0.8 / len(predictions_by_model)
    worst = []
    for i, (model, (name, colour)) in enumerate(styles(predictions_by_model).items()):
        read = predictions_by_model[model]
        wrong = np.array([int(((read != labels) & (labels == digit)).sum()) for digit in range(10)])
        places = np.arange(10) + (i - (len(predictions_by_model) - 1) / 2) * width
        axis.bar(
            places, wrong, width * 0.92, color=colour, hatch=("", "//", "..", "xx")[i % 4], edgecolor="w", label=name
        )
        worst.append(f"{name} {wrong.sum()} in all, most for the {wrong.argmax()} ({wrong.max()})")
    axis.set(xlabel="digit", ylabel="misclassified images", xticks=range(10))
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(axis="y", alpha=0.3)
    legend_beside(axis)
    return _finished(figure, title, f"{'; '.join(worst)}.")
