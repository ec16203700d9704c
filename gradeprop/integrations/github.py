"""Workflows for GitHub Actions, and the commit statuses by which students learn their points.

    <to>/students/.github/workflows/checks.yml     the public checks on every push; uses no secret
    <to>/instructors/.github/workflows/<hw>.yml    grades in the private repository of the course
    <to>/instructors/.github/students.txt          the accounts whose repositories are fetched

The status on a student's commit has the points and the SHA-256 of the graded files; the artifact of the run has the
feedback pages. If a grade is on hold, the status is ``error``, never zero points.
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
from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import CourseError, JailError
from gradeprop.core.models import GradeRecord
from gradeprop.core.paths import CoursePaths, StudentPaths, student_key

_TEMPLATES = Path(__file__).parent / "templates"
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}")
_MAX_DESCRIPTION = 140
"""characters that GitHub allows in a commit status"""
_STUDENTS = "# One GitHub account per line. Each student's repository is called {hw}-<account>.\n"


def is_account(name: str) -> bool:
    """Return True if GitHub allows an account or organisation of this name."""
    return _ACCOUNT.fullmatch(name) is not None


def workflows(assignment: Assignment, organisation: str) -> dict[str, str]:
    """Return the files by their names.

    Raises:
        CourseError: GitHub allows no organisation of this name.
    """
    if not is_account(organisation):
        message = f"{organisation!r} is not a valid GitHub name; expected letters, digits and -"
        raise CourseError(message, "--organisation")
    grade = (_TEMPLATES / "github_grade.yml").read_text(encoding="utf-8")
    for mark, text in {"@HW@": assignment.name, "@ORGANISATION@": organisation}.items():
        grade = grade.replace(mark, text)
    return {
        "students/.github/workflows/checks.yml": (_TEMPLATES / "github_checks.yml").read_text(encoding="utf-8"),
        f"instructors/.github/workflows/{assignment.name}.yml": grade,
        "instructors/.github/students.txt": _STUDENTS.format(hw=assignment.name),
    }


def set_statuses(course: CoursePaths, name: str, organisation: str, prefix: str) -> list[str]:
    """Set a status on the commit of each student whose grade is new; return warnings about those that failed.

    The workflow sets the environment variables GITHUB_API_URL and TOKEN.

    Args:
        course: with the commits that the workflow fetched.
        name: of the assignment.
        organisation: the owner of the students' repositories.
        prefix: a student's repository is called ``<prefix><student>``.
    """
    warnings = []
    for student, commit in _fetched_commits(course):
        paths = StudentPaths(course.assignment(name).autograded / student_key(student))
        sent = course.cache / "statuses" / name / student
        if not paths.record.is_file():
            warnings.append(f"{student} has no grade record yet.")
            continue
        status = _status(storage.read(GradeRecord, paths.record))
        line = msgspec.json.encode([commit, status])
        if sent.is_file() and sent.read_bytes() == line:
            continue
        url = f"{os.environ['GITHUB_API_URL']}/repos/{organisation}/{prefix}{student}/statuses/{commit}"
        try:
            _post(url, status)
            storage.write_bytes(line, sent)
        except (OSError, JailError) as error:
            warnings.append(f"The commit status of {student} could not be set: {error}")
    return warnings


def _fetched_commits(course: CoursePaths) -> Iterator[tuple[str, str]]:
    """Yield each student whose repository was fetched, with the commit."""
    for file in sorted((course.cache / "heads").iterdir()):
        yield file.name, file.read_text().strip()


def _status(record: GradeRecord) -> dict[str, str]:
    on_hold = record.status != "graded" or record.held is not None
    points = f"{record.points:g} of {record.possible:g} points, SHA-256 {record.sha256[:12]}"
    text = f"on hold for your instructor; this is not a zero. {record.attention}" if on_hold else points
    return {
        "context": f"gradeprop/{record.assignment}",
        "state": "error" if on_hold else "success",
        "description": text.strip()[:_MAX_DESCRIPTION],
    }


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
    failed = set_statuses(CoursePaths.find(Path()), *sys.argv[1:])
    for warning in failed:
        print(f"::warning::{warning}")
    sys.exit(bool(failed))
