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
import statistics
import subprocess
import sys
import tempfile
import time
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
    shutil.copy(repository.root / "nbgrader_config.py", folder)
    paths = CoursePaths(folder).assignment(name)
    one = read_assignment(CoursePaths(folder), name)
    reference = next(case for case in read_known_answers(one, paths) if case.name == "reference")
    submission = write_answer(reference, paths, reference_weights(paths, dataset), folder / "submissions" / "ada")
    student = paths.release
    shutil.copy(submission / "student_code.py", student)
    return submission, student


def commands(name: str, dataset: str, folder: Path) -> dict[str, tuple[list[str], Path]]:
    """Return each command by its name, with the folder in which it runs; the first is the unit."""
    submission, student = prepare(name, dataset, folder)
    tool = str(Path(sys.executable).with_name("gradeprop"))
    grade = [tool, "grade", name, str(submission), "--data", dataset]
    one_core = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]
    verify = [tool, "verify", name, "--data", dataset, "--only", "reference"]
    return {
        UNIT: ([sys.executable, "-c", UNIT], folder),
        "grade one submission": ([*grade, "--force"], folder),
        "grade one submission, one core": ([*one_core, *grade, "--force"], folder),
        "grade again, nothing changed": (grade, folder),
        "verify one known answer": (verify, folder),
        "a student's first check of a question": ([tool, "check", "lenet"], student),
    }


def run(command: list[str], folder: Path) -> dict[str, float]:
    """Run a command; return its seconds of wall-clock and processor time."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": time.monotonic() - began, "cpu_s": cpu}


def main() -> None:
    """Measure, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("assignment", nargs="?", default="mnist_lenet")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", default="sample")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        chosen = commands(options.assignment, options.data, Path(folder))
        for command, at in chosen.values():  # caches of the disk, of compiled modules, of fonts
            run(command, at)
        rounds = [{name: run(*command) for name, command in chosen.items()} for _ in range(options.rounds)]
    print(f"| {options.assignment} | seconds | × {UNIT} |\n|---|---|---|")
    for name in chosen:
        seconds = statistics.median(row[name]["wall_s"] for row in rounds)
        ratio = statistics.median(row[name]["wall_s"] / row[UNIT]["wall_s"] for row in rounds)
        print(f"| {name} | {seconds:.2f} | {ratio:.2f} |")
    about = {"python": platform.python_version(), "torch": version("torch"), "cores": os.cpu_count()}
    RESULTS.write_text(json.dumps({"assignment": options.assignment, **about, "rounds": rounds}, indent=1) + "\n")


if __name__ == "__main__":
    main()
