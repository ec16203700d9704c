"""Calls and inputs, never answers."""

from safetensors.torch import load_file
from torch import nn


def linear(draw, *shape):
    model = nn.Linear(*shape)
    for parameter in model.parameters():
        parameter.data.copy_(draw.normal(*parameter.shape))
    return model


def probe_standardise(student, draw):
    return {"rows": student.standardise(draw.normal(7, 5) * 3 + 2)}


def probe_windows(student, draw):
    x, size = draw.normal(int(draw.integers(9, 20, 1))), int(draw.integers(2, 6, 1))
    return {"windows": student.windows(x, size)}


def probe_count(student, draw):
    model = nn.Sequential(*(nn.Linear(int(n), int(m)) for n, m in draw.integers(2, 50, 4, 2)))
    model[1].weight.requires_grad = False
    return {"count": student.count_parameters(model)}


def probe_describe(student, draw):
    return {"text": student.describe(draw.integers(0, 9, *draw.integers(1, 9, 3).tolist()))}


def probe_shuffled(student, draw):
    x = draw.normal(12, 2)
    return {"once": student.shuffled(x.clone()), "twice": student.shuffled(x.clone()), "x": x}


def probe_step(student, draw):
    model = linear(draw, 4, 3)
    for parameter in model.parameters():
        parameter.grad = draw.normal(*parameter.shape)
    student.step(model, draw.normal(6, 4), draw.integers(0, 3, 6), 0.25)
    return {"state": model.state_dict()}


def probe_fit(student, draw):
    seen = draw.inputs
    model = student.fit(seen["x"], seen["labels"])
    return {"logits": model(seen["unseen"])}


def probe_weights(student, draw):
    return {"state": load_file(draw.submission / "weights.safetensors")}
