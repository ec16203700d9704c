"""The pictures that the accuracy is measured on: the validation split, of which a few enter the jail, and no label."""

import functools

import torch
from given import caltech
from torch import Tensor

BATCH = 20
"""pictures in the jail: those that a network's operations are recorded on"""


@functools.cache
def validation_set(dataset: str) -> tuple[Tensor, Tensor]:
    """Pictures uint8 (n, 3, 64, 64), labels int64 (n,)."""
    return caltech.load(dataset, train=False)


def held_out(dataset: str, seed: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Inputs for the jail, and answers for the checks.

    Returns:
        ``images``, uint8, a few for the jail and all for the checks; ``labels``, int64 (n,), for the checks alone.
    """
    images, labels = validation_set(dataset)
    few = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))[:BATCH]
    return {"images": images[few]}, {"images": images, "labels": labels}
