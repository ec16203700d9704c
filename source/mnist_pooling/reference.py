"""Trains the reference solution: the files that a good submission holds. Instructors only.

The recipe is the notebook's own, so what it reaches a student can reach. Every model is trained for a number of steps
fixed beforehand, and the weights at the end are kept: no step is chosen by looking at the test images.
"""

import json
from pathlib import Path

import torch
from given import digits
from given.batches import Batches
from given.training import History, keep_memory, save_history, save_weights
from torch import nn

import student_code

# a step counts as `pace` steps of the schedule: the sample goes through all of its 30,000 in 600 steps
RECIPES = {
    "mnist": {"steps": 5_000, "batch_size": 1024, "record_every": 250, "limit_every": 5_000, "pace": 1},
    "sample": {"steps": 600, "batch_size": 64, "record_every": 25, "limit_every": 100, "pace": 50},
}
TARGETS = {"mnist": {"lenet_max": 98.5}}  # percent of the test images
MODELS = {  # by the name of the saved weights: the network they belong to, of a student_code module
    "lenet_avg": lambda student: student.PoolingLeNet("avg"),
    "lenet_max": lambda student: student.PoolingLeNet("max"),
    "lenet_none": lambda student: student.PoolingLeNet("none"),
}
ABOUT = (
    "Time: what a step took on the clock, as the history tells it; processor time, which others do not lengthen, "
    "is in mnist_pooling_time.json, made by `benchmarks/pooling_time.py`."
)


def train(dataset: str, folder: Path, seed: int = 42, epochs: int | None = None) -> None:
    """Write lenet_avg.safetensors, lenet_max.safetensors, lenet_none.safetensors and history.json to the folder.

    Args:
        dataset: "mnist" or "sample".
        epochs: train for as many steps as so many epochs have, other than the recipe's number.
    """
    keep_memory()
    history = {}
    for name in MODELS:
        model, history[name] = train_one(name, dataset, seed, epochs)
        save_weights(model, folder / f"{name}.safetensors")
    save_history(history, folder / "history.json")


def train_one(name: str, dataset: str, seed: int, epochs: int | None = None) -> tuple[nn.Module, History]:
    """One of the three models after training, and what was recorded on the way."""
    recipe = RECIPES[dataset]
    pace, record_every = recipe["pace"], recipe["record_every"]
    torch.manual_seed(seed)
    train_loader = digits.in_memory(*load(dataset, train=True), recipe["batch_size"], shuffle=True)
    steps = recipe["steps"] if epochs is None else epochs * len(train_loader)
    model = MODELS[name](student_code)
    history = student_code.train_steps(
        model,
        (train_loader, test_loader(dataset)),
        student_code.pooling_optimizer(model),
        lambda step: (student_code.learning_rate(pace * step), student_code.momentum(pace * step)),
        steps,
        min(record_every, steps),
        recipe["limit_every"],
    )
    accuracy, ms = history["test_accuracy"][-1], 1000 * history["seconds"][-1] / history["step"][-1]
    print(f"{name}, seed {seed}, {steps} steps: {accuracy:.2%} of the test images, {ms:.1f} ms per step", flush=True)
    return model, history


def further(dataset: str, folder: Path) -> dict[str, float]:
    """Milliseconds per step of each network, and how many times as long as with max pooling one takes without."""
    history = json.loads((folder / "history.json").read_text(encoding="utf-8"))
    ms = {name: 1000 * record["seconds"][-1] / record["step"][-1] for name, record in history.items()}
    found = {f"{name} ms per step": round(value, 1) for name, value in ms.items()}
    return found | {"none / max": round(ms["lenet_none"] / ms["lenet_max"], 2)}


def load(dataset: str, train: bool) -> tuple:
    """Images uint8 (n, 28, 28) and labels int64 (n,)."""
    return digits.load(dataset, train)


def test_loader(dataset: str) -> Batches:
    """The test images, normalised, in batches."""
    return digits.in_memory(*load(dataset, train=False), batch_size=1000)
