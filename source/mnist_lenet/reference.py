"""Trains the reference solution: the files that a good submission holds. Instructors only.

The recipe is the notebook's own, so what it reaches a student can reach. Every model is trained for a number of epochs
fixed beforehand, and the weights at the end are kept: no epoch is chosen by looking at the test images.
"""

from pathlib import Path

import torch
from given import digits
from given.batches import Batches, each
from given.training import fit, save_history, save_weights
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR

import student_code

RECIPES = {
    "mnist": {"epochs": 12, "batch_size": 128, "lr": 2e-3},
    "sample": {"epochs": 12, "batch_size": 32, "lr": 4e-3},
}
TARGETS = {"mnist": {"lenet5": 98.9, "lenet5_regularised": 99.1}}  # percent of the test images
MODELS = {  # by the name of the saved weights: the network they belong to, of a student_code module
    "lenet5": lambda student: student.LeNet5(),
    "lenet5_regularised": lambda student: student.regularised_setup()[0],
}


def train(dataset: str, folder: Path, seed: int = 0, epochs: int | None = None) -> None:
    """Write lenet5.safetensors, lenet5_regularised.safetensors and history.json to the folder.

    Args:
        dataset: "mnist" or "sample".
        epochs: other than the recipe's.
    """
    recipe = RECIPES[dataset]
    epochs = epochs or recipe["epochs"]
    images, labels = load(dataset, train=True)
    history = {}
    for name in ("lenet5", "mlp", "lenet5_regularised"):
        torch.manual_seed(seed)
        model, optimizer, criterion, augment = setup(name, recipe["lr"])
        train_loader = digits.in_memory(images, labels, recipe["batch_size"], shuffle=True, augment=augment)
        loaders, loops = (train_loader, test_loader(dataset)), (student_code.train_model, student_code.test_model)
        print(f"{name}, seed {seed}")
        history[name] = fit(model, loaders, optimizer, criterion, epochs, *loops, CosineAnnealingLR(optimizer, epochs))
        if name in MODELS:
            save_weights(model, folder / f"{name}.safetensors")
    save_history(history, folder / "history.json")


def load(dataset: str, train: bool) -> tuple:
    """Images uint8 (n, 32, 32) and labels int64 (n,)."""
    images, labels = digits.load(dataset, train)
    return digits.resize(images), labels


def test_loader(dataset: str) -> Batches:
    """The test images, normalised, in batches."""
    return digits.in_memory(*load(dataset, train=False), batch_size=1000)


def setup(name: str, lr: float) -> tuple:
    """(model, optimizer, criterion, augment) of one of the three models."""
    if name == "lenet5_regularised":
        return *student_code.regularised_setup(), each(student_code.augment_digit)
    model = student_code.LeNet5() if name == "lenet5" else student_code.CustomMLP()
    return model, torch.optim.Adam(model.parameters(), lr=lr), nn.CrossEntropyLoss(), None
