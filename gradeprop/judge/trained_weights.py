"""What checks of trained weights share: accuracy on held-out images, a twin of the network, the training history.

Accuracy is computed here, from the logits of a submission and from labels that never enter the jail.
"""

import hashlib
import math
from collections.abc import Mapping

import torch
from torch import Tensor

from gradeprop.judge.accessors import Seen
from gradeprop.judge.assertions import Points, Show, fail


def measure_accuracy(
    logits: Tensor, labels: Tensor, noun: str = "held-out images", decimals: int = 2
) -> tuple[float, str]:
    """Return the accuracy in percent, and half a sentence with it and its standard error.

    A row with NaN counts as wrong.

    Args:
        logits: (n, classes) on held-out images.
        labels: int64 (n,).

    Raises:
        CheckFailed: the logits have another shape.
        ValueError: there are no labels.
    """
    if not len(labels):
        raise ValueError("accuracy needs at least one label")
    if logits.dim() != 2 or len(logits) != len(labels):
        fail(f"The logits have the shape {list(logits.shape)}; expected [{len(labels)}, number of classes].")
    right = int(((logits.double().argmax(1) == labels) & ~logits.isnan().any(1)).sum())
    percent = 100 * right / len(labels)  # rounded once, so that 983 of 1,000 reach a bar of 98.3
    error = math.sqrt(percent * (100 - percent) / len(labels))
    text = f"{percent:.{decimals}f} % of {len(labels):,} {noun} are right"
    return percent, f"{text} (standard error {error:.{decimals}f} percentage points)"


def grade_accuracy(
    logits: Tensor,
    labels: Tensor,
    bar: tuple[float, float],
    points: Points,
    show: Show,
    full: float,
    passed: float,
    decimals: int = 2,
    about: str = "",
) -> None:
    """Award ``full`` points from the upper bar on, ``passed`` from the lower one on, and none below it.

    Args:
        logits: (n, classes) on held-out images.
        labels: int64 (n,).
        bar: (pass, full) in percent.
        full: all points of the check.
        about: what else to show to a student who reaches the upper bar.
    """
    percent, message = measure_accuracy(logits, labels, decimals=decimals)
    low, high = bar
    if percent < low:
        fail(f"{message}; {low:g} % is required, {high:g} % for all points. Were these the weights after training?")
    if percent < high:
        points.part(passed, f"{message}; {high:g} % gives all {full} points.")
    show.text(f"{about}{message}.")


def as_weights(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """Return a student's parameters under the names of ``wanted``, or None if their sizes are not those of ``wanted``.

    Sizes tell the parameters apart, so all of ``wanted`` must have different ones. A matrix (inputs, outputs) is
    transposed.
    """
    by_size = {tensor.numel(): tensor.float() for tensor in state.values()}
    if len(state) != len(wanted) or any(tensor.numel() not in by_size for tensor in wanted.values()):
        return None
    return {
        name: _outputs_first(by_size[tensor.numel()], len(tensor)).reshape(tensor.shape)
        for name, tensor in wanted.items()
    }


def _outputs_first(tensor: Tensor, outputs: int) -> Tensor:
    transposed = tensor.dim() == 2 and tensor.shape[0] != outputs == tensor.shape[1]
    return tensor.T if transposed else tensor


def drawn_after(logits: Tensor, maximum: int) -> Tensor:
    """Choose images to compare with a twin: indices (k,) that the logits themselves decide.

    So nobody who makes up logits can know which of them will be compared.
    """
    digest = hashlib.sha256(logits.numpy().tobytes()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7]))
    return torch.randperm(len(logits), generator=generator)[:maximum]


def show_history(seen: Seen, show: Show) -> None:
    """Fail unless ``models`` holds loss and accuracy of every epoch, for every model; draw them.

    Args:
        seen: a probe that returned ``{"models": draw.history()}``.
    """
    models = seen.items("models")
    if not models:
        fail("history.json holds no training curves: save it as the notebook does.")
    for model in models:
        length = len(model.numbers("train_loss"))
        for quantity in ("loss", "accuracy"):
            lists = {name: model.numbers(f"{name}_{quantity}", length) for name in ("train", "test")}
            if not length:
                fail("history.json holds empty lists: train first.")
            show.curves(f"{model.text('name')}: {quantity}".lstrip(": "), "epoch", quantity, lists)
