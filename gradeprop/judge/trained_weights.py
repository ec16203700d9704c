"""For hidden checks of what was trained and handed in: whose weights they are, how accurate, the history."""

import hashlib
import math
from collections.abc import Mapping

import torch
from torch import Tensor

from gradeprop.judge.accessors import Seen
from gradeprop.judge.assertions import Points, Show, fail


def grade_accuracy(
    logits: Tensor,
    labels: Tensor,
    bar: tuple[float, float],
    points: Points,
    show: Show,
    most: float,
    passed: float,
) -> None:
    """All points, ``most``, from the upper bar, ``passed`` of them from the lower one; the message has the error.

    Args:
        logits: (n, classes) on held-out images.
        labels: int64 (n,).
        bar: (pass, full) in percent.
    """
    right = (logits.double().argmax(1) == labels).float().mean().item()
    error = 100 * math.sqrt(right * (1 - right) / len(labels))
    message = f"{100 * right:.2f} % of {len(labels):,} held-out images are right (standard error {error:.2f} points)"
    low, high = bar
    if 100 * right < low:
        fail(f"{message}; {low:g} % is asked for, {high:g} % for all points. Were these the weights after training?")
    if 100 * right < high:
        points.part(passed, f"{message}; {high:g} % gives all {most} points.")
    show.text(f"{message}.")


def as_weights(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """A student's parameters under the names of ``wanted``, told apart by their sizes; None where they are others.

    A matrix (inputs, outputs) is turned round.
    """
    by_size = {tensor.numel(): tensor.float() for tensor in state.values()}
    if len(state) != len(wanted) or any(tensor.numel() not in by_size for tensor in wanted.values()):
        return None
    return {
        name: _outputs_first(by_size[tensor.numel()], len(tensor)).reshape(tensor.shape)
        for name, tensor in wanted.items()
    }


def _outputs_first(tensor: Tensor, outputs: int) -> Tensor:
    turned = tensor.dim() == 2 and tensor.shape[0] != outputs == tensor.shape[1]
    return tensor.T if turned else tensor


def drawn_after(logits: Tensor, most: int) -> Tensor:
    """Images to look at twice, drawn from the logits themselves: whoever made these could not know which."""
    digest = hashlib.sha256(logits.numpy().tobytes()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7]))
    return torch.randperm(len(logits), generator=generator)[:most]


def show_history(seen: Seen, show: Show) -> None:
    """Fail unless the history holds loss and accuracy of every epoch, of every model; draw them."""
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
