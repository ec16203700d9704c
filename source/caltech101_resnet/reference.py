"""Trains the reference solution: the files that a good submission holds. Instructors only.

The recipe is the notebook's own, so what it reaches a student can reach. Every model is trained for a number of epochs
fixed beforehand, and the weights at the end are kept (their moving average, except for the plain LeNet's): no epoch is
chosen by looking at the validation pictures.
"""

import copy
import functools
import json
from collections.abc import Callable
from pathlib import Path

import torch
from given import augment, caltech
from given.averaging import MovingAverage, one_cycle
from given.batches import Batches
from given.training import fit, keep_memory, load_weights, save_history, save_weights
from torch import Tensor, nn

import student_code

RECIPES = {  # epochs of each network, of some first with pictures of 48 pixels, then of 64; and the batch size
    "caltech101": {"lenet": 15, "improved": 65, "resnet18": [17, 8], "free": [28, 12], "batch_size": 64},
    "sample": {"lenet": 8, "improved": 12, "resnet18": 6, "batch_size": 16},
}
TARGETS = {  # percent of the validation pictures, as they are and as the mean over 18 views of each
    "caltech101": {
        "improved": 74.0, "improved, 18 views": 78.0, "resnet18": 74.0, "resnet18, 18 views": 78.0,
        "free": 80.0, "free, 18 views": 84.0,
    },
}  # fmt: skip
ABOUT = (
    "The standard error of one accuracy on 911 pictures is 1.4 to 1.6 points. `free` is a design within 2 million "
    "parameters. Published by students for ResNet-18 from scratch at full size: 66.9 to 69.6; nobody has published the "
    "LeNet at 64 pixels. Two to five recipes of a network were compared on these pictures "
    "(docs/decisions/2026-11-22-near-and-far.md)."
)
NORMAL = {"mean": caltech.MEAN, "std": caltech.STD}
MODELS = {  # by the name of the saved weights: the network they belong to, of a student_code module
    "improved": lambda student: student.improved_setup()[0],
    "resnet18": lambda student: student.ResNet18(),
}


def train(dataset: str, folder: Path, seed: int = 0, epochs: int | None = None) -> None:
    """Write improved.safetensors, resnet18.safetensors and history.json to the folder.

    Args:
        dataset: "caltech101" or "sample".
        epochs: other than the recipe's, for every network.
    """
    keep_memory()
    so_far, history = folder / "so_far.json", {}
    if so_far.exists():  # of a run that was interrupted
        history = json.loads(so_far.read_text(encoding="utf-8"))
    for name in [name for name in RECIPES[dataset] if name not in ("batch_size", *history)]:
        print(f"{name}, seed {seed}")
        model, history[name] = train_one(name, dataset, seed, epochs)
        if name in MODELS or dataset != "sample":  # in half precision: half the bytes, and the same answers
            save_weights(copy.deepcopy(model).half(), folder / f"{name}.safetensors")
        save_history(history, so_far)
    so_far.rename(folder / "history.json")


def further(dataset: str, folder: Path) -> dict[str, float]:
    """Of each network that was saved, in percent: the mean over the classes, and both with 18 views of each picture."""
    columns = {}
    for name in ("lenet", "improved", "resnet18", "free"):
        if (folder / f"{name}.safetensors").exists():
            model = load_weights(setup(name)[0], folder / f"{name}.safetensors")
            for what, views in (("", lambda images: [images]), (", 18 views", augment.crops)):
                read, labels = predictions(model, dataset, views)
                columns[f"{name}{what}"] = round(100 * (read == labels).float().mean().item(), 2)
                columns[f"{name} by class{what}"] = round(100 * student_code.mean_class_accuracy(read, labels), 2)
    return columns


def predictions(model: nn.Module, dataset: str, views: Callable[[Tensor], list[Tensor]]) -> tuple[Tensor, Tensor]:
    """(the class read for each validation picture, its label), from the mean probabilities over its views."""
    read, labels = [], []
    for images, batch_labels in test_loader(dataset):
        probabilities = augment.averaged(lambda view: student_code.predict(model, view), views(images))
        read.append(probabilities.argmax(1))
        labels.append(batch_labels)
    return torch.cat(read), torch.cat(labels)


