"""What is asked of a submission: calls and inputs, never answers.

Each probe runs in the jail beside the student's code, and again in the grader on the reference with the same draws; the
checks hold the one against the other. Weights are drawn too, so that nothing has to be believed about them. A probe of
one task needs no other task.
"""

import contextlib
import copy
import io
import json
from unittest import mock

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, Dataset, TensorDataset, default_collate

# ---------------------------------------------------------------- used by several probes


class Trace(TorchDispatchMode):
    """Records each operation of torch and the shape of its (first) result, however the code spells it."""

    def __init__(self):
        super().__init__()
        self.steps = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        first = result[0] if isinstance(result, tuple | list) and result else result
        if isinstance(first, Tensor) and len(self.steps) < 400:
            self.steps.append({"op": operation.overloadpacket.__name__.rstrip("_"), "shape": list(first.shape)})
        return result


def ready(model, images):
    """The model; lazy layers, if it has any, have seen the images and know their shapes."""
    if any(isinstance(parameter, nn.parameter.UninitializedParameter) for parameter in model.parameters()):
        model(images)
    return model


def fill(model, draw):
    """Give each parameter drawn values that depend on its size alone: LeNet-5's ten parameters have ten sizes.

    The values are large enough for a missing non-linearity to show. LeNet-5 narrows, so a matrix (large, small) is
    taken for a transposed one.
    """
    for parameter in model.parameters():
        size, shape = parameter.numel(), parameter.shape
        values = torch.randn(size, generator=torch.Generator().manual_seed(draw.seed + size)) * size**-0.25
        transposed = parameter.dim() == 2 and shape[0] > shape[1]
        parameter.data.copy_(values.reshape(shape[::-1]).T if transposed else values.reshape(shape))
    return model


def described(model):
    """Name, shape and norm of the gradient of each parameter; the norm is 0 where there is no gradient."""
    return [
        {"name": name, "shape": list(p.shape), "gradient": 0.0 if p.grad is None else p.grad.norm().item()}
        for name, p in model.named_parameters()
    ]


def plain(value):
    """The number in a tensor or NumPy scalar; anything else as it is."""
    return value.item() if isinstance(value, Tensor | np.generic | np.ndarray) and value.ndim == 0 else value


def pair(returned):
    """Loss and accuracy as a loop returned them."""
    loss, accuracy = returned if isinstance(returned, tuple | list) and len(returned) == 2 else (None, None)
    return {"loss": plain(loss), "accuracy": plain(accuracy)}


def mirror(image):
    """An augmentation that can be recognised."""
    return torch.flip(image, (-1,))


# ---------------------------------------------------------------- dataset

NUMBERS = ("9", "10", "00123", "1234567", "0", "007", "42", "99", "100", "31415", "8", "64")


def write_digits(draw, name, n=12):
    """A folder whose name holds an underscore, with an image of drawn pixels for each of the first n numbers."""
    folder = draw.folder() / name
    folder.mkdir()
    pixels = draw.integers(0, 256, n, 32, 32).to(torch.uint8)
    labels = draw.integers(0, 10, n)
    for number, image, label in zip(NUMBERS[:n], pixels, labels.tolist(), strict=True):
        Image.fromarray(image.numpy()).save(folder / f"{number}_{label}.png")
    return folder, pixels, labels


def open_digits(student, folder, *augment):
    """The student's dataset, whichever of Path and str it takes."""
    try:
        return student.DigitImages(folder, *augment)
    except (TypeError, AttributeError):
        return student.DigitImages(str(folder), *augment)


def probe_images(student, draw):
    folder, pixels, labels = write_digits(draw, "digits_5")
    dataset = open_digits(student, folder)
    images, labels_read = zip(*(dataset[i] for i in range(len(dataset))), strict=True)
    return {
        "images": default_collate(list(images)),
        "labels": default_collate(list(labels_read)),  # what a DataLoader makes of them
        "read": [int(label) for label in labels_read],
        "pixels": pixels,
        "written": labels,
    }


def probe_other_files(student, draw):
    folder, _, _ = write_digits(draw, "digits_6", int(draw.integers(5, 13, 1)))
    (folder / "notes_3.txt").write_text("not an image")
    return {"length": len(open_digits(student, folder))}


