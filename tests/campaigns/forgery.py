"""The forgery floor of each assignment: the points of a submission that knows all checks and implements nothing.

    python -m tests.campaigns.forgery [ASSIGNMENT…]    →  docs/results/forgery.md, and the same on the terminal

The forger (tests/hostile/forgers) has the observations of the reference under another seed, and tricks of its own for
single probes. It has no trained weights. It runs in the jail, as any submission.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from gradeprop.core import storage
from gradeprop.core.models import CheckResult, JailRun
from gradeprop.core.paths import CoursePaths
from gradeprop.course import known_answers
from gradeprop.course.config import read_assignment, read_course
from gradeprop.grading.grader import Grader, open_grader
from gradeprop.grading.settings import RunSettings
from gradeprop.grading.store import Store

ROOT = Path(__file__).parents[2]
FORGERS = ROOT / "tests" / "hostile" / "forgers"
RESULTS = ROOT / "docs" / "results" / "forgery.md"
FLOOR = 15
"""of 100 points"""


def write_forger(grader: Grader, scratch: Path) -> Path:
    """Grade the reference once, and write the submission that repeats its observations."""
    paths, assignment = grader.settings.paths, grader.settings.assignment
    weights = known_answers.reference_weights(paths, grader.settings.dataset)
    reference = known_answers.read_known_answers(assignment, paths)[0]
    grader.grade_one(known_answers.write_answer(reference, paths, weights, scratch / "honest"))
    honest, forger = grader.folders.student("honest"), scratch / "forger"
    run = storage.read(JailRun, honest.run)
    forger.mkdir()
    values = {name: values for name, values in run.values.items() if not name.startswith("weights")}
    (forger / "answers.json").write_bytes(msgspec.json.encode(values))
    (forger / "answers.safetensors").write_bytes(honest.observations.read_bytes())
    (forger / "student_code.py").write_bytes((FORGERS / "replay.py").read_bytes())
    if (tricks := FORGERS / f"{assignment.name}.py").is_file():
        (forger / "tricks.py").write_bytes(tricks.read_bytes())
    return forger


def forge(course: CoursePaths, name: str) -> tuple[CheckResult, ...]:
    """Grade the forger of an assignment on the sample."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        settings = RunSettings(course, read_assignment(course, name), "sample", 11, scratch / "results")
        with Store(settings) as store, open_grader(store.folders) as grader:
            forger = write_forger(grader, scratch)
            record = replace(grader, settings=replace(settings, requested_seed=12)).grade_one(forger)
    if record.status != "graded":
        raise SystemExit(f"{name}: the forger was not graded: {record.reason}")
    return record.results


def percent(results: Sequence[CheckResult]) -> float:
    """Return the points in percent."""
    return 100 * sum(each.points for each in results) / sum(each.possible for each in results)


def page(found: dict[str, tuple[CheckResult, ...]]) -> list[str]:
    """Draw the table of floors, and for each assignment the checks that a forger passes."""
    lines = ["# Forged observations: what nothing is worth", ""]
    lines += [
        "A submission that knows all checks and implements nothing, graded on the sample: points of the automatic"
    ]
    lines += ["checks, in percent. Again: `python -m tests.campaigns.forgery`; `make hostile` does it, too.", ""]
    lines += ["| assignment | points | of | percent |", "|---|---|---|---|"]
    for name, results in found.items():
        got, possible = sum(each.points for each in results), sum(each.possible for each in results)
        lines.append(f"| {name} | {got:g} | {possible:g} | {percent(results):.0f} |")
    for name, results in found.items():
        lines += ["", f"## {name}", "", "| check | points |", "|---|---|"]
        passed = [each for each in results if each.points]
        lines += [f"| {each.line} | {each.points:g} of {each.possible:g} |" for each in passed]
    return lines


def main(names: Sequence[str]) -> int:
    """Forge, print, and write the page if all assignments were asked for."""
    course = CoursePaths(ROOT)
    everything = read_course(course).assignments
    found = {name: forge(course, name) for name in names or everything}
    lines = page(found)
    print("\n".join(lines))
    if not names:
        RESULTS.write_text("\n".join(lines) + "\n")
    return int(max(map(percent, found.values())) > FLOOR)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
