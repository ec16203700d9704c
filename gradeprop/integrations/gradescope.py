"""An autograder for Gradescope: the zip that an instructor uploads, and the program in it that grades a submission.

    source/setup.sh, source/run_autograder    from templates/
    source/gradescope.json                    Settings
    source/course/                            the part of the course that grades one assignment: hidden checks, data
    source/package/                           gradeprop itself
    submission/, submission_metadata.json     written by Gradescope
    results/results.json                      written by us, if there is a grade

Gradescope has no state between a score and a failed run. A grade on hold is therefore a failed run: no results.json,
exit status 1, and the reason in the output, which the instructor sees.
Source: gradescope-autograders.readthedocs.io, Autograder Specifications, Submission Metadata, Leaderboards.
"""

import json
import re
import sys
import tempfile
import traceback
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from markupsafe import Markup

from gradeprop.core import storage
from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import GradepropError
from gradeprop.core.models import CheckResult, GradeRecord, Record, Table
from gradeprop.core.paths import CoursePaths
from gradeprop.course.bundle import course_files, data_files, package_files, zip_files
from gradeprop.course.config import data_folder, read_assignment
from gradeprop.grading.grader import open_grader
from gradeprop.grading.settings import RunSettings
from gradeprop.grading.store import StudentFolders
from gradeprop.results.feedback import prose

Visibility = Literal["visible", "after_due_date", "after_published"]
"""when students see the check results; Gradescope's ``hidden`` is left out, as it would hide what points are for"""

_NO_GRADE = "No grade was given, and this is not a zero"
_TEMPLATES = Path(__file__).parent / "templates"
_ACCURACY = re.compile(r"(\d+(?:\.\d+)?) % of [\d,]+ held-out images are right\b")


class Settings(Record, frozen=True, kw_only=True):
    """The settings of one zip."""

    assignment: str
    dataset: str
    visibility: Visibility = "visible"
    visibility_of: dict[str, Visibility] = msgspec.field(default_factory=dict)
    """question → when students see its checks, if not ``visibility``"""
    unsafe: bool = False


def package(course: CoursePaths, assignment: Assignment, settings: Settings) -> bytes:
    """Return the zip; the same course gives the same bytes.

    Raises:
        CourseError: a file of the course or of the package is missing.
        GradepropError: ``settings`` names an unknown question.
    """
    questions = [question.name for question in assignment.questions]
    if unknown := [name for name in settings.visibility_of if name not in questions]:
        raise GradepropError(f"{assignment.name} has no question {unknown[0]}; its questions: {', '.join(questions)}.")
    files = {f"course/{name}": data for name, data in course_files(course, assignment).items()}
    files |= {f"package/{name}": data for name, data in package_files().items()}
    if settings.dataset not in ("", "sample"):
        folder = data_folder(assignment, settings.dataset)
        files |= {f"course/data/{name}": data for name, data in data_files(folder).items()}
    files["gradescope.json"] = storage.to_json(settings)
    scripts = {"setup.sh": "gradescope_setup.sh", "run_autograder": "gradescope_run.sh"}
    files |= {name: (_TEMPLATES / template).read_bytes() for name, template in scripts.items()}
    return zip_files(files, scripts)


def run(root: Path) -> int:
    """Grade the submission in ``root``, laid out as Gradescope's /autograder; return the exit status."""
    target = root / "results" / "results.json"
    target.unlink(missing_ok=True)
    try:
        settings = storage.read(Settings, root / "source" / "gradescope.json")
        course = CoursePaths(root / "source" / "course")
        assignment, about = read_assignment(course, settings.assignment), _metadata(root)
        with tempfile.TemporaryDirectory() as into:
            run_settings = RunSettings(course, assignment, settings.dataset, None, Path(into), settings.unsafe)
            with open_grader(StudentFolders(run_settings)) as grader:
                record = grader.grade_one(root / "submission", _names(about))
        details = f"tier {record.tier or 'none'}, data set {record.dataset or 'none'}"
        print(f"{record.student}: {record.status.replace('_', ' ')} ({details})")
        if record.status != "graded":
            print(f"{_NO_GRADE}: {record.reason}\nFix this, then rerun the submission.")
            return 1
        storage.write_bytes(json.dumps(results(assignment, record, about, settings)).encode(), target)
    except GradepropError as error:
        print(f"{_NO_GRADE}: {error}")
        return 1
    except Exception:  # a failed run is noticed and repeated; a wrong grade is not
        traceback.print_exc()
        return 1
    return 0


