"""Pictures in memory, given out in batches as a DataLoader does, without opening a file per picture and epoch."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import TensorDataset


class Batches:
    """All pictures of a data set in memory.

    Args:
        images: uint8 (n, c, h, w) or (n, h, w).
        labels: int64 (n,).
        shuffle: give them in a new random order each epoch.
        augment: called on each whole batch, float32 (b, c, h, w) in [0, 1], before it is normalised.
        mean, std: numbers, or one per channel.
        device: where the batches lie.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        batch_size: int,
        shuffle: bool = False,
        augment: Callable[[Tensor], Tensor] | None = None,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        device: torch.device | str = "cpu",
    ) -> None:
        images = torch.as_tensor(images).to(device)
        self.images = images.unsqueeze(1) if images.dim() == 3 else images
        self.labels = torch.as_tensor(labels).to(device)
        self.dataset = TensorDataset(self.images, self.labels)
        self.batch_size, self.shuffle, self.augment = batch_size, shuffle, augment
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
        for numbers in order.to(self.labels.device).split(self.batch_size):
            images = self.images[numbers] / 255
            if self.augment is not None:
                images = self.augment(images)
            yield (images - self.mean) / self.std, self.labels[numbers]
