"""GitHub: the workflows of an assignment, and what the grading one tells students.

    <to>/students/.github/workflows/checks.yml     public checks on every push; holds no secret
    <to>/instructors/.github/workflows/<hw>.yml    grades in the private repository of the course
    <to>/instructors/.github/students.txt          whose repositories to fetch

A student learns points and the SHA-256 of what was graded from a status on their commit; the page with all else is in
the artifact of the run. A status says ``error`` where a grade is held back, never zero points.
Source: docs.github.com, REST API, Commit statuses.
"""

import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gradeprop.core import storage
from gradeprop.core.errors import CourseError, JailError
from gradeprop.core.models import Assignment, GradeRecord
from gradeprop.core.paths import CoursePaths, StudentPaths, student_key

_TEMPLATES = Path(__file__).parent / "templates"
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}")
_STUDENTS = "# one account of GitHub per line; whose repository is called {hw}-<account>\n"


def workflows(assignment: Assignment, organisation: str) -> dict[str, str]:
    """The files by name.

    Raises:
        CourseError: the organisation cannot be one.
    """
    if not _ACCOUNT.fullmatch(organisation):
        raise CourseError(f"{organisation!r} is no name that GitHub gives: letters, digits and -", "--organisation")
    filled = {"@HW@": assignment.name, "@ORGANISATION@": organisation}
    grade = (_TEMPLATES / "github_grade.yml").read_text(encoding="utf-8")
    for mark, text in filled.items():
        grade = grade.replace(mark, text)
    return {
        "students/.github/workflows/checks.yml": (_TEMPLATES / "github_checks.yml").read_text(encoding="utf-8"),
        f"instructors/.github/workflows/{assignment.name}.yml": grade,
        "instructors/.github/students.txt": _STUDENTS.format(hw=assignment.name),
    }


def tell(course: CoursePaths, name: str, organisation: str, prefix: str) -> list[str]:
    """Set a status on the commit of each student whose grade is new; sentences on what could not be told.

    GITHUB_API_URL and TOKEN are the workflow's.
    """
    said = []
    for student, commit in _heads(course):
        kept = StudentPaths(course.assignment(name).autograded / student_key(student))
        told = course.cache / "told" / name / student
        if not kept.record.is_file():
            said.append(f"{student} has no record yet.")
            continue
        status = _status(storage.read(GradeRecord, kept.record))
        line = msgspec.json.encode([commit, status])
        if told.is_file() and told.read_bytes() == line:
            continue
        url = f"{os.environ['GITHUB_API_URL']}/repos/{organisation}/{prefix}{student}/statuses/{commit}"
        try:
            _post(url, status)
            storage.write_bytes(line, told)
        except (OSError, JailError) as error:
            said.append(f"{student} could not be told: {error}")
    return said


def _heads(course: CoursePaths) -> Iterator[tuple[str, str]]:
    """The students whose repositories were fetched, and at which commit."""
    for file in sorted((course.cache / "heads").iterdir()):
        yield file.name, file.read_text().strip()


def _status(record: GradeRecord) -> dict[str, str]:
    held = record.status != "graded"
    points = f"{record.points:g} of {record.possible:g} points, SHA-256 {record.sha256[:12]}"
    text = "held for your instructor; this is no zero" if held else points
    return {"context": f"gradeprop/{record.assignment}", "state": "error" if held else "success", "description": text}


def _post(url: str, status: dict[str, str]) -> None:
    headers = {
        "Authorization": f"Bearer {os.environ['TOKEN']}",
        "Accept": "application/vnd.github+json",
        "Content-Type": "application/json",
    }
    request = urllib.request.Request(url, msgspec.json.encode(status), headers, method="POST")
    with urllib.request.urlopen(request, timeout=30):
        pass


if __name__ == "__main__":
    failed = tell(CoursePaths.find(Path()), *sys.argv[1:])
    for sentence in failed:
        print(f"::warning::{sentence}")
    sys.exit(bool(failed))
