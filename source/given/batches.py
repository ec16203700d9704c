"""Images in memory, given out in batches as a DataLoader does, without opening a file per image and epoch."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset


class Batches:
    """A loader of images that lie in memory.

    Args:
        images: uint8 (n, c, h, w), or (n, h, w) for grey ones.
        labels: int64 (n,).
        batch_size: images per batch; the last may be smaller.
        shuffle: a new random order each epoch.
        augment: called on each batch, float32 (b, c, h, w) in [0, 1], before it is normalised.
        mean, std: numbers, or one per channel: a batch is given out as (pixels - mean) / std.
        device: where the images lie.
    """

    def __init__(
        self,
        images: np.ndarray | Tensor,
        labels: np.ndarray | Tensor,
        batch_size: int,
        shuffle: bool = False,
        augment: Callable[[Tensor], Tensor] | None = None,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.images = torch.as_tensor(images).to(device)
        self.labels = torch.as_tensor(labels).to(device)
        if self.images.dim() == 3:
            self.images = self.images.unsqueeze(1)  # (n, 1, h, w)
        self.dataset = TensorDataset(self.images, self.labels)
        self.batch_size, self.shuffle, self.augment = batch_size, shuffle, augment
        self.mean = torch.tensor(mean, device=device).view(-1, 1, 1)
        self.std = torch.tensor(std, device=device).view(-1, 1, 1)

    def __len__(self) -> int:
        """The number of batches."""
        return -(-len(self.labels) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches (images, labels)."""
        n = len(self.labels)
        order = torch.randperm(n) if self.shuffle else torch.arange(n)
        for numbers in order.to(self.labels.device).split(self.batch_size):
            images = self.images[numbers] / 255
            if self.augment is not None:
                images = self.augment(images)
            yield (images - self.mean) / self.std, self.labels[numbers]