def train_one(name: str, dataset: str, seed: int = 0, epochs: int | None = None) -> tuple[nn.Module, dict]:
    """One network after training, and its history."""
    stages = stages_of(name, dataset, epochs)
    torch.manual_seed(seed)
    model, optimizer, criterion = setup(name)
    pictures, to_measure, size = load(dataset, train=True), test_loader(dataset), RECIPES[dataset]["batch_size"]
    batches = [
        (number, Batches(*pictures, size, shuffle=True, augment=changed, **NORMAL)) for number, changed in stages
    ]
    measured, loops = model, (student_code.train_model, student_code.test_model)
    if name != "lenet":
        one_cycle(optimizer, steps=sum(number * len(loader) for number, loader in batches))
        average = MovingAverage(model, optimizer, decay=0.995 if dataset == "caltech101" else 0.9)
        measured, loops = average.model, (student_code.train_model, average.measured(student_code.test_model))
    history: dict[str, list[float]] = {}
    for number, loader in batches:
        stage = fit(model, (loader, to_measure), optimizer, criterion, number, *loops)
        history = {key: history.get(key, []) + values for key, values in stage.items()}
    return measured, history


def test_loader(dataset: str) -> Batches:
    """The validation pictures, normalised, in batches."""
    return Batches(*load(dataset, train=False), 100, **NORMAL)


def load(dataset: str, train: bool) -> tuple[Tensor, Tensor]:
    """Pictures uint8 (n, 3, 64, 64) and labels int64 (n,)."""
    return caltech.load(dataset, train)


def stages_of(name: str, dataset: str, epochs: int | None) -> list[tuple[int, Callable[[Tensor], Tensor] | None]]:
    """What is done to the batches that a network learns from, and for how many epochs, one stage after the other."""
    planned = RECIPES[dataset][name]
    small, full = planned if isinstance(planned, list) and not epochs else (0, epochs or planned)
    nearest = functools.partial(augmented_small, smallest=0.25 if name == "free" else 0.3)
    stages = [(small, nearest), (full, None if name == "lenet" else augmented)]
    return [(number, changed) for number, changed in stages if number]


def augmented(batch: Tensor) -> Tensor:
    """Each picture from nearer or from further away, mirrored or not, in other colours."""
    return augment.colour(augment.flip(augment.resized_crop(batch, smallest=0.4, largest=1.3)), strength=0.2)


def augmented_small(batch: Tensor, smallest: float) -> Tensor:
    """Crops of 48 pixels: a step needs 66 % of the multiply-adds."""
    return augment.colour(augment.flip(augment.resized_crop(batch, smallest, size=48)), strength=0.2)


def setup(name: str) -> tuple[nn.Module, torch.optim.Optimizer, Callable[[Tensor, Tensor], Tensor]]:
    """(model, optimizer, criterion) of one of the networks."""
    if name == "lenet":
        model = student_code.CaltechLeNet()
        return model, torch.optim.Adam(model.parameters(), lr=1e-3), one_hot_loss
    if name == "improved":
        return student_code.improved_setup()
    model, lr, decay = (student_code.ResNet18(), 2e-3, 0.05) if name == "resnet18" else (small_resnet(), 4e-3, 0.1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=decay)
    return model, optimizer, nn.CrossEntropyLoss(label_smoothing=0.1)


def one_hot_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy with one-hot labels: the same number as with int64 labels."""
    return nn.functional.cross_entropy(logits, student_code.one_hot(labels, logits.shape[1]))


class Residual(nn.Module):
    """relu-free skip: what goes in, plus what two convolutions make of it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*convolution(channels, channels), *convolution(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) to the same."""
        return x + self.layers(x)


def convolution(channels: int, maps: int) -> list[nn.Module]:
    """Conv 3×3, BatchNorm, ReLU."""
    return [nn.Conv2d(channels, maps, 3, padding=1, bias=False), nn.BatchNorm2d(maps), nn.ReLU()]


def small_resnet(num_classes: int = 101) -> nn.Module:
    """What a free design within 2 million parameters may look like: widths 32, 64, 128, 256, two residual blocks."""
    return nn.Sequential(
        *convolution(3, 32), nn.MaxPool2d(2),  # (n, 32, 32, 32)
        *convolution(32, 64), nn.MaxPool2d(2), Residual(64),  # (n, 64, 16, 16)
        *convolution(64, 128), nn.MaxPool2d(2),  # (n, 128, 8, 8)
        *convolution(128, 256), nn.MaxPool2d(2), Residual(256),  # (n, 256, 4, 4)
        nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(256, num_classes),
    )  # fmt: skip
