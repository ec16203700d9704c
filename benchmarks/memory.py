"""What `keep_memory` gains: the same training steps in a process that called it, and in one that did not.

    python benchmarks/memory.py [--rounds 5]

Measures: processor seconds per training step (forward, loss, backward, step; one thread) of networks of the course.
Both processes live all the time and take turns, ``--rounds`` times; a gain is the median over the rounds of
plain / kept. Writes the raw rows to docs/results/bench_memory.json.
"""

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from gradeprop.core import storage

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "source"))

from given.training import keep_memory  # noqa: E402

import student_code  # noqa: E402

RESULTS = ROOT / "docs" / "results" / "bench_memory.json"
NETWORKS = {  # by name: the network, the shape of a batch, the steps of one turn
    "LeNet5, batch 128": (student_code.LeNet5, (128, 1, 32, 32), 20),
    "PoolingLeNet max, batch 1024": (lambda: student_code.PoolingLeNet("max"), (1024, 1, 28, 28), 2),
    "PoolingLeNet none, batch 1024": (lambda: student_code.PoolingLeNet("none"), (1024, 1, 28, 28), 2),
    "CaltechLeNet, batch 64": (student_code.CaltechLeNet, (64, 3, 64, 64), 3),
    "ResNet18, batch 64": (student_code.ResNet18, (64, 3, 64, 64), 2),
}


def steps_on_request(names: Connection, keeps: bool) -> None:
    """Measure each network whose name comes, until there are no more."""
    torch.set_num_threads(1)
    if keeps:
        keep_memory()
    for name in iter(names.recv, None):
        names.send(step_s(*NETWORKS[name]))


def step_s(build, shape: tuple[int, ...], steps: int) -> float:
    """Processor seconds of one training step."""
    model, images, labels = build(), torch.randn(shape), torch.randint(0, 10, shape[:1])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for step in range(steps + 1):
        if step == 1:  # the first warms up
            start = time.process_time()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return (time.process_time() - start) / steps


def main() -> None:
    """Measure in turns, print, write."""
    parser = argparse.ArgumentParser(description="What keeping memory gains.")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    ways, rows = {}, []
    for way in ("plain", "kept"):
        ways[way], there = multiprocessing.Pipe()
        multiprocessing.get_context("spawn").Process(target=steps_on_request, args=(there, way == "kept")).start()
    for number in range(rounds):
        for name in NETWORKS:
            row = {"round": number, "network": name}
            for way, process in ways.items():
                process.send(name)
                row[way] = round(process.recv(), 5)
            rows.append(row)
            print(row, file=sys.stderr)
    for process in ways.values():
        process.send(None)
    gains = {
        name: round(statistics.median(row["plain"] / row["kept"] for row in rows if row["network"] == name), 2)
        for name in NETWORKS
    }
    for name, gain in gains.items():
        print(f"{name:32} {gain:.2f} times as fast")
    machine = f"{platform.machine()}, {os.cpu_count()} cores, one thread, {' '.join(platform.libc_ver())}"
    about = {"schema": 1, "what": __doc__.splitlines()[0], "machine": machine, "torch": torch.__version__}
    storage.write_bytes(json.dumps(about | {"gains": gains, "rows": rows}, indent=1).encode() + b"\n", RESULTS)


if __name__ == "__main__":
    main()
