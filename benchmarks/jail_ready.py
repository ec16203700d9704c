"""What one submission costs, by part, beside the pure compute of the same probes and checks, in one run.

The course is benchmarks/quick: eight quick checks of LeNet-5, on the reference solution. "pure" is one warm process
without a jail, a fork or pytest. "jail" is a fork of the warm zygote in namespaces of its own, "judge" a fork of the
warm process that has the checks, "command" the rest: copying in, decoding, the record, the page. "cold" makes a jail of
its own for the submission. Times are means over n for the processor, which ticks, and medians for the wall.

    python benchmarks/jail_ready.py [n]
"""

import contextlib
import inspect
import io
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# as in the jail: one thread, before torch is loaded
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import msgspec
import safetensors.torch
import torch
from nbgrader_ratio import copy_course

from gradeprop.core import models, storage
from gradeprop.core.assignment import Limits
from gradeprop.core.paths import CoursePaths, StudentPaths
from gradeprop.course.config import load_module, read_assignment
from gradeprop.grading.grader import Grader, open_grader
from gradeprop.grading.settings import RunSettings
from gradeprop.grading.store import StudentFolders
from gradeprop.guest import runner
from gradeprop.guest.draw import Draw
from gradeprop.jail import Job, open_jail
from gradeprop.judge.observed import Observed

EMPTY = b"def probe_nothing(student, draw): return {}\n"
Cost = tuple[float, float]  # wall and CPU, milliseconds


def pure(course: CoursePaths, folder: Path) -> tuple[Callable[[], Cost], Callable[[], Cost]]:
    """What runs all probes once, and what runs all checks once on what they gave."""
    paths = course.assignment("quick")
    submission = folder / "submission"
    submission.mkdir(parents=True)
    shutil.copy(course.solution, submission)
    student, _ = runner._import(submission)
    probes = runner.load_probes(paths.probes.read_bytes())
    checks = [
        check for check in vars(load_module(paths.tests / "test_quick.py", "test_quick")).values()
        if getattr(check, "pytestmark", None)
    ]  # fmt: skip
    got: dict[str, runner.Observed] = {}

    def probe() -> Cost:
        with timed() as cost, contextlib.redirect_stderr(io.StringIO()):  # progress bars
            for name, one in probes.items():
                got[name] = runner.run_probe(one, student, Draw(1, name, folder, {}), 1 << 26)
        return cost[0]

    def check() -> Cost:
        with timed() as cost:
            ended = [models.ProbeResult(name=name, status=found[0], message=found[1]) for name, found in got.items()]
            tensors = {name: safetensors.torch.load(found[3]) if found[3] else {} for name, found in got.items()}
            values = {
                name: {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in found[2].items()}
                for name, found in got.items()
            }
            seen = Observed(ended, values, lambda key: tensors[key.partition("/")[0]][key.partition("/")[2]])
            for one in checks:
                assert set(inspect.signature(one).parameters) == {"observed"}
                one(seen)
        return cost[0]

    return probe, check


@contextlib.contextmanager
def timed():
    cost: list[Cost] = []
    began, used = time.perf_counter(), time.process_time()
    yield cost
    cost.append((1000 * (time.perf_counter() - began), 1000 * (time.process_time() - used)))


def judged(grader: Grader, run: models.JailRun, kept: StudentPaths, n: int) -> list[Cost]:
    """Each the same: the kernel counts a process's children in ticks of 10 ms, so the mean of many is what it tells."""
    before, walls = ticks(grader.judge._process.pid), []
    for _ in range(n):
        began = time.perf_counter()
        grader.judge.check(run, kept)
        walls.append(1000 * (time.perf_counter() - began))
    each = (ticks(grader.judge._process.pid) - before) / n
    return [(wall, each) for wall in walls]


def ticks(pid: int) -> float:
    """CPU milliseconds of a process and of the children it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return 1000 * sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def cold(job: Job) -> Cost:
    began, used = time.monotonic(), os.times()
    with open_jail() as jail:
        jail.run(job)
    now = os.times()
    spent = now.user + now.system + now.children_user + now.children_system
    return 1000 * (time.monotonic() - began), 1000 * (spent - sum(used[:4]))


def show(what: str, costs: list[Cost], base: float) -> float:
    wall, cpu = statistics.median(cost[0] for cost in costs), statistics.fmean(cost[1] for cost in costs)
    print(f"{what:<58} {len(costs):>4} {wall:>9.1f} {cpu:>9.1f} {cpu / (base or cpu):>7.1f}", flush=True)
    return cpu


def main(n: int) -> None:
    torch.set_num_threads(1)
    print(
        f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, torch {torch.__version__}"
    )
    print(f"{'per submission':<58} {'n':>4} {'wall ms':>9} {'CPU ms':>9} {'× pure':>7}")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.callback(os.chdir, "/")
        course = copy_course("quick", folder / "course").course
        assignment = read_assignment(course, "quick")
        handed_in = folder / "ada"
        handed_in.mkdir()
        shutil.copy(course.solution, handed_in)
        probe, check = pure(course, folder / "home")
        for each in (probe, check):
            each()
        once = [tuple(map(sum, zip(probe(), check(), strict=True))) for _ in range(n)]
        base = show("pure compute: eight probes and eight checks", once, 0)
        checks = show("  the checks alone", [check() for _ in range(n)], base)

        folders = StudentFolders(RunSettings(course, assignment, "sample", 1))
        grader = stack.enter_context(open_grader(folders))
        record = grader.grade_one(handed_in)
        assert record.points == assignment.points, record
        kept = folders.student(record.key)
        run = storage.read(models.JailRun, kept.run)
        code = {"student_code.py": course.solution.read_bytes()}
        probes = course.assignment("quick").probes.read_bytes()
        empty, whole = Job({}, {}, EMPTY, b"", 1, Limits()), Job(code, {}, probes, b"", 1, Limits())

        def jailed(job: Job) -> Cost:
            answer = grader.jail.run(job)
            return 1000 * answer.wall_s, 1000 * answer.cpu_s

        jailed(whole)
        show(f"jail, {grader.jail.tier} tier: ready, one empty probe", [jailed(empty) for _ in range(n)], base)
        show("jail: import of the submission and eight probes", [jailed(whole) for _ in range(n)], base)
        judge = show("judge: eight checks by pytest", judged(grader, run, kept, n), base)
        before, costs = ticks(os.getpid()) + ticks(grader.judge._process.pid), []
        for _ in range(n):
            began = time.perf_counter()
            jail_s = grader.grade_one(handed_in).cpu_s
            costs.append((1000 * (time.perf_counter() - began), 1000 * jail_s))
        outside = (ticks(os.getpid()) + ticks(grader.judge._process.pid) - before) / n
        warm = show("the whole: command, jail and judge", [(wall, cpu + outside) for wall, cpu in costs], base)
        coldly = show("jail, cold: one of its own each", [cold(whole) for _ in range(max(3, n // 50))], base)
        share = (judge - checks) / warm
        print(
            f"\npytest and its fork are {share:.0%} of the whole; a cold jail costs {coldly / warm:.0f} times the whole"
        )
        print(f"a zygote is ready after {grader.jail.ready_s:.1f} s, once per grading run")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
