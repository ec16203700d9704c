"""How long a command takes from a shell, as a multiple of ``python -c "import torch"``.

Each round runs every command once, one after the other, so that a busy machine slows all of them alike; printed is the
median over the rounds of the ratio within a round.

    python benchmarks/cold.py [mnist_lenet] [--rounds 5] [--data sample]

Writes every second to docs/results/bench_cold.json.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

from gradeprop.core.paths import CoursePaths
from gradeprop.course.config import read_assignment
from gradeprop.course.known_answers import read_known_answers, reference_weights, write_answer

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results" / "bench_cold.json"
UNIT = "import torch"


def prepare(name: str, dataset: str, folder: Path) -> tuple[Path, Path]:
    """Copy the course, and write one submission and a student's folder."""
    repository = CoursePaths.find(Path(__file__).resolve().parent)
    for part in ("source", "grader_tests", "release"):
        shutil.copytree(repository.root / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("nbgrader_config.py", "student_code.py"):
        shutil.copy(repository.root / file, folder)
    paths = CoursePaths(folder).assignment(name)
    one = read_assignment(CoursePaths(folder), name)
    reference = next(case for case in read_known_answers(one, paths) if case.name == "reference")
    submission = write_answer(reference, paths, reference_weights(paths, dataset), folder / "submissions" / "ada")
    student = paths.release
    shutil.copy(submission / "student_code.py", student)
    return submission, student


Seconds = dict[str, float]
"""of wall-clock time, "wall_s", and of processor time, "cpu_s" """


def measurements(name: str, dataset: str, folder: Path) -> dict[str, Callable[[], Seconds]]:
    """Return each measurement by its name; the first is the unit."""
    submission, student = prepare(name, dataset, folder)
    tool = str(Path(sys.executable).with_name("gradeprop"))
    grade = [tool, "grade", name, str(submission), "--data", dataset]
    one_core = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]
    verify = [tool, "verify", name, "--data", dataset, "--only"]
    untouched = shutil.copytree(student, folder / "untouched")
    shutil.copy(CoursePaths(folder).stub, untouched)
    return {
        UNIT: partial(run, [sys.executable, "-c", UNIT], folder),
        "grade one submission": partial(run, [*grade, "--force"], folder),
        "grade one submission, one core": partial(run, [*one_core, *grade, "--force"], folder),
        "grade again, nothing changed": partial(run, grade, folder),
        "verify one known answer": partial(run, [*verify, "reference"], folder),
        "an edited known answer, verified by verify --watch": partial(
            after_edit, [*verify, "wrong/no_step", "--watch"], folder, f"grader_tests/{name}/wrong/no_step/wrong.toml"
        ),
        "an edited check, verified by verify --watch": partial(
            after_edit, [*verify, "wrong/no_step", "--watch"], folder, f"grader_tests/{name}/test_count.py"
        ),
        "a student's first check of a question": partial(run, [tool, "check", "lenet"], student),
        "a later one in a notebook": partial(later_check, student),
        "a check of a task that is not begun": partial(run, [tool, "check", "lenet"], untouched, may_fail=True),
    }


def run(command: list[str], folder: Path, may_fail: bool = False) -> Seconds:
    """Run a command and measure it."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, cwd=folder, check=not may_fail, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": time.monotonic() - began, "cpu_s": cpu}


def after_edit(command: list[str], folder: Path, file: str) -> Seconds:
    """Measure from an edit to the verdict that a command prints then, after the verdict of the start."""
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("passed")
        assert "public checks" in process.stdout.readline()
        began = time.monotonic()
        with (folder / file).open("a") as text:
            text.write("# edited\n")
        assert process.stdout.readline().startswith("passed")
        seconds = time.monotonic() - began
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    return {"wall_s": seconds}


def later_check(student: Path) -> Seconds:
    """Measure the second check of a notebook's kernel, once the process that it starts from is ready."""
    code = "import time; from given.check import check; check('lenet'); time.sleep(8); began = time.monotonic()"
    code += "; check('lenet'); print('seconds', time.monotonic() - began)"
    done = subprocess.run([sys.executable, "-c", code], cwd=student, check=True, capture_output=True, text=True)
    return {"wall_s": float(done.stdout.split()[-1])}


def main() -> None:
    """Measure, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("assignment", nargs="?", default="mnist_lenet")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", default="sample")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        chosen = measurements(options.assignment, options.data, Path(folder))
        for measure in chosen.values():  # caches of the disk, of compiled modules, of fonts
            measure()
        rounds = [{name: measure() for name, measure in chosen.items()} for _ in range(options.rounds)]
    print(f"| {options.assignment} | seconds | × {UNIT} |\n|---|---|---|")
    for name in chosen:
        seconds = statistics.median(row[name]["wall_s"] for row in rounds)
        ratio = statistics.median(row[name]["wall_s"] / row[UNIT]["wall_s"] for row in rounds)
        print(f"| {name} | {seconds:.2f} | {ratio:.2f} |")
    about = {"python": platform.python_version(), "torch": version("torch"), "cores": os.cpu_count()}
    RESULTS.write_text(json.dumps({"assignment": options.assignment, **about, "rounds": rounds}, indent=1) + "\n")


if __name__ == "__main__":
    main()
