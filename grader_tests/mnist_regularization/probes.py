"""The probes: calls and inputs, never answers.

Each probe runs in the jail on the student's code, and again in the judge on the reference with the same draws; the
checks compare the two. Weights are drawn too, so that none has to be trusted. A probe of
one task needs no other task: where ``compare`` would call another, a stand-in answers.
"""

import copy
from unittest import mock

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

# ---------------------------------------------------------------- used by several probes


class Trace(TorchDispatchMode):
    """Notes the addresses of weight, bias, running mean and running variance of each batch normalisation."""

    def __init__(self):
        super().__init__()
        self.norms = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        if "batch_norm" in operation.overloadpacket.__name__ and len(self.norms) < 50:
            self.norms.append([a.data_ptr() if isinstance(a, Tensor) else 0 for a in args[1:5]])
        return operation(*args, **(kwargs or {}))


def norms_of(model, images):
    """The batch normalisations of a forward pass in evaluation mode. An exception is reported elsewhere."""
    mode, trace = model.training, Trace()
    try:
        with trace, torch.no_grad():
            model.eval()(images.clone())
    except Exception:
        pass
    model.train(mode)
    return trace.norms


def fill(model, draw, images):
    """Give each tensor drawn values that depend on its size and on its part in a BatchNorm, if it has one.

    The tensors of each network asked for have different sizes, so nothing depends on names or order. The values are
    large enough for a missing non-linearity to show, and a BatchNorm's weights have both signs, so that it matters
    whether it comes before or after pooling. The networks narrow, so a matrix (large, small) is taken for a transposed
    one.
    """
    part_of = {
        address: part for norm in norms_of(model, images) for part, address in enumerate(norm, start=1) if address
    }
    for tensor in (*model.parameters(), *model.buffers()):
        part, size, shape = part_of.get(tensor.data_ptr(), 0), tensor.numel(), tensor.shape
        if part == 0 and not isinstance(tensor, nn.Parameter):
            continue
        generator = torch.Generator().manual_seed(draw.seed + 5 * size + part)
        values = torch.randn(size, generator=generator) * (0.4 if part else size**-0.25)
        if part in (1, 4):  # a BatchNorm's weight away from 0, its variance above 0
            values = values.abs() + 0.5
        if part == 1:
            values = values * (1 - 2 * torch.randint(0, 2, (size,), generator=generator))
        transposed = tensor.dim() == 2 and shape[0] > shape[1]
        tensor.data.copy_(values.reshape(shape[::-1]).T if transposed else values.reshape(shape))
    return model


def graph(model, images, draw):
    """The images, and the graph of the model in evaluation mode."""
    return {"images": images, **draw.graph(draw.initialize(model, images).eval(), images.clone())}


def repeats(model, draw):
    """Ask in training mode, where dropout shows; a network with a BatchNorm, reported elsewhere, in evaluation mode."""
    images = some_images(draw)
    model = fill(draw.initialize(model, images), draw, images)
    found = graph(model, images, draw)
    return {**found, **draw.repeats(model.train(not norms_of(model, images)), images.clone())}


def answers(model, images):
    """The logits of the images one by one: that a network mixes them is reported elsewhere."""
    with torch.no_grad():
        logits = torch.cat([model(image[None].clone()) for image in images])
    return {"images": images, "state": model.state_dict(), "logits": logits}


def some_images(draw):
    """A few images; how many is drawn, too."""
    return draw.normal(int(draw.integers(4, 12, 1)), 1, 28, 28)


# ---------------------------------------------------------------- small_lenet


def probe_lenet(student, draw):
    return graph(student.SmallLeNet(), some_images(draw), draw)


def probe_lenet_classes(student, draw):
    classes = int(draw.integers(11, 40, 1))
    return {"classes": classes, **graph(student.SmallLeNet(num_classes=classes), some_images(draw), draw)}


def probe_lenet_answers(student, draw):
    images = some_images(draw)
    return answers(fill(draw.initialize(student.SmallLeNet(), images), draw, images).eval(), images)


def probe_lenet_repeats(student, draw):
    return repeats(student.SmallLeNet(), draw)