def results(assignment: Assignment, record: GradeRecord, about: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Return results.json of a graded record: each check result, without the name of the check or its file."""
    questions = {question.name: (number, question) for number, question in enumerate(assignment.questions, 1)}
    tests: list[dict[str, Any]] = []
    counts = Counter[str]()
    for result in record.results:
        number, question = questions[result.question]
        counts[result.question] += 1
        tests.append({
            "number": f"{number}.{counts[result.question]}",
            "name": f"{question.title}: {result.line}".replace("``", "`"),
            "score": result.points,
            "max_score": result.possible,
            "status": "passed" if result.verdict == "passed" else "failed",
            "output": _output(result),
            "output_format": "html",
            "visibility": settings.visibility_of.get(result.question, settings.visibility),
        })  # fmt: skip
    late_s = _late_s(about)
    return {
        "score": record.points,
        "execution_time": round(record.wall_s),
        "output": "\n".join(_summary(assignment, record, late_s)),
        "output_format": "text",
        "visibility": settings.visibility,
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


def _summary(assignment: Assignment, record: GradeRecord, late_s: int) -> list[str]:
    """Return sentences about the whole submission, which students see even if the check results come later."""
    sentences = [*record.problems, f"The SHA-256 of your submission is {record.sha256}."]
    if by_hand := sum(question.points for question in assignment.questions if question.manual):
        sentences.append(f"{by_hand:g} more points are for written answers, which are graded by hand.")
    if late_s:
        sentences.append(f"You submitted {late_s // 3600} h {late_s % 3600 // 60} min after the due date.")
    if record.unsafe:
        sentences.append("The code was run without a jail.")
    return sentences


def _output(result: CheckResult) -> str:
    """Return the message and its tables as HTML; every text in it is escaped."""
    message = [Markup("<pre>{}</pre>").format(prose(result.message))] if result.message else []
    return Markup("").join([*message, *(_as_html(each) for each in result.exhibits if isinstance(each, Table))])


def _as_html(table: Table) -> Markup:
    header = Markup("").join(Markup("<th>{}</th>").format(cell) for cell in table.header)
    rows = (Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row) for row in table.rows)
    body = Markup("").join(Markup("<tr>{}</tr>").format(row) for row in (header, *rows))
    return Markup("<table><caption>{}</caption>{}</table>").format(table.caption, body)


def _leaderboard(record: GradeRecord) -> list[dict[str, Any]]:
    """Return the accuracies that the checks measured on held-out images, in percent."""
    judged = [result for result in record.results if result.verdict in ("passed", "failed")]
    accuracies = ((result.line.rstrip("."), _ACCURACY.match(result.message)) for result in judged)
    return [{"name": f"Accuracy in %: {line}", "value": float(match[1])} for line, match in accuracies if match]


def _metadata(root: Path) -> dict[str, Any]:
    """Read submission_metadata.json; without it only the names and the due date are unknown."""
    try:
        about = json.loads((root / "submission_metadata.json").read_bytes())
    except (OSError, ValueError) as error:
        print(f"submission_metadata.json cannot be read ({error}); grading without the name and the due date.")
        return {}
    return about if isinstance(about, dict) else {}


def _names(about: dict[str, Any]) -> str:
    users = [str(user.get("name") or user.get("email")) for user in about.get("users") or [] if isinstance(user, dict)]
    return ", ".join(users) or "submission"


def _late_s(about: dict[str, Any]) -> int:
    """Return the seconds after the due date, 0 if there is none. The penalty is up to Gradescope's own policy.

    A student's own due date, of an extension, is among the users; a group has the latest of its members.
    """
    try:
        users = (user.get("assignment") or {} for user in about.get("users") or ())
        own = [datetime.fromisoformat(user["due_date"]) for user in users if isinstance(user.get("due_date"), str)]
        due = max(own) if own else datetime.fromisoformat(about["assignment"]["due_date"])
        return max(0, round((datetime.fromisoformat(about["created_at"]) - due).total_seconds()))
    except (AttributeError, KeyError, TypeError, ValueError):
        return 0


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1])))
