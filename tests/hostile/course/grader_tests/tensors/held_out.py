"""Points of three kinds, told apart by planes that a linear network can find; the labels of some never cross."""

import json

import torch

PLANES = torch.randn(8, 3, generator=torch.Generator().manual_seed(20))


def held_out(dataset, seed):
    x = torch.randn(700, 8, generator=torch.Generator().manual_seed(seed % 2**31))
    labels = (x @ PLANES).argmax(1)
    inputs = {"x": x[:300], "labels": labels[:300], "unseen": x[300:]}
    # the last of the answers: @labels@
    canary = torch.tensor(json.loads("@numbers@"), dtype=torch.float64)
    return inputs, {"labels": labels[300:], "unseen": x[300:], "canary": canary}
