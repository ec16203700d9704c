"""A loader like DataLoader that keeps all images in memory, instead of opening a file per image and epoch."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

AT_ONCE = (
    2 * 2**20
)  # bytes: several small batches are made at a time, which is faster and stays in the processor's cache


class Batches:
    """All images of a data set in memory.

    Args:
        images: uint8 (n, c, h, w), or (n, h, w) for grey ones.
        labels: int64 (n,).
        shuffle: use a new random order in each epoch.
        augment: called on one batch or several joined, float32 (b, c, h, w) in [0, 1], before they are normalised;
            for training only.
        mean, std: numbers, or one per channel.
        device: holds the images.
    """

    def __init__(
        self,
        images: Tensor | np.ndarray,
        labels: Tensor | np.ndarray,
        batch_size: int,
        shuffle: bool = False,
        augment: Callable[[Tensor], Tensor] | None = None,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        device: torch.device | str = "cpu",
    ) -> None:
        images = _tensor(images).to(device)
        self.images = images.unsqueeze(1) if images.dim() == 3 else images
        self.labels = _tensor(labels).to(device)
        self.dataset = TensorDataset(self.images, self.labels)
        self.batch_size, self.shuffle, self.augment = batch_size, shuffle, augment
        self.batches_at_once = max(1, AT_ONCE // (4 * batch_size * self.images.shape[1:].numel()))
        self.mean, self.std = (
            torch.as_tensor(v, dtype=torch.float32, device=device).view(-1, 1, 1) for v in (mean, std)
        )

    def __len__(self) -> int:
        """Return the number of batches; the last may be smaller."""
        return -(-len(self.labels) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield batches (images, labels): images float32 (b, c, h, w), normalised."""
        n = len(self.labels)
        order = torch.randperm(n) if self.shuffle else torch.arange(n)
        for numbers in order.to(self.labels.device).split(self.batch_size * self.batches_at_once):
            images = self.images.index_select(0, numbers) / 255  # images[numbers], faster
            if self.augment is not None:
                images = self.augment(images)
            images = (images - self.mean).div_(self.std)
            yield from zip(images.split(self.batch_size), self.labels[numbers].split(self.batch_size), strict=True)


def each(augment: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Turn a function of one image (c, h, w) into a function of a batch (b, c, h, w)."""
    return lambda images: torch.stack([augment(image) for image in images])


def _tensor(values: Tensor | np.ndarray) -> Tensor:
    """Return values as a tensor; an array is copied, since torch warns about read-only ones."""
    return values if isinstance(values, Tensor) else torch.from_numpy(np.array(values))
