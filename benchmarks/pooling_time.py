"""What a training step costs with average, max and no pooling.

    MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=1000000000 python benchmarks/pooling_time.py 5

Measures: processor seconds per step (batch of 1,024 random images, forward, backward, clipping and step) of the
reference solution on one thread, the three networks in turn, in n rounds of 3 steps each. Processor time, since other
programs may share the clock. Prints the median per network and the ratios to max pooling, and stores the raw rows in
docs/results/mnist_pooling_time.json. The two variables keep freed memory in the process; without them the operating
system clears it anew for every step, which costs the network without pooling most.
"""

import json
import os
import platform
import sys
import time
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

from gradeprop.core import storage

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "source"))

import student_code  # noqa: E402

POOLINGS, STEPS = ("avg", "max", "none"), 3


def steps_s(pooling: str, batch: tuple[Tensor, Tensor], steps: int) -> float:
    """Processor seconds per step."""
    model = student_code.PoolingLeNet(pooling)
    optimizer = student_code.pooling_optimizer(model)
    start = time.process_time()
    student_code.train_steps(model, ([batch], [batch]), optimizer, lambda step: (0.05, 0.5), steps, steps + 1)
    return (time.process_time() - start) / steps


def main(rounds: int) -> None:
    """Measure, print, store."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    batch = torch.randn(1024, 1, 28, 28), torch.randint(0, 10, (1024,))
    for pooling in POOLINGS:
        steps_s(pooling, batch, 1)  # warm up
    rows = [{pooling: round(steps_s(pooling, batch, STEPS), 4) for pooling in POOLINGS} for _ in range(rounds)]
    medians = {pooling: median(row[pooling] for row in rows) for pooling in POOLINGS}
    for pooling in POOLINGS:
        work = student_code.count_multiply_adds(student_code.PoolingLeNet(pooling))
        times = medians[pooling] / medians["max"]
        ms = 1000 * medians[pooling]
        print(f"{pooling:>4}: {ms:.0f} ms of one core per step, {times:.2f} × max; multiply-adds per image {work:,}")
    kept = {name: os.environ.get(name, "") for name in ("MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_")}
    about = {
        "schema": 1,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, 1 thread",
        "torch": torch.__version__,
    }
    about |= {"steps per row": STEPS, "environment": kept, "medians": medians, "rows": rows}
    file = ROOT / "docs" / "results" / "mnist_pooling_time.json"
    runs = json.loads(file.read_text(encoding="utf-8"))["runs"] if file.exists() else {}
    runs["kept" if kept["MALLOC_MMAP_MAX_"] else "as it comes"] = about
    storage.write_bytes(json.dumps({"schema": 1, "runs": runs}, indent=1).encode() + b"\n", file)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
