"""Scaffold of an assignment: both folders with a small working example, a section of the solution, a list entry."""

import re
from pathlib import Path

from gradeprop.core.errors import CourseError
from gradeprop.core.paths import AssignmentPaths, CoursePaths
from gradeprop.core.storage import write_bytes
from gradeprop.course.config import read_course

_TEMPLATE = Path(__file__).parent / "templates" / "assignment"
_NAME, _TASK = "my_assignment", "Task 0."  # the placeholders in all files of the template
_LIST = re.compile(r"^(assignments\s*=\s*\[[^\]]*?),?(\s*\])", re.MULTILINE)


def new_assignment(course: CoursePaths, name: str) -> AssignmentPaths:
    """Write source/<name> and grader_tests/<name>, and add the assignment to course.toml and the solution.

    Raises:
        CourseError: the name is invalid or already used; nothing is written.
    """
    paths = course.assignment(name)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise CourseError(f"{name!r} is not a valid name: use lower-case letters, digits and _", course.course_toml)
    for folder in (paths.source, paths.tests):
        if folder.exists():
            raise CourseError("already exists", folder)
    toml, replaced = _LIST.subn(rf'\g<1>, "{name}"\g<2>', course.course_toml.read_text(encoding="utf-8"), count=1)
    if not replaced:
        raise CourseError("contains no list of assignments", course.course_toml)
    number = len(read_course(course).assignments) + 1
    for part, folder in (("source", paths.source), ("grader_tests", paths.tests)):
        for file in sorted((_TEMPLATE / part).rglob("*")):
            if file.is_file() and file.suffix != ".pyc":
                relative = str(file.relative_to(_TEMPLATE / part)).replace(_NAME, name)
                write_bytes(_fill_in(file, name, number).encode(), folder / relative)
    solution = course.solution.read_text(encoding="utf-8").rstrip() + "\n\n\n"
    write_bytes((solution + _fill_in(_TEMPLATE / "section.py", name, number)).encode(), course.solution)
    write_bytes(toml.replace("[, ", "[").encode(), course.course_toml)
    read_course(course)
    return paths


def _fill_in(file: Path, name: str, number: int) -> str:
    """Read a file of the template; tasks are numbered by assignment, so that each id is unique in the course."""
    return file.read_text(encoding="utf-8").replace(_NAME, name).replace(_TASK, f"Task {number}.")
