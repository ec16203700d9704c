"""Trains the reference solution of an assignment, and writes down what it reaches.

    python benchmarks/reference.py mnist_lenet --seeds 0 1 2

Measures: accuracy on all test images of the saved weights, read back from disk, and the seconds that training took,
once per seed. A seed that is done is not trained again; of one that was interrupted, ``train`` may find what it left
in its folder. Writes the raw rows to docs/results/<assignment>.json, a page to docs/results/<assignment>.md, and the
first seed's weights and history to .cache/reference/<assignment>/<dataset>/. Ends with 1 if the mean over the seeds
misses a target.

Of source/<assignment>/reference.py it uses ``RECIPES``, ``TARGETS``, ``MODELS``, ``train``, ``test_loader``, and for
columns and words of its own ``further(dataset, folder) -> {column: percent}`` and ``ABOUT``, if they are there.
"""

import argparse
import importlib.util
import itertools
import json
import os
import platform
import shutil
import sys
import time
from pathlib import Path
from statistics import mean, stdev
from types import ModuleType

import numpy as np
import torch
import torchvision

from gradeprop.core import storage

ROOT = Path(__file__).resolve().parents[1]
WIDEST = 8  # columns of a table that has a row per seed; with more of them it has a column per seed


def main() -> int:
    """Train, measure, write; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description="Train the reference solution of an assignment.")
    parser.add_argument("assignment")
    parser.add_argument("--dataset", help='a data set of its RECIPES (default: the first of them); "sample" for a look')
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, help="other than the recipe's, for a quick look; nothing is written down")
    parser.add_argument("--again", action="store_true", help="train seeds that are done already once more")
    parser.add_argument("--note", default="", help="what else the machine did, as it bears on the seconds")
    options = parser.parse_args()
    reference = load_reference(options.assignment)
    dataset = options.dataset or next(iter(reference.RECIPES))
    cache = ROOT / ".cache" / "reference" / options.assignment / dataset
    rows = []
    for seed in options.seeds:
        kept = cache / "rows" / f"{seed}.json"
        if kept.is_file() and not (options.again or options.epochs):
            rows.append(json.loads(kept.read_text(encoding="utf-8")))
            print(f"seed {seed} is done already: {rows[-1]}")
            continue
        folder = cache / "at-work" / f"{seed}{f'-{options.epochs}' if options.epochs else ''}"
        folder.mkdir(parents=True, exist_ok=True)
        rows.append(train_reference(reference, dataset, folder, seed, options.epochs))
        print(rows[-1])
        if not options.epochs:
            keep(folder, cache, kept, rows)
        shutil.rmtree(folder)
    targets = reference.TARGETS.get(dataset, {})
    if not options.epochs:
        about = {"recipe": reference.RECIPES[dataset], "note": options.note, "targets": targets}
        write_results(options.assignment, dataset, about | {"about": getattr(reference, "ABOUT", "")}, rows)
    means = {name: mean(values(rows, name)) for name in targets}
    missed = [f"{name} {means[name]:.2f} < {bar}" for name, bar in targets.items() if means[name] < bar]
    print(f"Missed targets: {', '.join(missed) or 'none'}.")
    return 1 if missed else 0


def keep(folder: Path, cache: Path, row_file: Path, rows: list[dict]) -> None:
    """Put the first seed's files and every seed's row into the cache; the history last: it says that all is there."""
    if len(rows) == 1:
        for file in sorted(folder.iterdir(), key=lambda file: file.name == "history.json"):
            shutil.copy(file, cache)
    storage.write_bytes(json.dumps(rows[-1]).encode() + b"\n", row_file)


def load_reference(assignment: str) -> ModuleType:
    """The module source/<assignment>/reference.py."""
    sys.path.insert(0, str(ROOT / "source"))
    spec = importlib.util.spec_from_file_location("reference", ROOT / "source" / assignment / "reference.py")
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    return reference


def train_reference(reference: ModuleType, dataset: str, folder: Path, seed: int, epochs: int | None = None) -> dict:
    """Train into the folder; the row: seed, seconds, and accuracy in percent by model."""
    start = time.perf_counter()
    reference.train(dataset, folder, seed, epochs)
    row = {"seed": seed, "seconds": round(time.perf_counter() - start, 1)}
    history = json.loads((folder / "history.json").read_text(encoding="utf-8"))
    row |= {name: round(100 * values["test_accuracy"][-1], 2) for name, values in history.items()}
    for name in reference.MODELS:  # what counts is what the file holds
        row[name] = accuracy(reference, dataset, name, folder / f"{name}.safetensors")
    return row | (reference.further(dataset, folder) if hasattr(reference, "further") else {})


def accuracy(reference: ModuleType, dataset: str, name: str, weights: Path) -> float:
    """Percent of the test images that the weights in the file classify rightly."""
    from given.training import load_weights

    model = load_weights(reference.MODELS[name](reference.student_code), weights).eval()
    right = seen = 0
    with torch.no_grad():
        for images, labels in reference.test_loader(dataset):
            answer = model(images)
            logits = answer[0] if isinstance(answer, tuple) else answer
            right, seen = right + int((logits.argmax(1) == labels).sum()), seen + len(labels)
    return round(100 * right / seen, 2)


def write_results(assignment: str, dataset: str, about: dict, rows: list[dict]) -> None:
    """Put this data set's rows into the assignment's JSON and page, beside those of others."""
    file = ROOT / "docs" / "results" / f"{assignment}.json"
    old = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"runs": {}}
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} of them used, no graphics card"
    versions = {"python": platform.python_version()}
    versions |= {module.__name__: module.__version__ for module in (torch, torchvision, np)}
    run = about | {"machine": machine, "versions": versions, "rows": rows}
    results = {"schema": 1, "assignment": assignment, "runs": old["runs"] | {dataset: run}}
    for path, text in ((file, json.dumps(results, indent=1) + "\n"), (file.with_suffix(".md"), page(results))):
        storage.write_bytes(text.encode(), path)


def page(results: dict) -> str:
    """The results as a page to read."""
    lines = [f"# What the reference solution of `{results['assignment']}` reaches", ""]
    lines += [
        "In percent of the test images, weights after the last epoch; no epoch was chosen on them. ± is the standard",
        "deviation over the seeds. Seconds are for all models of a row together, on the clock where the machine's line",
        "says nothing else.",
    ]
    for dataset, run in sorted(results["runs"].items()):
        rows = run["rows"]
        names = [name for name in dict.fromkeys(itertools.chain(*rows)) if name not in ("seed", "seconds")]
        recipe = ", ".join(f"{key} {value}" for key, value in run["recipe"].items()).replace("_", " ")
        versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
        targets = ", ".join(f"`{name}` {bar} %" for name, bar in run["targets"].items())
        table = [["seed", *names, "seconds"]]
        for row in rows:
            found = [f"{row[name]:.2f}" if name in row else "" for name in names]
            table.append([str(row["seed"]), *found, f"{row['seconds']:.0f}"])
        table.append(["mean", *(spread(values(rows, name)) for name in names), ""])
        if len(names) > WIDEST:
            table = list(zip(*table, strict=True))
        lines += ["", f"## {dataset}", "", f"| {' | '.join(table[0])} |", "|---" * len(table[0]) + "|"]
        lines += [f"| {' | '.join(line)} |".replace("|  |", "| |") for line in table[1:]]
        machine = f"{run['machine']}{run['note'] and ', ' + run['note']}; {versions}"
        lines += ["", f"Recipe: {recipe}. Targets: {targets or 'none'}. Machine: {machine}."]
        lines += ["", run["about"]] if run.get("about") else []
        seeds = " ".join(str(row["seed"]) for row in rows)
        command = f"python benchmarks/reference.py {results['assignment']} --dataset {dataset} --seeds {seeds}"
        lines += ["", f"Again: `{command}`"]
    return "\n".join(lines) + "\n"


def values(rows: list[dict], name: str) -> list[float]:
    """Of the seeds for which that network was trained."""
    return [row[name] for row in rows if name in row]


def spread(values: list[float]) -> str:
    """Mean ± standard deviation; of a single value, the value."""
    return f"{mean(values):.2f} ± {stdev(values):.2f}" if len(values) > 1 else f"{values[0]:.2f}"


if __name__ == "__main__":
    sys.exit(main())
