"""Gradescope: the zip that an instructor uploads, and what runs in it for each submission.

    source/setup.sh, source/run_autograder    ours, from templates/
    source/gradescope.json                    Settings
    source/course/, source/data/              what grades one assignment, hidden checks too
    source/package/                           gradeprop itself
    submission/, submission_metadata.json     Gradescope's
    results/results.json                      ours: only where there is a grade

Gradescope has no state between a score and a failed run. A grade that is held back is therefore a failed run: no
results.json, exit status 1, and the reason in what the instructor sees.
Source: gradescope-autograders.readthedocs.io, Autograder Specifications, Submission Metadata, Leaderboards.
"""

import json
import os
import re
import sys
import tempfile
import traceback
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from gradeprop.core import storage
from gradeprop.core.errors import GradepropError
from gradeprop.core.models import Assignment, CheckResult, GradeRecord, Record, Table
from gradeprop.core.paths import CoursePaths
from gradeprop.course.bundle import course_files, data_files, package_files, zip_files
from gradeprop.course.config import read_assignment
from gradeprop.grading.grader import Grader

Visibility = Literal["visible", "after_due_date", "after_published"]
"""when students see what each check says; ``hidden`` would hide what the points are for"""

_TEMPLATES = Path(__file__).parent / "templates"
_ACCURACY = re.compile(r"(\d+(?:\.\d+)?) % of [\d,]+ held-out images are right\b")


class Settings(Record, frozen=True, kw_only=True):
    """What the zip was made for."""

    assignment: str
    dataset: str
    visibility: Visibility = "visible"
    unsafe: bool = False


def package(course: CoursePaths, assignment: Assignment, settings: Settings) -> bytes:
    """The autograder's zip; the same course gives the same bytes.

    Raises:
        CourseError: the course, or the package's own sources, are not whole.
    """
    files = {f"course/{name}": data for name, data in course_files(course, assignment).items()}
    files |= {f"package/{name}": data for name, data in package_files().items()}
    if settings.dataset not in ("", "sample"):
        folder = Path(os.environ.get("GRADEPROP_DATA") or "data") / settings.dataset
        files |= {f"data/{name}": data for name, data in data_files(folder).items()}
    files["gradescope.json"] = storage.to_json(settings)
    scripts = {"setup.sh": "gradescope_setup.sh", "run_autograder": "gradescope_run.sh"}
    files |= {name: (_TEMPLATES / template).read_bytes() for name, template in scripts.items()}
    return zip_files(files, scripts)


def run(root: Path) -> int:
    """Grade the submission in ``root``, which is laid out as Gradescope does; the exit status."""
    target = root / "results" / "results.json"
    target.unlink(missing_ok=True)
    try:
        settings = storage.read(Settings, root / "source" / "gradescope.json")
        course = CoursePaths(root / "source" / "course")
        assignment, about = read_assignment(course, settings.assignment), _metadata(root)
        with (
            tempfile.TemporaryDirectory() as into,
            Grader(course, assignment, settings.dataset, into=Path(into), unsafe=settings.unsafe) as grader,
        ):
            record = grader.grade_one(root / "submission", _names(about))
        print(
            f"{record.student}: {record.status}, in the tier {record.tier or 'none'}, on {record.dataset or 'no data'}"
        )
        if record.status != "graded":
            print(f"No grade was given, and this is no zero: {record.reason}\nMend it, then run this submission again.")
            return 1
        storage.write_bytes(json.dumps(results(assignment, record, about, settings.visibility)).encode(), target)
    except GradepropError as error:
        print(f"No grade was given, and this is no zero: {error}")
        return 1
    except Exception:  # whatever it is, a run that fails is seen and run again; a wrong grade is not
        traceback.print_exc()
        return 1
    return 0


def results(
    assignment: Assignment, record: GradeRecord, about: dict[str, Any], visibility: Visibility
) -> dict[str, Any]:
    """A graded record as results.json: what each check says, without its file or name."""
    questions = {question.name: (number, question) for number, question in enumerate(assignment.questions, 1)}
    tests: list[dict[str, Any]] = []
    seen: dict[str, int] = {}
    for result in record.results:
        number, question = questions[result.question]
        seen[result.question] = seen.get(result.question, 0) + 1
        tests.append({
            "number": f"{number}.{seen[result.question]}",
            "name": f"{question.title}: {result.line}",
            "score": result.points,
            "max_score": result.possible,
            "status": "passed" if result.verdict == "passed" else "failed",
            "output": _output(result),
            "output_format": "text",
        })  # fmt: skip
    late_s = _late_s(about)
    return {
        "score": record.points,
        "execution_time": round(record.wall_s),
        "output": "\n".join(_told(assignment, record, late_s)),
        "output_format": "text",
        "visibility": visibility,
        "stdout_visibility": "hidden",
        "tests": tests,
        "leaderboard": _leaderboard(record),
        "extra_data": {
            "sha256": record.sha256,
            "dataset": record.dataset,
            "tier": record.tier,
            "gradeprop": record.gradeprop,
            "possible": record.possible,
            "late_s": late_s,
        },
    }


def _told(assignment: Assignment, record: GradeRecord, late_s: int) -> list[str]:
    """What concerns the whole submission; shown whenever the visibility of checks is later."""
    told = [*record.problems, f"What you handed in has the SHA-256 {record.sha256}."]
    if by_hand := sum(question.points for question in assignment.questions if question.manual):
        told.append(f"{by_hand:g} more points are for written answers, which a person grades.")
    if late_s:
        told.append(f"It came {late_s // 3600} h {late_s % 3600 // 60} min after the due date.")
    if record.unsafe:
        told.append("It was run without a jail.")
    return told


def _output(result: CheckResult) -> str:
    tables = [exhibit for exhibit in result.exhibits if isinstance(exhibit, Table)]
    return "\n\n".join(filter(None, [result.message.replace("``", "`"), *map(_as_text, tables)]))


def _as_text(table: Table) -> str:
    rows = [table.header, *table.rows]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join([table.caption, *lines])


def _leaderboard(record: GradeRecord) -> list[dict[str, Any]]:
    """The accuracies that the checks measured on held-out images, in percent."""
    found = (
        (o.line.rstrip("."), _ACCURACY.match(o.message)) for o in record.results if o.verdict in ("passed", "failed")
    )
    return [{"name": f"Accuracy in %: {line}", "value": float(match[1])} for line, match in found if match]


def _metadata(root: Path) -> dict[str, Any]:
    """submission_metadata.json; without it grading goes on, only nobody's name is known."""
    try:
        about = json.loads((root / "submission_metadata.json").read_bytes())
    except (OSError, ValueError) as error:
        print(f"submission_metadata.json cannot be read ({error}); the name and the due date are not known.")
        return {}
    return about if isinstance(about, dict) else {}


def _names(about: dict[str, Any]) -> str:
    users = [str(user.get("name") or user.get("email")) for user in about.get("users") or [] if isinstance(user, dict)]
    return ", ".join(users) or "submission"


def _late_s(about: dict[str, Any]) -> int:
    """Seconds after the due date, 0 if in time or if there is none; Gradescope's own policy counts it."""
    try:
        due, sent = (datetime.fromisoformat(at) for at in (about["assignment"]["due_date"], about["created_at"]))
        return max(0, round((sent - due).total_seconds()))
    except (KeyError, TypeError, ValueError):
        return 0


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1])))
