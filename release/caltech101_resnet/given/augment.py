"""Augmentation of colour pictures, a whole batch at a time, with a random draw for each picture.

A batch is float32 (n, 3, h, w) in [0, 1]; each function returns a new one, in the same range:

    batch = flip(resized_crop(batch, smallest=0.5))     for training only
    probabilities = averaged(predict, crops(batch))     for measuring: the mean over 18 views of each picture
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import grid_sample


def flip(batch: Tensor, probability: float = 0.5) -> Tensor:
    """Mirror each picture left to right with this probability."""
    mirrored = torch.rand(len(batch), 1, 1, 1, device=batch.device) < probability
    return torch.where(mirrored, batch.flip(3), batch)


def resized_crop(
    batch: Tensor, smallest: float = 0.5, largest: float = 1.0, stretch: float = 4 / 3, size: int | None = None
) -> Tensor:
    """Cut a random rectangle out of each picture and scale it, by bilinear interpolation.

    Args:
        smallest, largest: limits of the fraction of the area that is cut out, drawn uniformly. Above 1 the picture is
            shrunk, and mirrored at its borders.
        stretch: the rectangle is up to this many times as wide as high, or as high as wide.
        size: height and width of the result in pixels, (n, 3, size, size); None keeps those of the batch.
    """
    n, device = len(batch), batch.device
    area = smallest + (largest - smallest) * torch.rand(n, device=device)
    ratio = stretch ** (2 * torch.rand(n, device=device) - 1)
    width, height = (side.sqrt().clamp(max=max(largest, 1)) for side in (area * ratio, area / ratio))
    across, down = (2 * torch.rand(2, n, device=device) - 1) * (1 - torch.stack([width, height]))  # of the middle
    return _cut(batch, width, height, across, down, size)


def colour(batch: Tensor, strength: float = 0.2) -> Tensor:
    """Change brightness, contrast and saturation of each picture by a factor in [1 - strength, 1 + strength]."""
    factors = 1 + strength * (2 * torch.rand(3, len(batch), 1, 1, 1, device=batch.device) - 1)
    brightness, contrast, saturation = factors
    grey = batch.mean(1, keepdim=True)  # (n, 1, h, w)
    mean = grey.mean((2, 3), keepdim=True)
    # the three changes combined: a multiple of the picture, and a part that does not depend on the colour
    shift = brightness * (contrast * (1 - saturation) * grey + (1 - contrast) * mean)
    return torch.addcmul(shift, batch, brightness * contrast * saturation).clamp_(0, 1)


def crops(batch: Tensor, kept: float = 0.85, grid: int = 3) -> list[Tensor]:
    """Return ``2 · grid²`` views of each picture: grid × grid crops, each also mirrored.

    Args:
        kept: fraction of the width and of the height in a crop, which is scaled back to the size of the picture.
    """
    n, device = len(batch), batch.device
    side = torch.full((n,), kept, device=device)
    views = []
    for down in torch.linspace(kept - 1, 1 - kept, grid).tolist():
        for across in torch.linspace(kept - 1, 1 - kept, grid).tolist():
            views.append(_cut(batch, side, side, torch.full_like(side, across), torch.full_like(side, down)))
    return views + [view.flip(3) for view in views]


def averaged(predict: Callable[[Tensor], Tensor], views: list[Tensor]) -> Tensor:
    """Average the probabilities that ``predict`` gives for several views of the same pictures: (n, classes)."""
    return torch.stack([predict(view) for view in views]).mean(0)


def _cut(batch: Tensor, width: Tensor, height: Tensor, across: Tensor, down: Tensor, size: int | None = None) -> Tensor:
    """Cut a different rectangle out of each picture; width and height 1 are the picture's, (0, 0) is its centre."""
    sides = (size, size) if size else batch.shape[2:]
    rows, columns = (torch.linspace(1 / n - 1, 1 - 1 / n, n, device=batch.device) for n in sides)  # centres of pixels
    width, height, across, down = (value.view(-1, 1, 1) for value in (width, height, across, down))
    # rows and columns are independent, so this equals affine_grid, in less time
    grid = torch.stack(torch.broadcast_tensors(across + width * columns, down + height * rows.unsqueeze(1)))
    return grid_sample(batch, grid.permute(1, 2, 3, 0), padding_mode="reflection", align_corners=False)
