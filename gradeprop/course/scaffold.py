"""A new assignment: both its folders with a small working example, its part of the solution, its place in the list."""

import re
from pathlib import Path

from gradeprop.core.errors import CourseError
from gradeprop.core.paths import AssignmentPaths, CoursePaths
from gradeprop.core.storage import write_bytes
from gradeprop.course.config import read_course

_TEMPLATE = Path(__file__).parent / "templates" / "assignment"
_NAME = "my_assignment"  # throughout the template
_LIST = re.compile(r"^(assignments\s*=\s*\[[^\]]*?),?(\s*\])", re.MULTILINE)


def new(course: CoursePaths, name: str) -> AssignmentPaths:
    """Make source/<name> and grader_tests/<name>, and name them in source/course.toml and source/student_code.py.

    Raises:
        CourseError: the name cannot be one, or is taken; nothing is written.
    """
    paths = course.assignment(name)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise CourseError(f"{name!r} cannot be a name here: take small letters, digits and _", course.course_toml)
    for folder in (paths.source, paths.tests):
        if folder.exists():
            raise CourseError("is there already", folder)
    listed, found = _LIST.subn(rf'\g<1>, "{name}"\g<2>', course.course_toml.read_text(encoding="utf-8"), count=1)
    if not found:
        raise CourseError("no list of assignments could be found in it", course.course_toml)
    for part, folder in (("source", paths.source), ("grader_tests", paths.tests)):
        for file in sorted((_TEMPLATE / part).rglob("*")):
            if file.is_file() and file.suffix != ".pyc":
                relative = str(file.relative_to(_TEMPLATE / part)).replace(_NAME, name)
                write_bytes(_filled(file, name).encode(), folder / relative)
    solution = course.solution.read_text(encoding="utf-8").rstrip() + "\n\n\n"
    write_bytes((solution + _filled(_TEMPLATE / "section.py", name)).encode(), course.solution)
    write_bytes(listed.replace("[, ", "[").encode(), course.course_toml)
    read_course(course)
    return paths


def _filled(file: Path, name: str) -> str:
    return file.read_text(encoding="utf-8").replace(_NAME, name)
