"""Workflows for GitHub Actions, and the commit statuses by which students learn their points.

    <to>/students/.github/workflows/checks.yml     the public checks on every push; uses no secret
    <to>/instructors/.github/workflows/<hw>.yml    grades in the private repository of the course
    <to>/instructors/.github/students.txt          the accounts whose repositories are fetched
    <to>/classroom50/autograder.py                 the public checks for Classroom 50

The status on a student's commit has the points and the SHA-256 of the graded files; the artifact of the run has the
feedback pages. If a grade is on hold, the status is ``error``, never zero points.
Source: docs.github.com, REST API, Commit statuses.
"""

import codecs
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
from gradeprop.core.paths import CoursePaths, student_key
from gradeprop.core.sanitize import for_markdown_line

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
    autograder = (_TEMPLATES / "classroom50_autograder.py").read_text(encoding="utf-8")
    for mark, text in {"@HW@": assignment.name, "@ORGANISATION@": organisation}.items():
        grade = grade.replace(mark, text)
    return {
        "students/.github/workflows/checks.yml": (_TEMPLATES / "github_checks.yml").read_text(encoding="utf-8"),
        "classroom50/autograder.py": autograder.replace("@HW@", assignment.name),
        f"instructors/.github/workflows/{assignment.name}.yml": grade,
        "instructors/.github/students.txt": _STUDENTS.format(hw=assignment.name),
    }


def set_statuses(course: CoursePaths, name: str, organisation: str, prefix: str) -> list[str]:
    """Set a status on the commit of each student whose grade is new; return warnings about those that failed.

    The workflow sets the environment variables GITHUB_API_URL and TOKEN.

    Args:
        prefix: a student's repository is called ``<prefix><student>``.
    """
    warnings = []
    for student, commit, record in _fetched(course, name):
        sent = course.cache / "statuses" / name / student
        if record is None:
            warnings.append(f"{student} has no grade record yet.")
            continue
        status = _status(record)
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


def _fetched(course: CoursePaths, name: str) -> Iterator[tuple[str, str, GradeRecord | None]]:
    """Yield each student whose repository was fetched, with the commit and the grade record, if there is one."""
    for head in sorted((course.cache / "heads").iterdir()):
        file = course.assignment(name).student(student_key(head.name)).record
        yield head.name, head.read_text().strip(), storage.read(GradeRecord, file) if file.is_file() else None


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


def read_accounts(file: Path) -> list[str]:
    """Read the list of students, as any editor saves it: one account per line, # begins a comment.

    Raises:
        CourseError: the file cannot be read, or a line is not an account.
    """
    try:
        data = file.read_bytes()
        text = data.decode("utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise CourseError(f"cannot be read as text in UTF-8 or UTF-16: {error}", file) from error
    accounts = []
    for number, line in enumerate(text.splitlines(), 1):
        name = line.partition("#")[0].strip()
        if name and not is_account(name):
            raise CourseError(f"{name!r} is not a GitHub account; expected letters, digits and -", file, number)
        if name:
            accounts.append(name)
    return list(dict.fromkeys(accounts))


def summary(course: CoursePaths, name: str) -> str:
    """Return the summary of a run as Markdown: a row for each student whose repository was fetched."""
    rows = ["| student | grade | remark |", "|---|---|---|"]
    for student, _, record in _fetched(course, name):
        if record is None:
            rows.append(f"| {for_markdown_line(student)} | – | no grade record yet |")
            continue
        points = f"{record.points:g} of {record.possible:g}" if record.status == "graded" else "on hold"
        remark = for_markdown_line(record.attention or record.reason)
        rows.append(f"| {for_markdown_line(student)} | {points} | {remark} |")
    return "\n".join([f"### {name}", "", *rows, ""])


def main(what: str, *words: str) -> int:
    """Do what a step of a workflow asks for; GitHub shows lines that begin with two colons as annotations."""
    try:
        if what == "accounts":
            print("\n".join(read_accounts(Path(words[0]))))
            return 0
        course = CoursePaths.find(Path())
        warnings = set_statuses(course, *words)
        with Path(os.environ.get("GITHUB_STEP_SUMMARY", os.devnull)).open("a", encoding="utf-8") as file:
            file.write(summary(course, words[0]))
    except CourseError as error:
        print(f"::error::{error}", file=sys.stderr)
        return 1
    for warning in warnings:
        print(f"::warning::{warning}")
    return int(bool(warnings))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