def probe_folder_types(student, draw):
    folder, _, _ = write_digits(draw, "digits_7", int(draw.integers(5, 13, 1)))
    return {"path": len(student.DigitImages(folder)), "str": len(student.DigitImages(str(folder)))}


def probe_augment_hook(student, draw):
    given = []

    def augment(image):
        given.append(image.clone())
        return mirror(image)

    folder, pixels, _ = write_digits(draw, "digits_8")
    dataset = open_digits(student, folder, augment)
    images = default_collate([dataset[i][0] for i in range(len(dataset))])
    return {"given": torch.stack(given) if given else None, "images": images, "pixels": pixels}


# ---------------------------------------------------------------- loaders


def stand_in(folders):
    """A class to take the place of DigitImages: the pixels of a folder as they are, from memory."""

    class Digits(Dataset):
        def __init__(self, folder, augment=None):
            self.pixels, self.augment = folders[str(folder)], augment

        def __len__(self):
            return len(self.pixels)

        def __getitem__(self, index):
            image = self.pixels[index].unsqueeze(0) / 255
            return image if self.augment is None else self.augment(image), 0

    return Digits


def probe_loaders(student, draw):
    (train, train_pixels, _), (test, test_pixels, _) = write_digits(draw, "train_1"), write_digits(draw, "test_1")
    digits = stand_in({str(train): train_pixels, str(test): test_pixels})
    try:  # a mistake in the student's DigitImages is not one in their loaders
        with mock.patch.object(student, "DigitImages", digits, create=True):
            loaders = student.make_loaders(train, test, 5, mirror)
    except (TypeError, KeyError):
        loaders = student.make_loaders(train, test, 5, mirror)
    result = {"train_pixels": train_pixels, "test_pixels": test_pixels}
    for name, loader in zip(("train", "test"), loaders, strict=True):
        epochs = [[batch[0] for batch in loader] for _ in range(3)]
        result[f"{name}_epochs"] = {str(number): torch.cat(batches) for number, batches in enumerate(epochs)}
        result[f"{name}_sizes"] = [len(batch) for batch in epochs[0]]
    return result


# ---------------------------------------------------------------- lenet, mlp


def probe_lenet_parameters(student, draw):
    model = ready(student.LeNet5(), torch.zeros(2, 1, 32, 32))
    return {"parameters": described(model)}


def probe_lenet_classes(student, draw):
    return {"logits": student.LeNet5(num_classes=7)(draw.normal(3, 1, 32, 32))}


def probe_lenet_layers(student, draw):
    images = draw.normal(3, 1, 32, 32)
    model = ready(student.LeNet5(), images)
    with Trace() as trace, torch.no_grad():
        model(images)
    return {"trace": trace.steps}


def probe_lenet_twin(student, draw):
    images = draw.normal(9, 1, 32, 32)
    model = fill(ready(student.LeNet5(), images), draw).eval()
    return {"images": images, "logits": model(images), "state": model.state_dict()}


def probe_lenet_gradients(student, draw):
    images = draw.normal(9, 1, 32, 32)
    model = fill(ready(student.LeNet5(), images), draw)
    logits = model(images)
    nn.functional.cross_entropy(logits, draw.integers(0, 10, 9)).backward()
    return {"parameters": described(model)}


def repeats(model, images):
    """A batch, the same batch again, and its images one by one."""
    before = images.clone()
    return {
        "first": model(images),
        "again": model(images),
        "alone": torch.cat([model(image.unsqueeze(0)) for image in before.clone()]),
        "changed": (images - before).abs().max(),
    }


def probe_lenet_repeats(student, draw):
    images = draw.normal(5, 1, 32, 32)
    return repeats(fill(ready(student.LeNet5(), images), draw), images)


def probe_mlp(student, draw):
    images = draw.normal(5, 1, 32, 32)
    model = ready(student.CustomMLP(), images)
    nn.functional.cross_entropy(model(images), draw.integers(0, 10, 5)).backward()
    with Trace() as trace, torch.no_grad():
        model.eval()(images)
    return {"parameters": described(model), "trace": trace.steps}


def probe_mlp_repeats(student, draw):
    images = draw.normal(5, 1, 32, 32)
    return repeats(ready(student.CustomMLP(), images).eval(), images)


# ---------------------------------------------------------------- count


def counted(student, **models):
    """What the student counts in each model; all are large, so that rounding does not hide a mistake."""
    return {name: plain(student.count_model_params(model)) for name, model in models.items()}


