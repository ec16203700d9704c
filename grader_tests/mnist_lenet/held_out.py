"""The digits that the accuracy is measured on: real test images, of which a few enter the jail, and no label."""

import functools

import torch
from given import digits
from torch import Tensor

BATCH = 100
"""images in the jail: those that a network's operations are recorded on"""


@functools.cache
def test_set(dataset: str) -> tuple[Tensor, Tensor]:
    """Images uint8 (n, 32, 32), labels int64 (n,)."""
    images, labels = digits.load(dataset, train=False)
    return torch.from_numpy(digits.resize(images)), torch.tensor(labels)


def held_out(dataset: str, seed: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Inputs for the jail, and answers for the checks.

    Returns:
        ``images``, uint8, a few for the jail and all for the checks; ``labels``, int64 (n,), for the checks alone.
    """
    images, labels = test_set(dataset)
    few = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))[:BATCH]
    return {"images": images[few]}, {"images": images, "labels": labels}
