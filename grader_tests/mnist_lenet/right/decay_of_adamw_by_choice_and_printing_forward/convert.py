"""The reference's regularised weights, with each BatchNorm in the convolution before it."""


def convert(name, tensors):
    """Return the reference's weights by the names of this network; those of LeNet-5 stay."""
    if "regularised" not in name:
        return tensors
    layers = {}
    for conv, norm, new in ((0, 1, 0), (4, 5, 3), (8, 9, 6)):
        weight, shift, mean, variance = (
            tensors[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = weight / (variance + 1e-5).sqrt()
        layers[f"{new}.weight"] = tensors[f"{conv}.weight"] * scale[:, None, None, None]
        layers[f"{new}.bias"] = (tensors[f"{conv}.bias"] - mean) * scale + shift
    for old, new in ((13, 9), (15, 11)):
        layers |= {f"{new}.{part}": tensors[f"{old}.{part}"] for part in ("weight", "bias")}
    return layers
