"""Seconds per submission: ``gradeprop grade`` against ``nbgrader autograde``, the same submissions and the same checks.

Both run as a whole process, one after the other on the same machine, from the command to the last score in the
gradebook, with one thread of torch; ours with --workers, nbgrader one submission after the other, as it must. Ours also
copies each submission in, holds it in a jail and writes a page. For nbgrader the probes and hidden checks of the
assignment are called from one grade cell per question, in the student's kernel (nbgrader_in_kernel.py); what the
reference solution gives, to compare with, is made once per class by ours and once in each kernel there. Both must give
every question the same score.

"further" is what one more submission costs once a tool has started; "cpu" is less disturbed by a busy machine.

    python benchmarks/nbgrader_ratio.py [mnist_lenet | quick] [--n 12] [--rounds 1] [--data sample] [--workers 1]

``quick`` is benchmarks/quick: eight quick checks of LeNet-5. Prints a table and writes every run to
docs/results/bench_nbgrader_<assignment>.json.
"""

import argparse
import itertools
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

import nbformat.v4 as nbf
from nbgrader.api import Gradebook

from gradeprop.core import models, storage
from gradeprop.core.assignment import Question
from gradeprop.core.paths import STUDENT_CODE, AssignmentPaths, CoursePaths
from gradeprop.course.config import read_assignment
from gradeprop.course.known_answers import read_known_answers, reference_weights, write_answer

HERE = Path(__file__).resolve().parent
SEED = 1998
RESULTS = HERE.parent / "docs" / "results"
FEW = 2
"""the same is run with so few submissions, to tell what starting costs from what one more submission does"""
CASES = (  # honest answers, good and bad: taken in turn
    "reference",
    "wrong/no_zero_grad",
    "right/all_sequential",
    "stub",
    "wrong/relu_missing_after_conv1",
    "right/mlp_with_three_hidden_layers",
    "wrong/mean_of_batch_accuracies",
    "wrong/curves_without_legend",
)
QUICK = {  # the same for the quick course: old and new text
    "reference": ("", ""),
    "relu_missing": ("torch.relu(self.conv1(x))", "self.conv1(x)"),
    "no_step": ("        optimizer.step()\n", ""),
    "count_in_thousands": ("p.requires_grad) / 1e6", "p.requires_grad) / 1e3"),
}
Scores = dict[str, dict[str, float]]


