"""What the kernel of the course gains over a plain one: the same training steps in both.

    python benchmarks/kernel.py [--rounds 5]

Measures: seconds per training step (forward, loss, backward, step; one thread) of four networks of the course, within
real Jupyter kernels that jupyter_client starts: one as ``python -m given.kernel`` registers it, one as it is without.
Both live all the time and take turns, ``--rounds`` times; a gain is the median over the rounds of plain / course, of
processor seconds, since other programs may share the clock. Writes the raw rows to docs/results/bench_kernel.json.
"""

import argparse
import contextlib
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from gradeprop import records

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "source"))

from given import kernel  # noqa: E402

RESULTS = ROOT / "docs" / "results" / "bench_kernel.json"
NETWORKS = {  # by name: the network, the batch, the steps of one turn
    "LeNet5, batch 128": ("student_code.LeNet5()", (128, 1, 32, 32), 20),
    "PoolingLeNet max, batch 1024": ("student_code.PoolingLeNet('max')", (1024, 1, 28, 28), 2),
    "PoolingLeNet none, batch 1024": ("student_code.PoolingLeNet('none')", (1024, 1, 28, 28), 2),
    "CaltechLeNet, batch 64": ("student_code.CaltechLeNet()", (64, 3, 64, 64), 3),
}
PREPARE = f"""
import sys, time
sys.path.insert(0, {str(ROOT / "source")!r})
import torch, student_code
torch.set_num_threads(1)

def step_s(network, shape, steps):
    model, images, labels = network, torch.randn(shape), torch.randint(0, 10, shape[:1])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for step in range(steps + 1):
        if step == 1:  # the first warms up
            start = time.process_time()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    print((time.process_time() - start) / steps)
"""


def said(client: BlockingKernelClient, code: str) -> str:
    """What a cell prints."""
    texts: list[str] = []
    reply = client.execute_interactive(
        code, output_hook=lambda message: texts.append(message["content"].get("text", ""))
    )
    if reply["content"]["status"] != "ok":
        raise RuntimeError(reply["content"]["evalue"])
    return "".join(texts)


@contextlib.contextmanager
def kernels() -> Iterator[dict[str, BlockingKernelClient]]:
    """A plain kernel and the course's, started from specs in a folder of their own."""
    without = {name: value for name, value in os.environ.items() if name not in kernel.KEEP_MEMORY}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        os.environ["JUPYTER_DATA_DIR"] = folder
        kernel.main()
        clients = {}
        for way, name in (("plain", "python3"), ("course", kernel.NAME)):
            manager, clients[way] = start_new_kernel(kernel_name=name, env=without)
            stack.callback(manager.shutdown_kernel, now=True)
            stack.callback(clients[way].stop_channels)
            said(clients[way], PREPARE)
        yield clients


def main() -> None:
    """Measure in turns, print, write."""
    parser = argparse.ArgumentParser(description="What the kernel of the course gains over a plain one.")
    parser.add_argument("--rounds", type=int, default=5)
    rows = []
    with kernels() as clients:
        for number in range(parser.parse_args().rounds):
            for name, (network, shape, steps) in NETWORKS.items():
                call = f"step_s({network}, {shape}, {steps})"
                times = {way: round(float(said(client, call)), 5) for way, client in clients.items()}
                rows.append({"round": number, "network": name} | times)
                print(rows[-1], file=sys.stderr)
    gains = {
        name: round(statistics.median(row["plain"] / row["course"] for row in rows if row["network"] == name), 2)
        for name in NETWORKS
    }
    for name, gain in gains.items():
        print(f"{name:32} {gain:.2f} times as fast")
    machine = f"{platform.machine()}, {os.cpu_count()} cores, one thread, {' '.join(platform.libc_ver())}"
    about = {"schema": 1, "what": __doc__.splitlines()[0], "machine": machine, "torch": torch.__version__}
    records.write_bytes(json.dumps(about | {"gains": gains, "rows": rows}, indent=1).encode() + b"\n", RESULTS)


if __name__ == "__main__":
    main()
