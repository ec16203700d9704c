"""Functions for checks of trained weights: the network with its weights, its accuracy, the training history.

Logits are computed here, from the network's graph and weights, on images that never enter the jail.
"""

import hashlib
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from gradeprop.judge.accessors import Seen
from gradeprop.judge.assertions import Points, Show, fail, is_close
from gradeprop.judge.graph import Network
from gradeprop.judge.operations import NotComputable

Prepare = Callable[[Tensor], Tensor]
"""turns images (n, …), uint8, into what a network takes"""

_FRESH_IMAGES = 1_000
_TURN, _SHIFT, _CONTRAST = 4.0, 0.75, 0.1
"""maximum of each change of an image: degrees, pixels, share"""
_LARGER = 1.25
"""times the numbers of the network that was asked for; a normalisation or a bias more is far below"""
_MARGIN = 10.0
"""percentage points: a network that was trained loses fewer when its images change so little"""


def read_network(seen: Seen) -> Network:
    """Return the network that ``draw.graph`` recorded.

    Raises:
        CheckFailed: it cannot be computed from its torch operations.
    """
    try:
        return Network.read(seen)
    except NotComputable as error:
        fail(f"The network cannot be computed from its torch operations: {error}.")


def computed(network: Network, images: Tensor) -> Tensor:
    """Return the logits of images.

    Raises:
        CheckFailed: an operation of the network fails.
    """
    try:
        return network(images)
    except NotComputable as error:
        fail(f"The network cannot be computed from its torch operations: {error}.")


def trained_network(seen: Seen) -> Network:
    """Return the network of a submission with its weights, as ``draw.trained`` recorded it.

    Raises:
        CheckFailed: it cannot be computed from its operations, or computes something else on other images.
    """
    network = read_network(seen)
    other = computed(network, seen.tensor("other_images", shape=network.batch))
    if not network.is_random and not is_close(seen.tensor("other_logits"), other):
        fail(
            "The network makes other operations for other images. Compute the logits with torch operations alone; "
            "forward must not look at the values of the images."
        )
    return network


def measure_accuracy(
    logits: Tensor, labels: Tensor, noun: str = "held-out images", decimals: int = 2
) -> tuple[float, str]:
    """Return the accuracy in percent, and half a sentence with it and its standard error.

    A row with NaN counts as wrong.

    Args:
        logits: (n, classes) on held-out images.
        labels: int64 (n,).
        noun: what the images are called.
        decimals: of the percentages.

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


def held_out_logits(
    network: Network, answers: Mapping[str, Tensor], prepare: Prepare, show: Show, like: nn.Module | None = None
) -> Tensor:
    """Return the logits (n, classes) on the held-out images, none of which the jail has seen.

    The accuracy is measured again on images that exist nowhere else: held-out images, slightly turned, shifted and with
    another contrast. A table of the public test set fails there; a network that fits that set much better than these is
    flagged for a person. So is one that is much larger than the network that was asked for: a table can be written so
    that it knows slightly changed images, too, but it takes room.

    Args:
        network: of the submission.
        answers: ``images``, uint8, and ``labels``, of ``held_out``.
        prepare: turns images into what the network takes.
        show: of the check.
        like: the network that was asked for, if its architecture is fixed.

    Raises:
        CheckFailed: it is a table.
    """
    images, labels = answers["images"], answers["labels"]
    logits = computed(network, prepare(images))
    chosen = drawn_after(logits, _FRESH_IMAGES, answers)
    fresh = computed(network, prepare(changed_slightly(images[chosen], _seed(logits, answers))))
    known, _ = measure_accuracy(logits[chosen], labels[chosen])
    unknown, _ = measure_accuracy(fresh, labels[chosen])
    found = (
        f"Of {len(chosen):,} held-out images {known:.0f} % are right, and {unknown:.0f} % after tiny changes of them"
    )
    if unknown < known / 2:
        fail(f"{found}, such as half a pixel. Were the labels of these images learned by heart?")
    if like is not None and network.numbers > _LARGER * (asked := sum(t.numel() for t in like.state_dict().values())):
        sizes = f"{network.numbers:,} numbers where the network that was asked for has {asked:,}"
        show.flag(f"The network has {sizes}: is it another one, or does it hold the test set?")
    elif known - unknown > _MARGIN:
        show.flag(f"{found}: was the network trained on the test set?")
    return logits


def changed_slightly(images: Tensor, seed: int) -> Tensor:
    """Turn, shift and change the contrast of each image by a little: uint8 (n, [channels,] height, width) → uint8."""
    generator = torch.Generator().manual_seed(seed)
    draws = 2 * torch.rand(4, len(images), generator=generator) - 1
    planes = (images if images.dim() == 4 else images.unsqueeze(1)).float()
    angle, height, width = draws[0] * math.radians(_TURN), *planes.shape[-2:]
    cos, sin = angle.cos(), angle.sin()
    x, y = 2 * _SHIFT * draws[1] / width, 2 * _SHIFT * draws[2] / height
    theta = torch.stack([torch.stack([cos, -sin, x], 1), torch.stack([sin, cos, y], 1)], 1)
    grid = F.affine_grid(theta, list(planes.shape), align_corners=False)
    moved = F.grid_sample(planes, grid, padding_mode="border", align_corners=False)
    contrast = (1 + _CONTRAST * draws[3]).view(-1, 1, 1, 1)
    mean = moved.mean((1, 2, 3), keepdim=True)
    return ((moved - mean) * contrast + mean).round().clamp(0, 255).to(torch.uint8).view(images.shape)


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
        points: of the check.
        show: of the check.
        full: all points of the check.
        passed: its points from the lower bar on.
        decimals: of the percentages.
        about: what else to show to a student who reaches the upper bar.
    """
    percent, message = measure_accuracy(logits, labels, decimals=decimals)
    low, high = bar
    if percent < low:
        fail(f"{message}; {low:g} % is required, {high:g} % for all points. Were these the weights after training?")
    if percent < high:
        points.part(passed, f"{message}; {high:g} % gives all {full} points.")
    show.text(f"{about}{message}.")


def drawn_after(logits: Tensor, maximum: int, answers: Mapping[str, Tensor] = MappingProxyType({})) -> Tensor:
    """Choose images by what the logits are: indices (k,). Nobody can know the choice before the logits.

    Args:
        logits: of the held-out images.
        maximum: number of images.
        answers: the ``secret`` of the run in them counts, too: on a public test set, the logits can be known.
    """
    generator = torch.Generator().manual_seed(_seed(logits, answers))
    return torch.randperm(len(logits), generator=generator)[:maximum]


def _seed(logits: Tensor, answers: Mapping[str, Tensor]) -> int:
    secret = answers["secret"].numpy().tobytes() if "secret" in answers else b""
    return int.from_bytes(hashlib.sha256(logits.contiguous().numpy().tobytes() + secret).digest()[:7])


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
