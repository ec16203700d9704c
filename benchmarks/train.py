"""How fast images reach a network in training: torchvision's way and ours, beside a batch that is there already.

    python benchmarks/train.py [mnist] [caltech101] [--seconds 0.5] [--rounds 20] [--augment yes no]

Measures: images per second of whole training steps on one thread (forward, loss, backward, AdamW; batch 64), with the
network of the assignment, fed by

    DataLoader, 0 or 2 workers   a data set of PIL images in memory, torchvision's transforms on each image
    ours                         given.batches.Batches, the same changes made to a whole batch at once
    ceiling                      one fixed batch, again and again

in short turns, so that what else the machine does meets all alike: ``--rounds`` times, each for ``--seconds``, in an
order drawn anew for each round. A figure is the median over the rounds, a ratio to the ceiling the median of the
ratios within a round. A turn starts with what the turn before left in the processor's caches, which costs ours more
than the ceiling; and with the first batch at hand, with which ours may have made nine more, and two workers four.
Writes the raw rows to docs/results/bench_train.json.
"""

import argparse
import itertools
import json
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch
import torchvision
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from gradeprop.core import storage

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "source"))

from given import augment, caltech, digits  # noqa: E402
from given.batches import Batches  # noqa: E402
from given.training import keep_memory  # noqa: E402

import student_code  # noqa: E402

BATCH = 64
RESULTS = ROOT / "docs" / "results" / "bench_train.json"
WAYS = ("DataLoader, 0 workers", "DataLoader, 2 workers", "ours", "ceiling")


class Pictures(Dataset):
    """PIL images from memory and torchvision's transforms, as its own data sets give them."""

    def __init__(self, images: Tensor, labels: Tensor, transform: Callable) -> None:
        arrays = images.permute(0, 2, 3, 1).squeeze(3).numpy()  # (n, h, w) or (n, h, w, 3)
        self.images = [Image.fromarray(array) for array in arrays]
        self.labels, self.transform = labels.tolist(), transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.images[index]), self.labels[index]


def mnist(augmented: bool) -> tuple:
    """(images, labels, torchvision's transforms, our augmentation, mean, std, network)."""
    images, labels = (torch.from_numpy(array.copy()) for array in digits.load("mnist"))
    affine = [v2.RandomAffine(10, translate=(0.08, 0.08), scale=(0.9, 1.1))] if augmented else []
    ours = student_code.affine_at_random if augmented else None
    return images.unsqueeze(1), labels, affine, ours, digits.MEAN, digits.STD, student_code.SmallLeNet()


def caltech101(augmented: bool) -> tuple:
    """The same for colour pictures."""
    images, labels = caltech.load("caltech101", train=True)
    colour = v2.ColorJitter(0.2, 0.2, 0.2)
    changes = [v2.RandomResizedCrop(64, (0.5, 1)), v2.RandomHorizontalFlip(), colour] if augmented else []

    def ours(batch: Tensor) -> Tensor:
        return augment.colour(augment.flip(augment.resized_crop(batch, smallest=0.5)), strength=0.2)

    network = student_code.CaltechLeNet()
    return images, labels, changes, ours if augmented else None, caltech.MEAN, caltech.STD, network


SETS = {"mnist": mnist, "caltech101": caltech101}


def feeds(images: Tensor, labels: Tensor, changes: list, ours: Callable | None, mean: object, std: object) -> dict:
    """A loader by the name of its way."""
    many = [value] if isinstance(value := mean, float) else mean
    spread = [value] if isinstance(value := std, float) else std
    tensor = [v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(many, spread)]
    pictures = Pictures(images, labels, v2.Compose([*changes, *tensor]))
    own = Batches(images, labels, BATCH, shuffle=True, augment=ours, mean=mean, std=std)
    fixed = next(iter(own))
    return {
        "DataLoader, 0 workers": DataLoader(pictures, BATCH, shuffle=True, drop_last=True),
        "DataLoader, 2 workers": DataLoader(pictures, BATCH, shuffle=True, drop_last=True, num_workers=2),
        "ours": own,
        "ceiling": [fixed] * 10_000,
    }


def endless(loader: Iterable) -> Iterator:
    """Its batches, epoch after epoch."""
    return itertools.chain.from_iterable(itertools.repeat(loader))


def images_per_second(network: nn.Module, loader: Iterable, seconds: float) -> float:
    """Of training steps, from the second batch on: the first may start workers."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    batches, seen, start = endless(loader), 0, 0.0
    while not start or time.perf_counter() - start < seconds:
        images, labels = next(batches)
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
        start, seen = (start, seen + len(labels)) if start else (time.perf_counter(), 0)
    return seen / (time.perf_counter() - start)


def main() -> int:
    """Measure, print, write; 1 if ours stays below 0.95 of the ceiling."""
    parser = argparse.ArgumentParser(description="How fast images reach a network in training.")
    parser.add_argument("sets", nargs="*", metavar="set", help=f"of {', '.join(SETS)}; without any, all")
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--augment", nargs="+", default=["yes", "no"], choices=["yes", "no"])
    options = parser.parse_args()
    if unknown := set(options.sets) - set(SETS):
        parser.error(f"no data set {', '.join(unknown)}; there are {', '.join(SETS)}")
    torch.set_num_threads(1)
    keep_memory()  # as every notebook does
    rows, draw = [], random.Random(0)
    for name, augmented in itertools.product(options.sets or SETS, options.augment):
        *data, network = SETS[name](augmented == "yes")
        loaders = feeds(*data)
        turns = [(number, way) for number in range(options.rounds) for way in draw.sample(WAYS, len(WAYS))]
        for number, way in turns:
            speed = images_per_second(network, loaders[way], options.seconds)
            rows.append(
                {"set": name, "augmented": augmented, "round": number, "way": way, "images_per_s": round(speed)}
            )
            print(rows[-1], file=sys.stderr)
    table = summary(rows)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, one thread"
    versions = {module.__name__: module.__version__ for module in (torch, torchvision)}
    about = {"schema": 1, "what": __doc__.splitlines()[0], "machine": machine, "versions": versions}
    result = about | {"batch": BATCH, "table": table, "rows": rows}
    storage.write_bytes(json.dumps(result, indent=1).encode() + b"\n", RESULTS)
    print(f"{'':24}{'augmented':>10}{'way':>24}{'images/s':>12}{'of ceiling':>12}")
    for row in table:
        print(
            f"{row['set']:24}{row['augmented']:>10}{row['way']:>24}{row['images_per_s']:12,}{row['of_ceiling']:12.2f}"
        )
    return 0 if all(row["of_ceiling"] >= 0.95 for row in table if row["way"] == "ours") else 1


def summary(rows: list[dict]) -> list[dict]:
    """Medians by set, augmentation and way."""
    table = []
    for name, augmented in dict.fromkeys((row["set"], row["augmented"]) for row in rows):
        own = [row for row in rows if (row["set"], row["augmented"]) == (name, augmented)]
        ceiling = {row["round"]: row["images_per_s"] for row in own if row["way"] == "ceiling"}
        for way in WAYS:
            found = {row["round"]: row["images_per_s"] for row in own if row["way"] == way}
            ratio = statistics.median(found[number] / ceiling[number] for number in found)
            speed = round(statistics.median(found.values()))
            about = {"set": name, "augmented": augmented, "way": way}
            table.append(about | {"images_per_s": speed, "of_ceiling": round(ratio, 3)})
    return table


if __name__ == "__main__":
    sys.exit(main())
