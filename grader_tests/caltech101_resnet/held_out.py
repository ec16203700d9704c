"""The pictures that the accuracy is measured on: the validation split, of which a few enter the jail, and no label."""

import torch
from given import caltech
from torch import Tensor

BATCH = 20
"""pictures in the jail: those that a network's operations are recorded on"""


def held_out(dataset: str, seed: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Inputs for the jail and answers for the checks, in an order of the run's own.

    Returns:
        ``images``, uint8 (n, 3, 64, 64), of which the jail gets a few; ``labels``, int64 (n,), for the checks alone.
    """
    images, labels = caltech.load(dataset, train=False)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    shuffled = images[order]
    return {"images": shuffled[:BATCH]}, {"images": shuffled, "labels": labels[order]}
