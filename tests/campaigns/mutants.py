"""Small changes of the solution of an assignment, by cosmic-ray: does a hidden check notice each?

    python -m tests.campaigns.mutants mnist_lenet [--only TEXT] [--every N] [--again]

A change that costs no point is a survivor. A survivor that is as right as the solution is explained in
grader_tests/<hw>/equivalent.toml, by the line that it makes (``"the line" = "why it is as right"``); any other asks for
a check; when that is written, ``--again`` grades the survivors of the page alone. Prints a bar, then the survivors;
writes docs/results/mutants_<hw>.md; ends with 1 if one is not explained.
"""

import argparse
import difflib
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from rich.progress import track

from gradeprop.core.models import GradeRecord
from gradeprop.core.paths import STUDENT_CODE, AssignmentPaths, CoursePaths
from gradeprop.course import known_answers
from gradeprop.course.config import read_assignment
from gradeprop.grading.grader import open_grader
from gradeprop.grading.settings import RunSettings
from gradeprop.grading.store import StudentFolders

ROOT = Path(__file__).resolve().parents[2]
ARITHMETIC = {
    "Add": "Sub",
    "Sub": "Add",
    "Mul": "Div",
    "Div": "Mul",
    "FloorDiv": "Div",
    "Mod": "FloorDiv",
    "Pow": "Mul",
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: the whole file, the line as it was, and the line as it is now ("" where a line is gone)."""

    code: str
    before: str
    after: str


def wanted(operator: str) -> bool:
    """One change per arithmetic operator is enough; decorators and exceptions are not the students'."""
    kind, _, change = operator.removeprefix("core/").partition("_")
    before, _, after = change.partition("_")
    if kind == "ReplaceBinaryOperator":
        return ARITHMETIC.get(before) == after
    if kind == "ReplaceComparisonOperator":
        return not after.startswith("Is") or before.startswith("Is")
    return kind not in ("RemoveDecorator", "ExceptionReplacer", "VariableReplacer", "VariableInserter")


def mutants(text: str, name: str) -> Iterator[Mutant]:
    """Every change within a solution of the assignment's section, each once."""
    before, section, after = known_answers.section(
        text, name
    )  # alone: parsing the whole file for each change takes minutes
    seen, own = {section}, set(solution_lines(section))
    for operator_name in filter(wanted, operator_names()):
        operator, occurrence = get_operator(operator_name)(), 0
        while (code := mutate_code(section, operator, occurrence)) is not None:
            occurrence += 1
            if code in seen:
                continue
            seen.add(code)
            (was, now), changed = difference(section.splitlines(), code.splitlines())
            if changed and changed <= own:
                yield Mutant(before + code + after, was, now)


def difference(old: list[str], new: list[str]) -> tuple[tuple[str, str], set[int]]:
    """((the lines that differ as they were, as they are), their numbers in the old text)."""
    matcher = difflib.SequenceMatcher(a=old, b=new, autojunk=False)
    changes = [change for change in matcher.get_opcodes() if change[0] != "equal"]
    was = [line for _, low, high, _, _ in changes for line in old[low:high]]
    now = [line for _, _, _, low, high in changes for line in new[low:high]]
    numbers = {number for _, low, high, _, _ in changes for number in range(low, high)}
    return (" ".join(" ".join(was).split()), " ".join(" ".join(now).split())), numbers


def solution_lines(section: str) -> Iterator[int]:
    """Numbers, from 0, of the lines between SOLUTION markers."""
    inside = False
    for number, line in enumerate(section.splitlines()):
        if "### END SOLUTION" in line:
            inside = False
        elif inside:
            yield number
        elif "### BEGIN SOLUTION" in line:
            inside = True


def survives(record: GradeRecord) -> bool:
    return record.status == "graded" and record.points == record.possible


def main() -> int:
    """Make the mutants, grade each, report."""
    parser = argparse.ArgumentParser(description="Which small changes of the solution does no hidden check notice?")
    parser.add_argument("assignment")
    parser.add_argument("--only", default="", help="only lines that hold this")
    parser.add_argument("--every", type=int, default=1, help="only one in so many, for a quick look")
    parser.add_argument("--again", action="store_true", help="only what survived the last time, as its page says")
    options = parser.parse_args()
    course = CoursePaths(ROOT)
    paths = course.assignment(options.assignment)
    every = list(mutants(course.solution.read_text(encoding="utf-8"), paths.name))
    before = page(paths).read_text(encoding="utf-8") if options.again else ""
    found = [m for m in every if options.only in m.before and (not options.again or f"| `{m.after}` |" in before)]
    found = found[:: options.every]
    explained = read_explained(paths)
    survivors, broken = grade_all(course, paths, found)
    number = len(every) if options.again else len(found)
    report(paths, number, survivors, broken, explained, write=not options.only and options.every == 1)
    return 1 if broken or any(mutant.after not in explained for mutant in survivors) else 0


def page(paths: AssignmentPaths) -> Path:
    """Where the results stand."""
    return ROOT / "docs" / "results" / f"mutants_{paths.name}.md"


def read_explained(paths: AssignmentPaths) -> dict[str, str]:
    """Why a line that a change makes is as right as the solution's."""
    file = paths.tests / "equivalent.toml"
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def grade_all(course: CoursePaths, paths: AssignmentPaths, found: list[Mutant]) -> tuple[list[Mutant], list[str]]:
    """(the mutants that cost no point, what went wrong with our side)."""
    assignment, survivors, broken = read_assignment(course, paths.name), [], []
    dataset = "sample" if assignment.held_out else ""
    reference = known_answers.reference_weights(paths, dataset)
    whole = known_answers.read_known_answers(assignment, paths)[0]
    with tempfile.TemporaryDirectory() as scratch:
        folder = known_answers.write_answer(whole, paths, reference, Path(scratch) / "mutant")
        folders = StudentFolders(RunSettings(course, assignment, dataset, results_folder=Path(scratch) / "kept"))
        with open_grader(folders) as grader:
            for mutant in track(found, description="mutants"):
                (folder / STUDENT_CODE).write_text(mutant.code, encoding="utf-8")
                record = grader.grade_one(folder, "mutant")
                if record.status != "graded":
                    broken.append(f"{mutant.after}: {record.reason}")
                elif survives(record):
                    survivors.append(mutant)
                    print(f"survives: {mutant.after}", flush=True)  # of a run that is interrupted, too
                shutil.rmtree(folders.student(record.key).folder, ignore_errors=True)
    return survivors, broken


def report(
    paths: AssignmentPaths, n: int, survivors: list[Mutant], broken: list[str], explained: dict[str, str], write: bool
) -> None:
    """Print and write what survived."""
    unexplained = [mutant for mutant in survivors if mutant.after not in explained]
    lines = [
        f"# Small changes of the solution of `{paths.name}`",
        "",
        f"{n} changes by cosmic-ray within its solutions, each graded as a submission on the sample:",
        f"{n - len(survivors)} cost points, {len(survivors) - len(unexplained)} are as right as the solution,",
        f"{len(unexplained)} are not noticed by any check.",
        "",
        f"Again: `make mutants HW={paths.name}`",
    ]
    for title, some in (("Not noticed", unexplained), ("As right", [m for m in survivors if m not in unexplained])):
        if some:
            lines += ["", f"## {title}", "", "| the solution | the change | why |", "|---|---|---|"]
            lines += [f"| `{m.before}` | `{m.after}` | {explained.get(m.after, '')} |" for m in some]
    print("\n".join(lines + [f"NOT GRADED: {line}" for line in broken]))
    if write:
        page(paths).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
