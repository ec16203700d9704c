"""Seconds per submission: ``gradeprop grade`` against ``otter run``, the same submissions and the same checks.

    pip install otter-grader        # in this environment, or in a folder that PYTHONPATH names
    python benchmarks/otter_ratio.py [--n 200] [--otter-n 8] [--workers 2]

Ours is a whole ``gradeprop grade`` of n submissions; theirs is ``otter run``, once for each submission, as its users do
without containers. The submissions are those of benchmarks/quick; for otter each is a notebook that writes the
student's file and loads our probes and checks, and one test per question asks for all of its points. A question must
get all of them from both tools, or from neither. Prints a table, writes docs/results/bench_otter_quick.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import nbformat.v4 as nbf
from nbgrader_ratio import HERE, RESULTS, SEED, copy_course, machine, submissions

from gradeprop.core import models, storage
from gradeprop.core.paths import STUDENT_CODE, AssignmentPaths
from gradeprop.course.config import read_assignment

TEST = """OK_FORMAT = True
test = {{"name": "{name}", "points": {points}, "suites": [{{"cases": [
    {{"code": ">>> session.question('{name}') == {points}\\nTrue", "hidden": False, "locked": False}}],
    "scored": True, "setup": "", "teardown": "", "type": "doctest"}}]}}
"""
Full = dict[str, dict[str, bool]]


def run(command: list[str], folder: Path) -> float:
    began = time.perf_counter()
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return time.perf_counter() - began


def ours(paths: AssignmentPaths, handed_in: Path, workers: int) -> tuple[float, Full]:
    start = "import sys; from gradeprop.cli.main import main; main()"
    command = [sys.executable, "-c", start, "--course", str(paths.course.root), "grade", paths.name, str(handed_in)]
    wall_s = run([*command, "--workers", str(workers), "--seed", str(SEED)], paths.course.root)
    graded = [storage.read(models.GradeRecord, file) for file in paths.autograded.glob("*/record.json")]
    return wall_s, {one.student: {q.name: q.points == q.possible for q in one.questions} for one in graded}


def otters(paths: AssignmentPaths, handed_in: Path, home: Path) -> tuple[list[float], Full]:
    """Seconds of each run."""
    (home / "tests").mkdir(parents=True)
    for question in read_assignment(paths.course, paths.name).questions:
        (home / "tests" / f"{question.name}.py").write_text(TEST.format(name=question.name, points=question.points))
    otter = [sys.executable, "-W", "ignore", "-m", "otter"]
    run([*otter, "generate", "-t", "tests", "-o", "autograder.zip", "--no-environment", "--no-requirements"], home)
    took, full = [], Full()
    for student in sorted(handed_in.iterdir()):
        folder = home / student.name
        folder.mkdir()
        (folder / "hw.ipynb").write_text(notebook(paths, (student / STUDENT_CODE).read_text()))
        took.append(
            run([*otter, "run", "hw.ipynb", "-a", str(home / "autograder.zip"), "-o", ".", "--no-logo"], folder)
        )
        found = json.loads((folder / "results.json").read_text())["tests"]
        full[student.name] = {each["name"]: each["score"] == each["max_score"] for each in found if "max_score" in each}
        print(f"otter run {student.name} {took[-1]:6.2f} s", flush=True)
    return took, full


def notebook(paths: AssignmentPaths, code: str) -> str:
    setup = (
        f"import pathlib, sys\npathlib.Path({STUDENT_CODE!r}).write_text({code!r})\n"
        f"sys.path[:0] = ['', {str(HERE)!r}, {str(HERE.parent)!r}]\nfrom nbgrader_in_kernel import Session\n"
        f"session = Session({str(paths.course.root)!r}, {paths.name!r}, 'sample', {SEED})"
    )
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    return json.dumps(nbf.new_notebook(cells=[nbf.new_code_cell(setup)], metadata={"kernelspec": kernel}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=200, help="submissions for ours")
    parser.add_argument("--otter-n", type=int, default=8, help="submissions for otter")
    parser.add_argument("--workers", type=int, default=2, help="of ours; otter run has no such thing")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        paths = copy_course("quick", home / "course")
        for n in {arguments.n, arguments.otter_n}:
            submissions(paths, "sample", n, home / f"class{n}")
        wall_s, full = ours(paths, home / f"class{arguments.n}", arguments.workers)
        took, theirs = otters(paths, home / f"class{arguments.otter_n}", home / "otter")
    differing = [f"{name}: {theirs[name]} by otter, {full[name]}" for name in theirs if theirs[name] != full.get(name)]
    each, other = wall_s / arguments.n, sum(took) / len(took)
    versions = {name: version(name) for name in ("gradeprop", "otter-grader", "torch")}
    result = {
        "schema": 1, "what": __doc__.splitlines()[0], "machine": machine(), "load_average_before": round(load, 1),
        "versions": versions, "n": arguments.n, "workers": arguments.workers, "gradeprop_wall_s": round(wall_s, 2),
        "otter_s": [round(one, 2) for one in took],
        "seconds_each": {"gradeprop": round(each, 4), "otter": round(other, 3)},
        "ratio": round(other / each, 1), "scores_equal": not differing,
    }  # fmt: skip
    storage.write_bytes(json.dumps(result, indent=2).encode() + b"\n", RESULTS / "bench_otter_quick.json")
    print(f"{result['machine']}; {versions}; load {load:.1f}")
    print(f"gradeprop {each:.3f} s, otter {other:.2f} s for each submission: {other / each:.0f} times")
    sys.exit("\n".join(["The scores differ:", *differing]) if differing else 0)


if __name__ == "__main__":
    main()