def linear(inputs, outputs, bias=True):
    """A linear layer whose weights are left as they lie in memory: drawing millions takes longer than all else here."""
    return nn.utils.skip_init(nn.Linear, inputs, outputs, bias=bias)


def width(draw):
    return int(draw.integers(900, 1400, 1))


def probe_count(student, draw):
    small = nn.Sequential(nn.Conv2d(1, 7, 5), nn.Flatten(), linear(width(draw), 10))
    return counted(student, small=small, large=linear(width(draw), width(draw)))


def probe_count_frozen(student, draw):
    half, other = linear(1000, width(draw)), linear(width(draw), 1000)
    both = nn.Sequential(copy.deepcopy(half), copy.deepcopy(other))
    frozen = nn.Sequential(half, copy.deepcopy(other).requires_grad_(False))
    return counted(student, both=both, frozen=frozen, half=half)


def probe_count_tied(student, draw):
    size = width(draw)
    one, other = linear(size, size, bias=False), linear(size, size, bias=False)
    apart = nn.Sequential(one, nn.ReLU(), copy.deepcopy(one))
    other.weight = one.weight
    return counted(student, one=one, tied=nn.Sequential(one, nn.ReLU(), other), apart=apart)


def probe_count_buffers(student, draw):
    model = linear(1000, width(draw))
    larger = nn.Sequential(model, linear(1000, 1000))
    buffered = copy.deepcopy(model)
    buffered.register_buffer("mask", torch.ones(1000, 1000))
    return counted(student, model=model, buffered=buffered, larger=larger)


def probe_count_nested(student, draw):
    layer = linear(1000, width(draw), bias=False)
    own = nn.Module()
    own.inner = nn.ModuleDict({"table": nn.ParameterList([copy.deepcopy(layer.weight).detach()])})
    return counted(student, layer=layer, own=own, larger=nn.Sequential(layer, linear(1000, 1000)))


# ---------------------------------------------------------------- train, test


