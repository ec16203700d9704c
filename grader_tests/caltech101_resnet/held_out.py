"""The pictures that the accuracy is measured on: those of the validation split, whose labels never enter the jail."""

import torch
from given import caltech
from torch import Tensor


def held_out(dataset: str, seed: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Inputs for the jail and answers for the checks, in an order of the run's own.

    Returns:
        ``images``, uint8 (n, 3, 64, 64), for the jail; ``labels``, int64 (n,), for the checks alone.
    """
    images, labels = caltech.load(dataset, train=False)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    return {"images": images[order]}, {"labels": labels[order]}
