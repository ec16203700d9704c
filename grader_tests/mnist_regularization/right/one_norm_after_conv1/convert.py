"""The reference's weights for a network with one BatchNorm: the same function in evaluation mode."""

EPSILON = 1e-5  # BatchNorm's own


def convert(name, tensors):
    """A BatchNorm in evaluation mode is a factor and an offset per channel: the layer before it takes both in."""
    if name == "regularised_lenet":
        for layer, norm in (("conv2", "norm2"), ("conv3", "norm3"), ("fc1", "norm4")):
            parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
            gain, offset, mean, variance, _ = (tensors.pop(f"{norm}.{part}") for part in parts)
            factor = gain / (variance + EPSILON).sqrt()
            weight = tensors[f"{layer}.weight"]
            tensors[f"{layer}.weight"] = weight * factor.view(-1, *[1] * (weight.dim() - 1))
            tensors[f"{layer}.bias"] = (tensors[f"{layer}.bias"] - mean) * factor + offset
    return tensors
