"""The digits that the accuracy is measured on: real test images, of which a few enter the jail, and no label."""

import torch
from given import digits
from torch import Tensor

BATCH = 100
"""images in the jail: those that a network's operations are recorded on"""


def held_out(dataset: str, seed: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Inputs for the jail and answers for the checks, in an order of the run's own.

    Returns:
        ``images``, uint8 (n, 32, 32), of which the jail gets the first; ``labels``, int64 (n,), for the checks alone.
    """
    images, labels = digits.load(dataset, train=False)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    shuffled = torch.from_numpy(digits.resize(images))[order]
    return {"images": shuffled[:BATCH]}, {"images": shuffled, "labels": torch.from_numpy(labels)[order]}
