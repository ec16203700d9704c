"""How soon a jail is ready for a submission, and what it costs, beside the pure compute of the same checks.

Measures eight quick LeNet probes on the reference solution: in one warm process without a jail (pure compute), in a
warm jail (a fork of the zygote per submission), and in a cold one (a jail of its own per submission). "ready" is a
submission that asks nothing but one empty probe. Medians over n; prints versions, machine and ratios of this one run.

    python benchmarks/jail_ready.py [n]
"""

import contextlib
import io
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# as in the jail: one thread, before torch is loaded
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import torch

from gradeprop.inside import runner
from gradeprop.inside.draw import Draw
from gradeprop.jail import Jail, Job, open_jail
from gradeprop.records import Limits

ROOT = Path(__file__).parents[1]
CODE = (ROOT / "source" / "student_code.py").read_bytes()
PROBES = b"""
import torch
def probe_forward(student, draw):
    model, x = student.LeNet5(), draw.normal(7, 1, 32, 32)
    return {"x": x, "logits": model(x), "state": model.state_dict()}
def probe_classes(student, draw):
    return {"logits": student.LeNet5(num_classes=7)(draw.normal(2, 1, 32, 32))}
def probe_gradients(student, draw):
    model = student.LeNet5()
    model(draw.normal(4, 1, 32, 32)).square().sum().backward()
    return {"gradients": [p.grad for p in model.parameters()]}
def probe_alone(student, draw):
    model, x = student.LeNet5().eval(), draw.normal(5, 1, 32, 32)
    return {"batch": model(x), "alone": torch.cat([model(one[None]) for one in x])}
def probe_mlp(student, draw):
    model, x = student.CustomMLP(), draw.normal(7, 1, 32, 32)
    return {"x": x, "logits": model(x), "state": model.state_dict()}
def probe_count(student, draw):
    return {"count": student.count_model_params(student.LeNet5())}
def probe_train(student, draw):
    model = student.LeNet5()
    batches = [(draw.normal(8, 1, 32, 32), draw.integers(0, 10, 8)) for _ in range(3)]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    got = student.train_model(model, batches, optimizer, torch.nn.CrossEntropyLoss(), 1)
    return {"got": got, "state": model.state_dict()}
def probe_test(student, draw):
    batches = [(draw.normal(8, 1, 32, 32), draw.integers(0, 10, 8)) for _ in range(3)]
    return {"got": student.test_model(student.LeNet5(), batches, torch.nn.CrossEntropyLoss())}
"""
EMPTY = b"def probe_nothing(student, draw): return {}\n"
Cost = tuple[float, float]  # wall and CPU, milliseconds


def job(probes: bytes, code: bytes = CODE) -> Job:
    return Job({"student_code.py": code}, {}, probes, b"", 1, Limits())


def jailed(jail: Jail, task: Job) -> Cost:
    answer = jail.run(task)
    return 1000 * answer.wall_s, 1000 * answer.cpu_s


def cold() -> Cost:
    began, used = time.monotonic(), os.times()
    with open_jail() as jail:
        jail.run(job(PROBES))
    now = os.times()
    spent = now.user + now.system + now.children_user + now.children_system
    return 1000 * (time.monotonic() - began), 1000 * (spent - sum(used[:4]))


def pure(folder: Path) -> Callable[[], Cost]:
    (folder / "submission").mkdir()
    (folder / "submission" / "student_code.py").write_bytes(CODE)
    student, _ = runner._import(folder / "submission")
    probes = runner.load_probes(PROBES)

    def once() -> Cost:
        began, used = time.monotonic(), time.process_time()
        with contextlib.redirect_stderr(io.StringIO()):  # progress bars
            answer()
        return 1000 * (time.monotonic() - began), 1000 * (time.process_time() - used)

    def answer() -> None:
        for name, probe in probes.items():
            assert runner.observe(probe, student, Draw(1, name, folder, {}), 1 << 26)[0] == "ok"

    return once


def show(what: str, costs: list[Cost], base: float) -> float:
    wall, cpu = (statistics.median(column) for column in zip(*costs, strict=True))
    print(f"{what:<44} {len(costs):>4} {wall:>9.1f} {cpu:>9.1f} {cpu / (base or cpu):>9.1f}")
    return cpu


def main(n: int) -> None:
    torch.set_num_threads(1)
    print(
        f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, torch {torch.__version__}"
    )
    print(f"{'':<44} {'n':>4} {'wall ms':>9} {'CPU ms':>9} {'× pure':>9}")
    with tempfile.TemporaryDirectory() as folder, open_jail() as jail:
        jailed(jail, job(PROBES))
        once = pure(Path(folder))
        once()
        base = show("pure compute: eight probes, no jail", [once() for _ in range(n)], 0)
        show("ready: one empty probe, warm jail", [jailed(jail, job(EMPTY, b"")) for _ in range(n)], base)
        warm = show(f"warm: eight probes, {jail.tier} jail", [jailed(jail, job(PROBES)) for _ in range(n)], base)
        os.chdir("/")
    coldly = show("cold: the same, a jail of its own each", [cold() for _ in range(max(3, n // 50))], base)
    print(
        f"\ncold / warm, CPU: {coldly / warm:.0f}; a zygote is ready after {jail.ready_s:.1f} s, once per grading run"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
