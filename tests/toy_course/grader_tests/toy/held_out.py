"""Numbers, and what twice them is."""

import torch


def held_out(dataset, seed):
    numbers = torch.randn(10, generator=torch.Generator().manual_seed(seed % 2**31))
    return {"numbers": numbers}, {"twice": 2 * numbers}
