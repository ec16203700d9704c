"""The reference's weights for a network with a residual: the same function, exactly."""

import torch


def convert(name, tensors):
    """A residual of zeros."""
    if name == "own_network":
        for layer in (0, 2):
            tensors[f"residual.{layer}.weight"] = torch.zeros(192, 192)
            tensors[f"residual.{layer}.bias"] = torch.zeros(192)
    return tensors