class Remember(nn.Module):
    """Keeps what passes through."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def forward(self, x):
        self.rows.append(x.detach().clone())
        return x


def network(draw, *middle):
    """A small network of ours with drawn weights, (n, 1, 8, 8) → (n, 10); without a middle it is one matrix."""
    model = nn.Sequential(nn.Flatten(), *middle, nn.Linear(64, 10), Remember())
    for parameter in model.parameters():
        parameter.data.copy_(draw.normal(*parameter.shape) * 0.3)
    return model


def some_batches(draw, n=14, size=4):
    """Images, labels, and a loader that keeps their order; the last batch is smaller."""
    images, labels = draw.normal(n, 1, 8, 8), draw.integers(0, 10, n)
    return {"images": images, "labels": labels}, DataLoader(TensorDataset(images, labels), size)


def twice(earlier, later):
    """What a loop returned when called twice: the second time must not know of the first."""
    return {**later, **{f"first_{name}": value for name, value in earlier.items()}}


def give_gradients(model, draw):
    for parameter in model.parameters():
        parameter.grad = draw.normal(*parameter.shape)


def momentum(model, lr):
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)


CRITERION = nn.CrossEntropyLoss(label_smoothing=0.1)  # not the plain one, so that another than ours shows


def probe_train_one_batch(student, draw):
    model, (data, loader) = network(draw), some_batches(draw, n=4)
    start = copy.deepcopy(model.state_dict())
    student.train_model(model, loader, momentum(model, 0.1), CRITERION, 1)
    return {**data, "start": start, "end": model.state_dict()}


def probe_train_epoch(student, draw):
    model, (data, loader) = network(draw), some_batches(draw)
    start = copy.deepcopy(model.state_dict())
    give_gradients(model, draw)
    stale = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    student.train_model(model, loader, momentum(model, 0.1), CRITERION, 1)
    return {**data, "start": start, "stale": stale, "end": model.state_dict()}


def probe_train_mode(student, draw):
    model, (_, loader) = network(draw, nn.BatchNorm1d(64)).eval(), some_batches(draw)
    student.train_model(model, loader, momentum(model, 0.01), CRITERION, 1)
    return {"mean": model[1].running_mean}


HITS = torch.tensor([[0, 1, 3], [0, 3, 3], [1, 3, 3], [0, 0, 3], [0, 0, 1]])


def easy_end(model, draw, data):
    """Labels such that the model is right on the last, smaller batch and on few of the others.

    How many in each of the first three batches is one of HITS, in any order: with these no two misreadings of the
    accuracy give the same number, nor do the right answers and the wrong ones.
    """
    labels = model(data["images"]).argmax(1).detach()
    for batch, hits in enumerate(HITS[draw.integers(0, len(HITS), 1)][0, draw.choice(3, 3)].tolist()):
        missed = 4 * batch + draw.choice(4, 4 - hits)
        labels[missed] = (labels[missed] + draw.integers(1, 10, len(missed))) % 10  # above the answer, or below it
    data["labels"].copy_(labels)


def probe_train_returns(student, draw):
    model, (data, loader) = network(draw), some_batches(draw)
    easy_end(model, draw, data)
    optimizer = momentum(model, 0.0)  # the weights stay, so that a mistake in the steps does not show here
    earlier = pair(student.train_model(model, loader, optimizer, CRITERION, 1))
    later = pair(student.train_model(model, loader, optimizer, CRITERION, 2))
    return {**data, **twice(earlier, later), "logits": model(data["images"])}


def probe_train_bar(student, draw):
    model, (_, loader) = network(draw), some_batches(draw)
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        student.train_model(model, loader, momentum(model, 0.1), CRITERION, 3)
    return {"shown": (out.getvalue() + err.getvalue())[:200]}


def probe_test_returns(student, draw):
    model, (data, loader) = network(draw), some_batches(draw)
    easy_end(model, draw, data)
    earlier = pair(student.test_model(model, loader, CRITERION))
    later = pair(student.test_model(model, loader, CRITERION))
    return {**data, **twice(earlier, later), "logits": model(data["images"])}


def probe_test_mode(student, draw):
    model, (_, loader) = network(draw, nn.BatchNorm1d(64), nn.Dropout(0.5)).train(), some_batches(draw)
    student.test_model(model, loader, CRITERION)
    return {"answers": torch.cat(model[-1].rows), "mean": model[1].running_mean}


def probe_test_leaves(student, draw):
    model, (_, loader) = network(draw).eval(), some_batches(draw)
    give_gradients(model, draw)
    student.test_model(model, loader, CRITERION)
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    return {"answers": torch.cat(model[-1].rows), "gradients": gradients, "state": model.state_dict()}


# ---------------------------------------------------------------- curves


def floats(values):
    try:
        return [float(value) for value in values][:50]
    except (TypeError, ValueError):
        return []


def axis_label(axes, name):
    """The label of an axis, its own or that of an axis it is shared with, or the figure's."""
    shared = getattr(axes, f"get_shared_{name}_axes")().get_siblings(axes)
    labels = [getattr(one, f"get_{name}label")() for one in (axes, *shared)]
    return next(filter(None, labels), getattr(axes.figure, f"get_sup{name}label")())


def legend_texts(owner):
    legends = owner.legends if isinstance(owner, Figure) else filter(None, [owner.get_legend()])
    return [text.get_text() for legend in legends for text in legend.get_texts()]


def probe_curves(student, draw):
    epochs = int(draw.integers(5, 10, 1))
    names = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")
    history = {name: (draw.uniform(epochs) * 0.5 + 0.4).tolist() for name in names}
    returned = student.plot_curves({name: list(values) for name, values in history.items()}, "Network 5b")
    figure = returned if isinstance(returned, Figure) else plt.gcf()
    axes = figure.axes
    lines = [
        {
            "x": floats(line.get_xdata()),
            "y": floats(line.get_ydata()),
            "label": str(line.get_label()),
            "heading": f"{one.get_title()} {one.get_ylabel()}",
            "legend": legend_texts(one) + legend_texts(figure),
            "x_label": axis_label(one, "x"),
            "y_label": axis_label(one, "y"),
        }
        for one in axes
        for line in one.get_lines()
    ]
    titles = [figure.get_suptitle(), *(one.get_title(loc) for one in axes for loc in ("left", "center", "right"))]
    return {"history": [history], "returned": returned is figure, "lines": lines, "titles": " · ".join(titles)}


# ---------------------------------------------------------------- regularise


