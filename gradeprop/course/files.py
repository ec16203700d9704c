"""Files of an assignment that are released, sent to the jail or given to students."""

import json
from pathlib import Path

from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import CourseError
from gradeprop.core.paths import GIVEN, GRADER, AssignmentPaths


def read_text(file: Path) -> str:
    """Read a file of the course.

    Raises:
        CourseError: it cannot be read, or is not UTF-8.
    """
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise CourseError(f"cannot be read: {error.strerror}", file) from error
    except UnicodeDecodeError as error:
        raise CourseError("is not UTF-8 text; save it as UTF-8", file) from error


def read_probes(file: Path) -> bytes:
    """Read the source of the probes.

    Raises:
        CourseError: the file is missing.
    """
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise CourseError("the file does not exist; it must contain the probes of student code", file) from None


def given_files(paths: AssignmentPaths, names: tuple[str, ...]) -> dict[str, bytes]:
    """Read the given files of an assignment: name in a submission → content.

    Raises:
        CourseError: one of them is missing.
    """
    try:
        return {f"{GIVEN}/{name}": (paths.course.given / name).read_bytes() for name in names}
    except FileNotFoundError as error:
        missing = Path(str(error.filename)).name
        raise CourseError(f"given lists {missing}, which is not in source/given", paths.toml) from None


def grader_file(assignment: Assignment) -> dict[str, bytes]:
    """Build given/grader.json, which tells students what runs their code; {} if the course does not say it."""
    grader = assignment.grader
    if not grader.python:
        return {}
    content = {"schema": 1, "python": grader.python, "modules": grader.modules}
    return {f"{GIVEN}/{GRADER}": json.dumps(content, indent=1).encode() + b"\n"}
