"""The reference's weights for blocks with biases: the same function, exactly."""

import torch


def convert(name, tensors):
    """Biases of zero."""
    if name == "resnet18":
        kernels = {key: weight for key, weight in tensors.items() if weight.dim() == 4 and key != "conv1.weight"}
        tensors |= {key.replace("weight", "bias"): torch.zeros_like(w[:, 0, 0, 0]) for key, w in kernels.items()}
    return tensors
