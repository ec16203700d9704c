"""Seconds per submission: ``gradeprop grade`` against ``nbgrader autograde``, the same submissions and the same checks.

Both run as a whole process, one after the other on the same machine, from the command to the last score in the
gradebook, and grade one submission at a time with one thread of torch. Ours also copies each submission in, holds it in
a jail and writes a page. For nbgrader the probes and hidden checks of the assignment are called from one grade cell per
question, in the student's kernel (nbgrader_in_kernel.py); what the reference solution gives, to compare with, is made
once per class by ours and once in each kernel there. Both must give every question the same score.

"further" is what one more submission costs once a tool has started; "cpu" is less disturbed by a busy machine.

    python benchmarks/nbgrader_ratio.py [--n 12] [--rounds 1] [--data sample]

Prints a table and writes every run to docs/results/bench_nbgrader.json.
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

from gradeprop import records
from gradeprop.cases import make, read_cases, reference_weights
from gradeprop.course import read_assignment
from gradeprop.paths import AssignmentPaths, Bundle

HERE = Path(__file__).resolve().parent
HW = "mnist_lenet"
SEED = 1998
RESULT = HERE.parent / "docs" / "results" / "bench_nbgrader.json"
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
Scores = dict[str, dict[str, float]]


def submissions(paths: AssignmentPaths, dataset: str, n: int, into: Path) -> None:
    """Write n submissions, each in the folder of its student."""
    cases = {case.name: case for case in read_cases(read_assignment(paths.bundle, HW), paths)}
    for number, name in zip(range(n), itertools.cycle(CASES), strict=False):
        make(cases[name], paths, reference_weights(paths, dataset), into / f"student{number:02}")


def copy_course(into: Path) -> Bundle:
    """A copy that both tools use, so that the repository keeps its own gradebook and may be edited meanwhile."""
    for part in ("source", "grader_tests"):
        shutil.copytree(Bundle.find(HERE).root / part, into / part, ignore=shutil.ignore_patterns("__pycache__"))
    return Bundle(into)


def ours(bundle: Bundle, dataset: str, handed_in: Path, course: Path) -> tuple[dict, Scores]:
    """Grade in a copy of the course."""
    shutil.copytree(bundle.root, course, dirs_exist_ok=True)
    command = ["gradeprop", "--course", str(course), "grade", HW, str(handed_in), "--data", dataset]
    took = timed([*command, "--seed", str(SEED)], course)
    files = Bundle(course).assignment(HW).autograded.glob("*/record.json")
    graded = [records.read(records.GradeRecord, file) for file in files]
    return took, {one.student: {question.name: question.points for question in one.questions} for one in graded}


def nbgraders(bundle: Bundle, dataset: str, handed_in: Path, course: Path) -> tuple[dict, Scores]:
    """Make a course whose notebook calls our checks, release it, hand in, autograde."""
    questions = [q for q in read_assignment(bundle, HW).questions if not q.manual]
    (course / "source" / HW).mkdir(parents=True)
    (course / "source" / HW / f"{HW}.ipynb").write_text(notebook(bundle, questions, dataset), encoding="utf-8")
    (course / "nbgrader_config.py").write_text("c = get_config()\nc.Execute.timeout = 600\n")
    timed(["nbgrader", "generate_assignment", HW], course)
    for student in handed_in.iterdir():
        shutil.copytree(student, course / "submitted" / student.name / HW)
        shutil.copy(course / "release" / HW / f"{HW}.ipynb", course / "submitted" / student.name / HW)
    took = timed(["nbgrader", "autograde", HW], course)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        names = [student.name for student in handed_in.iterdir()]
        return took, {n: {q.name: book.find_grade(q.name, HW, HW, n).auto_score for q in questions} for n in names}


def notebook(bundle: Bundle, questions: list[records.Question], dataset: str) -> str:
    """The instructor's notebook: one cell that loads the checks, one grade cell per question."""

    def cell(source: str, name: str, **grade: object) -> dict:
        meta = {"grade_id": name, "locked": True, "solution": False, "schema_version": 3, "grade": False, **grade}
        return nbf.new_code_cell(source, metadata={"nbgrader": meta}, id=name)

    setup = (
        f"import sys\nsys.path.append({str(HERE)!r})\nfrom nbgrader_in_kernel import Session\n"
        f"session = Session({str(bundle.root)!r}, {HW!r}, {dataset!r}, {SEED})"
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
    parser.add_argument("--n", type=int, default=12, help="submissions, more than two")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--data", default="sample", help="held-out images: sample or mnist")
    arguments = parser.parse_args()
    rows, differences, load = [], [], os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        bundle = copy_course(Path(folder) / "course")
        for n in (FEW, arguments.n):
            submissions(Bundle.find(HERE).assignment(HW), arguments.data, n, Path(folder) / f"class{n}")
        for number, n in itertools.product(range(1, arguments.rounds + 1), (FEW, arguments.n)):
            scores = {}
            for tool, grade in {"gradeprop": ours, "nbgrader": nbgraders}.items():
                course = Path(folder) / f"{tool}{number}-{n}"
                course.mkdir()
                took, scores[tool] = grade(bundle, arguments.data, Path(folder) / f"class{n}", course)
                rows.append({"round": number, "tool": tool, "n": n, **took})
                print(f"round {number}  {tool:10} n = {n:3} {took['wall_s']:8.2f} s", flush=True)
            differences += differing(scores["gradeprop"], scores["nbgrader"])
    report(arguments, rows, not differences, load)
    sys.exit("\n".join(["The scores differ:", *differences]) if differences else 0)


def report(arguments: argparse.Namespace, rows: list[dict], equal: bool, load: float) -> None:
    """The table, and the same with every run as JSON."""

    def median(tool: str, n: int, what: str) -> float:
        return statistics.median(row[what] for row in rows if (row["tool"], row["n"]) == (tool, n))

    table = {}
    for what in ("wall_s", "cpu_s"):
        for tool in ("gradeprop", "nbgrader"):
            few, many = median(tool, FEW, what), median(tool, arguments.n, what)
            further = (many - few) / (arguments.n - FEW)
            table.setdefault(tool, {})[what] = {"each": round(many / arguments.n, 3), "further": round(further, 3)}
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
        "n": arguments.n,
        "submissions": list(CASES),
        "rows": rows,
        "seconds_per_submission": table,
        "ratio": ratio,
        "scores_equal": equal,
    }
    records.write_bytes(json.dumps(result, indent=2).encode() + b"\n", RESULT)
    print(f"\n{result['machine']}; {', '.join(f'{name} {v}' for name, v in result['versions'].items())}")
    print(f"{arguments.n} submissions of {HW}, data set {arguments.data}, rounds {arguments.rounds}, load {load:.1f}\n")
    print(f"{'seconds per submission':24}{'wall':>10}{'further':>10}{'cpu':>10}{'further':>10}")
    for name, figures in {**table, "nbgrader / gradeprop": ratio}.items():
        print(
            f"{name:24}" + "".join(f"{figures[w][k]:10.2f}" for w in ("wall_s", "cpu_s") for k in ("each", "further"))
        )
    print(f"the scores are {'equal' if equal else 'NOT equal'}")


if __name__ == "__main__":
    main()