def probe_lenet_gradients(student, draw):
    images = some_images(draw)
    model = fill(draw.initialize(student.SmallLeNet(), images), draw, images)
    nn.functional.cross_entropy(model(images.clone()), draw.integers(0, 10, len(images))).backward()
    return {"gradients": draw.parameters(model), **graph(model, images, draw)}


# ---------------------------------------------------------------- small_mlp


def probe_mlp(student, draw):
    return graph(student.SmallMLP(), some_images(draw), draw)


def probe_mlp_answers(student, draw):
    images = some_images(draw)
    return answers(fill(draw.initialize(student.SmallMLP(), images), draw, images).eval(), images)


def probe_mlp_repeats(student, draw):
    return repeats(student.SmallMLP(), draw)


# ---------------------------------------------------------------- regularised_lenet


def without_dropout(student, images, draw):
    """RegularisedLeNet without dropout, whether or not it takes the argument; if not, that is reported elsewhere."""
    try:
        model = student.RegularisedLeNet(dropout=0.0)
    except TypeError:
        model = student.RegularisedLeNet()
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = 0.0
    return draw.initialize(model, images)


def probe_regularised(student, draw):
    images = some_images(draw)
    return graph(without_dropout(student, images, draw), images, draw)


def probe_regularised_twin(student, draw):
    images = draw.normal(12, 1, 28, 28)
    model = fill(without_dropout(student, images, draw), draw, images)
    found = copy.deepcopy(graph(model, images, draw))  # training changes the running averages
    return {**found, "trained": model.train()(images), "later": model.eval()(images)}


def probe_regularised_answers(student, draw):
    images = draw.normal(6, 1, 28, 28)
    model = fill(draw.initialize(student.RegularisedLeNet(), images), draw, images).eval()
    found = draw.repeats(
        model, images.clone(), size=2
    )  # alone, a BatchNorm that takes the batch for its averages raises
    return {**graph(model, images, draw), **found}


def probe_dropout(student, draw):
    images = draw.normal(6, 1, 28, 28)
    found = graph(fill(without_dropout(student, images, draw), draw, images), images, draw)
    for name, probability in (("none", 0.0), ("half", 0.5), ("all", 1.0)):
        model = fill(draw.initialize(student.RegularisedLeNet(dropout=probability), images), draw, images).train()
        pair = [model(images).nan_to_num(), model(images).nan_to_num()]  # a hand-made dropout of 1 may give 0 / 0
        found[name] = torch.stack(pair)
    return found


# ---------------------------------------------------------------- flip


def probe_flip(student, draw):
    images = draw.uniform(int(draw.integers(20, 50, 1)), 1, 28, 28)
    given = images.clone()
    result = student.flip_at_random(given)
    return {"result": result, "type": str(result.dtype), "images": images, "changed": (given - images).abs().max()}


def probe_flip_coins(student, draw):
    """Sixteen batches of 25; one row of each image tells whether it was mirrored."""
    images = draw.uniform(16, 25, 1, 28, 28)
    results = torch.stack([student.flip_at_random(batch.clone()) for batch in images])
    row = int(draw.integers(6, 12, 1))
    return {"given": images[:, :, 0, row].clone(), "returned": results.reshape(16, 25, 28, 28)[:, :, row].clone()}


# ---------------------------------------------------------------- affine


def comets(draw, n, degrees):
    """The same picture n times, each of another brightness: a streak with a heavy head, its weight in the middle.

    Its centre, length, direction and head tell how it was shifted, scaled, turned or mirrored.
    """
    angle = torch.deg2rad(degrees + 2 * draw.uniform(1))
    along, weight = torch.tensor([-4.5, -1.5, 1.5, 4.5]), torch.tensor([1.0, 0.75, 0.5, 0.3])
    along = along - (along * weight).sum() / weight.sum()
    rows, columns = torch.meshgrid(torch.arange(28) - 13.5, torch.arange(28) - 13.5, indexing="ij")
    x, y = along * angle.cos(), along * angle.sin()  # of the four blobs
    distance = (columns[..., None] - x) ** 2 + (rows[..., None] - y) ** 2
    picture = (torch.exp(-distance / (2 * 1.5**2)) * weight).sum(-1)
    brightness = torch.linspace(0.55, 0.95, n)[draw.choice(n, n)]
    return picture / picture.max() * brightness[:, None, None, None]


