"""Images in memory, given out in batches as a DataLoader does, without opening a file per image and epoch."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

AT_ONCE = 2 * 2**20  # bytes: small batches are made several at a time, which costs less and stays in the cache


class Batches:
    """All images of a data set in memory.

    Args:
        images: uint8 (n, c, h, w), or (n, h, w) for grey ones.
        labels: int64 (n,).
        shuffle: give them out in a new random order each time.
        augment: called on whole batches, one or several joined, float32 (b, c, h, w) in [0, 1], before they are
            normalised; for training only.
        mean, std: numbers, or one per channel.
        device: where the images lie.
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
        """The number of batches; the last may be smaller."""
        return -(-len(self.labels) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches (images, labels): images float32 (b, c, h, w), normalised."""
        n = len(self.labels)
        order = torch.randperm(n) if self.shuffle else torch.arange(n)
        for numbers in order.to(self.labels.device).split(self.batch_size * self.batches_at_once):
            images = self.images.index_select(0, numbers) / 255  # images[numbers], faster
            if self.augment is not None:
                images = self.augment(images)
            images = (images - self.mean).div_(self.std)
            yield from zip(images.split(self.batch_size), self.labels[numbers].split(self.batch_size), strict=True)


def each(augment: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """What changes one image (c, h, w), made to change every image of a batch (b, c, h, w), one after the other."""
    return lambda images: torch.stack([augment(image) for image in images])


def _tensor(values: Tensor | np.ndarray) -> Tensor:
    """As a tensor; a copy of an array that may not be written to, of which torch would warn."""
    return values if isinstance(values, Tensor) else torch.from_numpy(np.array(values))
