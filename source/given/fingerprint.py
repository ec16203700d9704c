"""One number that tells whether a network computes what it should, whatever style it is written in.

The public checks use it: they know the number of the right network, and those of a few usual mistakes.
"""

import numpy as np
import torch
from torch import Tensor, nn

SAME = 1e-3  # relative: another order of additions changes less


def fingerprint(model: nn.Module, shape: tuple[int, ...]) -> float:
    """Fill a network with weights that depend on their number alone, show it an image, and weigh up its logits.

    Args:
        model: its weights are lost; from one layer to the next there must be fewer values.
        shape: (c, h, w) of the image.
    """
    image = torch.from_numpy(np.random.RandomState(0).standard_normal((1, *shape))).float()
    with torch.no_grad():
        model.eval()(image)  # lazy layers have no weights before
        for parameter in model.parameters():
            parameter.copy_(_values(parameter))
        return weigh(model(image))


def weigh(logits: Tensor) -> float:
    """The first logit, plus twice the second, and so on."""
    flat = logits.detach().double().flatten()
    return float((flat * torch.arange(1, len(flat) + 1)).sum())


def name_of(number: float, numbers: dict[str, float]) -> str | None:
    """The name under which the number is in the table, within ``SAME``; None if it is not there."""
    return next((name for name, one in numbers.items() if abs(number - one) <= SAME * abs(one)), None)


def _values(parameter: Tensor) -> Tensor:
    size, shape = parameter.numel(), parameter.shape
    values = torch.from_numpy(np.random.RandomState(size).standard_normal(size)).float() * size**-0.25
    transposed = parameter.dim() == 2 and shape[0] > shape[1]  # a matrix (inputs, outputs), written without nn.Linear
    return values.reshape(shape[::-1]).T if transposed else values.reshape(shape)