def probe_affine(student, draw):
    """Six calls. The streaks lie aslant in one and along an axis in the next: a map that stretches along a diagonal, or
    along the axes, leaves the direction of the ones or of the others, and only a turn changes both.
    """
    n, (aslant, along) = int(draw.integers(8, 16, 1)), (90.0 * draw.integers(0, 4, 2)).tolist()
    images = torch.stack([comets(draw, n, aslant + 44), comets(draw, n, along + 89)] * 3)  # (6, n, 1, 28, 28)
    given = list(images.clone())
    results = [student.affine_at_random(batch) for batch in given]
    changed = (torch.stack(given) - images).abs().max()
    named = {str(i): result for i, result in enumerate(results)}
    return {"images": images, "results": named, "type": str(results[0].dtype), "changed": changed}


# ---------------------------------------------------------------- standard_error, compare


def probe_standard_error(student, draw):
    drawn = [(0.3 + 0.4 * float(draw.uniform(1)), int(draw.integers(10, 100, 1))) for _ in range(4)]
    cases = [(0.5, 10), (0.5, 40), (0.1, 10), (0.9, 10), (0.875, 10_000), (1.0, 100), *drawn]
    found = [draw.scalar(student.standard_error(accuracy, n)) for accuracy, n in cases]
    return {"accuracies": [a for a, _ in cases], "numbers": [n for _, n in cases], "errors": found}


NAMES = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")


def a_history(draw, epochs):
    """Drawn values; the last epoch is neither the best nor the worst in any of them, nor is the first."""
    history = {name: (0.3 + 0.4 * draw.uniform(epochs)).tolist() for name in NAMES}
    for values in history.values():
        values[int(draw.integers(1, epochs - 2, 1))] = 0.95
        values[-2] = 0.05
    return history


def cells(table, draw):
    """Rows, columns and values of a DataFrame; {} of anything else."""
    if not (hasattr(table, "to_dict") and hasattr(table, "index") and hasattr(table, "columns")):
        return {}
    names = [str(name) for name in table.index][:20]
    columns = [str(column) for column in table.columns][:20]
    values = {column: [draw.scalar(value) for value in table.iloc[:20, i].tolist()] for i, column in enumerate(columns)}
    return {"names": names, "columns": columns, "cells": [values]}


def probe_compare(student, draw):
    widths = [int(draw.integers(20, 60, 1)) for _ in range(3)]
    first, second, third = draw.choice(90, 3).sort().values.tolist()
    names = [f"model {10 + number}" for number in (third, first, second)]
    models = {name: nn.Linear(width, 7) for name, width in zip(names, widths, strict=True)}
    histories = {name: a_history(draw, 5 + i) for i, name in enumerate(models)}
    parameters = {name: model.weight.numel() + model.bias.numel() for name, model in models.items()}
    millions = {id(model): parameters[name] / 1e6 for name, model in models.items()}
    n_test = int(draw.integers(200, 900, 1))
    shuffled = {name: copy.deepcopy(histories[name]) for name in sorted(histories, reverse=True)}
    stand_ins = {
        "count_model_params": lambda model: millions[id(model)],
        "standard_error": lambda accuracy, n: accuracy / n,
    }
    with mock.patch.multiple(student, create=True, **stand_ins):
        table = student.compare(models, shuffled, n_test)
    asked = {"order": list(models), "parameters": list(parameters.values()), "n_test": n_test}
    return {"kind": type(table).__name__, **asked, "histories": list(histories.values()), **cells(table, draw)}


# ---------------------------------------------------------------- accuracy


def normalized(images):
    return (images.unsqueeze(1) / 255 - 0.1307) / 0.3081  # (n, 1, 28, 28)


def probe_weights_mlp(student, draw):
    return draw.trained(student.SmallMLP(), "small_mlp.safetensors", normalized)


def probe_weights_regularised(student, draw):
    model = without_dropout(student, some_images(draw), draw)  # dropout in evaluation mode is reported elsewhere
    return draw.trained(model, "regularised_lenet.safetensors", normalized)


def probe_weights_affine(student, draw):
    return draw.trained(student.SmallLeNet(), "affine_lenet.safetensors", normalized)


def probe_history(student, draw):
    return {"models": draw.history()}