def a_digit(draw):
    """A drawn picture, 20×20 in the middle of 32×32, in [0, 1]: of 300 the one least like its own mirror images."""
    coarse = draw.uniform(300, 1, 5, 5) ** 2
    likeness = [
        nn.functional.conv2d(coarse.transpose(0, 1), coarse.flip(axes), padding=2, groups=300).amax((0, 2, 3))
        for axes in ((-1,), (-2,), (-1, -2))
    ]
    best = (torch.stack(likeness).amax(0) / coarse.square().sum((1, 2, 3))).argmin()
    picture = nn.functional.interpolate(coarse[best : best + 1], size=(20, 20), mode="bilinear")[0]
    return nn.functional.pad(picture, (6, 6, 6, 6))


def probe_augment(student, draw):
    image, results, changed = a_digit(draw), {}, False
    for number in range(24):
        given = image.clone()
        results[str(number)] = student.augment_digit(given)
        changed = changed or not torch.equal(given, image)
    return {"image": image, "changed": changed, "results": results}


def augment_varies(student, draw):
    """Whether augment_digit changes an image; it may be missing or fail, which is told elsewhere."""
    image = a_digit(draw)
    try:
        return any(not torch.equal(student.augment_digit(image.clone()), image) for _ in range(20))
    except Exception:
        return False


def probe_regularised(student, draw):
    model, optimizer, _ = student.regularised_setup()
    images = draw.normal(6, 1, 32, 32)
    with Trace() as trace, torch.no_grad():
        first = ready(model, images).train()(images)
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    left_out = [name for name, parameter in model.named_parameters() if id(parameter) not in held]
    again = model(images).detach()
    return {
        "parameters": described(model), "left_out": left_out, "trace": trace.steps, "first": first, "again": again,
    }  # fmt: skip


def probe_regularised_step(student, draw):
    model, optimizer, criterion = student.regularised_setup()
    loss = criterion(model.train()(draw.normal(6, 1, 32, 32)), draw.integers(0, 10, 6))
    loss.backward()
    optimizer.step()
    return {"loss": plain(loss), "parameters": described(model)}


def probe_regularised_steps(student, draw):
    model, optimizer, criterion = student.regularised_setup()
    images, labels = draw.normal(16, 1, 32, 32), draw.integers(0, 10, 16)
    losses = []
    for _ in range(20):
        torch.manual_seed(draw.seed)  # the same units are dropped, so that the losses can be compared
        loss = criterion(ready(model, images).train()(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(plain(loss.detach()))
    return {"losses": losses}


def probe_regularisers(student, draw):
    model, optimizer, criterion = student.regularised_setup()
    ready(model, torch.zeros(2, 1, 32, 32))
    log_probabilities, labels = torch.log_softmax(draw.normal(6, 10), 1), draw.integers(0, 10, 6)
    loss = criterion(log_probabilities, labels)
    before = sum(parameter.norm().item() for parameter in model.parameters())
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    return {
        "log_probabilities": log_probabilities,
        "labels": labels,
        "loss": plain(loss),
        "before": before,
        "after": sum(parameter.norm().item() for parameter in model.parameters()),
        "augments": augment_varies(student, draw),
    }


# ---------------------------------------------------------------- accuracy


def held_out_logits(model, name, draw):
    """The logits of a network with the weights that were handed in, on all held-out images."""
    try:
        state = load_file(draw.submission / name)
    except SafetensorError as error:
        raise ValueError(f"{name} is not a file of safetensors; save it with given.training.save_weights") from error
    images = (draw.inputs["images"].unsqueeze(1) / 255 - 0.1307) / 0.3081  # (n, 1, 32, 32)
    model = ready(model, images[:2])
    model.load_state_dict(state)
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(batch) for batch in images.split(500)])
    return {"logits": logits, "state": dict(model.named_parameters())}


def probe_weights_lenet5(student, draw):
    return held_out_logits(student.LeNet5(), "lenet5.safetensors", draw)


def probe_weights_regularised(student, draw):
    return held_out_logits(student.regularised_setup()[0], "lenet5_regularised.safetensors", draw)


def curves_in(found, name=""):
    """Every table in the file that holds training curves, with the name it stands under."""
    if isinstance(found, dict):
        if "train_loss" in found:
            return [{"name": name, **{key: value for key, value in found.items() if isinstance(value, list)}}]
        return [curves for key, value in found.items() for curves in curves_in(value, str(key))]
    return []


def probe_history(student, draw):
    text = (draw.submission / "history.json").read_text(encoding="utf-8")
    return {"models": curves_in(json.loads(text))[:8]}