def copy_course(name: str, into: Path) -> AssignmentPaths:
    """A copy that both tools use, so that the repository keeps its own gradebook and may be edited meanwhile."""
    repository = CoursePaths.find(HERE)
    if name == "quick":
        shutil.copytree(HERE / "quick", into, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(repository.solution, into / "source")
    else:
        for part in ("source", "grader_tests"):
            shutil.copytree(repository.root / part, into / part, ignore=shutil.ignore_patterns("__pycache__"))
    return CoursePaths(into).assignment(name)


def submissions(paths: AssignmentPaths, dataset: str, n: int, into: Path) -> None:
    """Write n submissions, each in the folder of its student."""
    if paths.name == "quick":
        solution = paths.course.solution.read_text()
        for number, (old, new) in zip(range(n), itertools.cycle(QUICK.values()), strict=False):
            assert old in solution, old
            folder = into / f"student{number:04}"
            folder.mkdir(parents=True)
            (folder / STUDENT_CODE).write_text(solution.replace(old, new) if old else solution)
        return
    ours = CoursePaths.find(HERE).assignment(paths.name)
    cases = {case.name: case for case in read_known_answers(read_assignment(ours.course, paths.name), ours)}
    for number, name in zip(range(n), itertools.cycle(CASES), strict=False):
        write_answer(cases[name], ours, reference_weights(ours, dataset), into / f"student{number:04}")


def ours(paths: AssignmentPaths, dataset: str, workers: int, handed_in: Path, course: Path) -> tuple[dict, Scores]:
    """Grade in a copy of the course."""
    shutil.copytree(paths.course.root, course, dirs_exist_ok=True)
    command = ["gradeprop", "--course", str(course), "grade", paths.name, str(handed_in), "--data", dataset]
    took = timed([*command, "--seed", str(SEED), "--workers", str(workers)], course)
    files = CoursePaths(course).assignment(paths.name).autograded.glob("*/record.json")
    graded = [storage.read(models.GradeRecord, file) for file in files]
    return took, {one.student: {question.name: question.points for question in one.questions} for one in graded}


def nbgraders(paths: AssignmentPaths, dataset: str, _: int, handed_in: Path, course: Path) -> tuple[dict, Scores]:
    """Make a course whose notebook calls our checks, release it, hand in, autograde."""
    name = paths.name
    questions = [q for q in read_assignment(paths.course, name).questions if not q.manual]
    (course / "source" / name).mkdir(parents=True)
    (course / "source" / name / f"{name}.ipynb").write_text(notebook(paths, questions, dataset), encoding="utf-8")
    (course / "nbgrader_config.py").write_text("c = get_config()\nc.Execute.timeout = 600\n")
    timed(["nbgrader", "generate_assignment", name], course)
    for student in handed_in.iterdir():
        shutil.copytree(student, course / "submitted" / student.name / name)
        shutil.copy(course / "release" / name / f"{name}.ipynb", course / "submitted" / student.name / name)
    took = timed(["nbgrader", "autograde", name], course)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        students = [student.name for student in handed_in.iterdir()]
        return took, {
            s: {q.name: book.find_grade(q.name, name, name, s).auto_score for q in questions} for s in students
        }


def notebook(paths: AssignmentPaths, questions: list[Question], dataset: str) -> str:
    """The instructor's notebook: one cell that loads the checks, one grade cell per question."""

    def cell(source: str, name: str, **grade: object) -> dict:
        meta = {"grade_id": name, "locked": True, "solution": False, "schema_version": 3, "grade": False, **grade}
        return nbf.new_code_cell(source, metadata={"nbgrader": meta}, id=name)

    setup = (
        f"import sys\nsys.path.append({str(HERE)!r})\nfrom nbgrader_in_kernel import Session\n"
        f"session = Session({str(paths.course.root)!r}, {paths.name!r}, {dataset!r}, {SEED})"
    )
    cells = [cell(setup, "setup")]
    cells += [cell(f'session.question("{q.name}")', q.name, grade=True, points=q.points) for q in questions]
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    return json.dumps(nbf.new_notebook(cells=cells, metadata={"kernelspec": kernel}))


def differing(ours: Scores, theirs: Scores) -> list[str]:
    """Every score that is not the same, one that is missing included."""
    pairs = {(student, question) for scores in (ours, theirs) for student in scores for question in scores[student]}
    both = {pair: [scores.get(pair[0], {}).get(pair[1]) for scores in (ours, theirs)] for pair in sorted(pairs)}
    return [f"{pair}: {a} by gradeprop, {b} by nbgrader" for pair, (a, b) in both.items() if a != b]


def timed(command: list[str], folder: Path) -> dict[str, float]:
    """Seconds of a whole process, and of the processor in it and its children."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": round(time.perf_counter() - start, 2), "cpu_s": round(cpu_s, 2)}


def machine() -> str:
    """The processor and what it runs."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{names[0].partition(':')[2].strip()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("assignment", nargs="?", choices=("mnist_lenet", "quick"), default="mnist_lenet")
    parser.add_argument("--n", type=int, default=12, help="submissions, more than two")
    parser.add_argument("--nbgrader-n", type=int, help="submissions for nbgrader, where it should get fewer")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--data", default="sample", help="held-out images: sample or mnist")
    parser.add_argument("--workers", type=int, default=1, help="of ours; nbgrader has no such thing")
    arguments = parser.parse_args()
    most = {"gradeprop": arguments.n, "nbgrader": arguments.nbgrader_n or arguments.n}
    rows, differences, load = [], [], os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        paths = copy_course(arguments.assignment, Path(folder) / "course")
        for n in {FEW, *most.values()}:
            submissions(paths, arguments.data, n, Path(folder) / f"class{n}")
        for number in range(1, arguments.rounds + 1):
            scores: dict[str, Scores] = {"gradeprop": {}, "nbgrader": {}}
            for tool, grade in {"gradeprop": ours, "nbgrader": nbgraders}.items():
                for n in (FEW, most[tool]):
                    course = Path(folder) / f"{tool}{number}-{n}"
                    course.mkdir()
                    handed_in = Path(folder) / f"class{n}"
                    took, found = grade(paths, arguments.data, arguments.workers, handed_in, course)
                    scores[tool] |= found
                    rows.append({"round": number, "tool": tool, "n": n, **took})
                    print(f"round {number}  {tool:10} n = {n:4} {took['wall_s']:8.2f} s", flush=True)
            both = scores["gradeprop"].keys() & scores["nbgrader"].keys()
            differences += differing(*({s: found[s] for s in both} for found in scores.values()))
    report(arguments, most, rows, not differences, load)
    sys.exit("\n".join(["The scores differ:", *differences]) if differences else 0)


def report(arguments: argparse.Namespace, most: dict[str, int], rows: list[dict], equal: bool, load: float) -> None:
    """The table, and the same with every run as JSON."""

    def median(tool: str, n: int, what: str) -> float:
        return statistics.median(row[what] for row in rows if (row["tool"], row["n"]) == (tool, n))

    table = {}
    for what in ("wall_s", "cpu_s"):
        for tool in ("gradeprop", "nbgrader"):
            few, many = median(tool, FEW, what), median(tool, most[tool], what)
            further = (many - few) / (most[tool] - FEW)
            table.setdefault(tool, {})[what] = {"each": round(many / most[tool], 4), "further": round(further, 4)}
    ratio = {
        what: {key: round(value / table["gradeprop"][what][key], 2) for key, value in figures.items()}
        for what, figures in table["nbgrader"].items()
    }
    versions = {name: version(name) for name in ("gradeprop", "nbgrader", "torch")}
    result = {
        "schema": 1,
        "what": __doc__.splitlines()[0],
        "machine": machine(),
        "load_average_before": round(load, 1),
        "versions": versions | {"python": platform.python_version()},
        "dataset": arguments.data,
        "assignment": arguments.assignment,
        "n": most,
        "workers": arguments.workers,
        "submissions": list(QUICK if arguments.assignment == "quick" else CASES),
        "rows": rows,
        "seconds_per_submission": table,
        "ratio": ratio,
        "scores_equal": equal,
    }
    file = RESULTS / f"bench_nbgrader_{arguments.assignment}.json"
    storage.write_bytes(json.dumps(result, indent=2).encode() + b"\n", file)
    print(f"\n{result['machine']}; {', '.join(f'{name} {v}' for name, v in result['versions'].items())}")
    print(
        f"{most} submissions of {arguments.assignment}, data set {arguments.data}, workers {arguments.workers}, "
        f"rounds {arguments.rounds}, load {load:.1f}\n"
    )
    print(f"{'seconds per submission':24}{'wall':>10}{'further':>10}{'cpu':>10}{'further':>10}")
    for name, figures in {**table, "nbgrader / gradeprop": ratio}.items():
        print(
            f"{name:24}" + "".join(f"{figures[w][k]:10.3f}" for w in ("wall_s", "cpu_s") for k in ("each", "further"))
        )
    print(f"the scores are {'equal' if equal else 'NOT equal'}")


if __name__ == "__main__":
    main()
