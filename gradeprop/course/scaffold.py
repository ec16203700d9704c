"""Scaffolds: a course in an empty folder; an assignment, with a small working example in each of its files."""

import contextlib
import importlib.metadata
import json
import platform
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from gradeprop.core.errors import CourseError
from gradeprop.core.paths import AssignmentPaths, CoursePaths, refuse_odd_path, tree
from gradeprop.core.storage import write_bytes
from gradeprop.course import known_answers
from gradeprop.course.config import read_course

_TEMPLATES = Path(__file__).parent / "templates"
_TEMPLATE = _TEMPLATES / "assignment"
_NAME, _TASK = "my_assignment", "Task 0."  # the placeholders in all files of the template
_GAP = "\n\n\n"  # before a section of the solution
_LIST = re.compile(r"^(assignments\s*=\s*\[[^\]]*?),?(\s*\])", re.MULTILINE)
_PLACES = {  # file of the template of a course → its place in the course
    "course.toml": "source/course.toml",
    "student_code.py": "source/student_code.py",
    "nbgrader_config.py": "nbgrader_config.py",
    "README.md": "README.md",
    "gitignore": ".gitignore",
}
_GIVEN = (  # helpers that do not depend on this course's data sets
    *("__init__.py", "bring_forward.py", "check.py", "check_process.py", "environment.py", "explain.py"),
    *("first_look.py", "guesses.py", "listing.py", "live_output.py", "merge.py", "submit.py"),
    *(f"front/{name}" for name in ("AGENTS.md", "GLOSSARY.md", "README.md", "SYLLABUS.md", "requirements.txt")),
)
_MODULES = {  # module → distribution: what a course promises its students, as far as it is installed here
    **{name: name for name in ("torch", "torchvision", "numpy", "matplotlib", "pandas", "scipy", "safetensors")},
    **{"PIL": "pillow", "sklearn": "scikit-learn", "tqdm": "tqdm"},
}


def new_course(folder: Path, title: str) -> CoursePaths:
    """Write a course without assignments into a folder that is new or empty, but for hidden files such as .git.

    Raises:
        CourseError: the folder contains other files, or its path cannot be used; nothing is written.
    """
    refuse_odd_path(folder.resolve())
    if folder.exists() and (found := [file.name for file in folder.iterdir() if not file.name.startswith(".")]):
        raise CourseError(f"is not empty: it contains {min(found)}", folder)
    values = {
        "title": title,
        "quoted title": json.dumps(title, ensure_ascii=False),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "modules": "\n".join(f'{module} = "{version}"' for module, version in _installed()),
    }
    for name, place in _PLACES.items():
        text = (_TEMPLATES / "course" / name).read_text(encoding="utf-8")
        for key, value in values.items():
            text = text.replace(f"@{key}@", value)
        write_bytes(text.encode(), folder / place)
    course = CoursePaths(folder)
    for name in _GIVEN:
        write_bytes((_TEMPLATES / "given" / name).read_bytes(), course.given / name)
    read_course(course)
    return course


def _installed() -> Iterator[tuple[str, str]]:
    for module, distribution in _MODULES.items():
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            yield module, ".".join(importlib.metadata.version(distribution).split(".")[:2])


def new_assignment(course: CoursePaths, name: str) -> AssignmentPaths:
    """Write source/<name> and grader_tests/<name>, and add the assignment to course.toml and the solution.

    If anything fails, the course is as it was.

    Raises:
        CourseError: the name is invalid or already used.
    """
    paths = course.assignment(name)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        message = f"{name!r} is not a valid name: begin with a lower-case letter; letters, digits and _ may follow"
        raise CourseError(message, course.course_toml)
    for folder in (paths.source, paths.tests):
        if folder.exists():
            raise CourseError("already exists", folder)
    toml, solution = (file.read_text(encoding="utf-8") for file in (course.course_toml, course.solution))
    longer, replaced = _LIST.subn(rf'\g<1>, "{name}"\g<2>', toml, count=1)
    if not replaced:
        raise CourseError("contains no list of assignments", course.course_toml)
    files, section = _files(paths, len(read_course(course).assignments) + 1)
    try:
        for file, data in files.items():
            write_bytes(data, file)
        write_bytes(f"{solution.rstrip()}{_GAP}{section}".encode(), course.solution)
        write_bytes(longer.replace("[, ", "[").encode(), course.course_toml)
        read_course(course)
    except BaseException:
        _remove(paths, toml, solution)
        raise
    return paths


def undo_new_assignment(course: CoursePaths, name: str) -> None:
    """Remove what ``new_assignment`` wrote, if none of it has changed.

    Raises:
        CourseError: the assignment does not exist, or was edited; nothing is removed.
    """
    paths = course.assignment(name)
    if name not in read_course(course).assignments:
        raise CourseError(f"lists no assignment {name!r}", course.course_toml)
    toml, solution = (file.read_text(encoding="utf-8") for file in (course.course_toml, course.solution))
    _, own, _ = known_answers.section(solution, name)
    number = re.search(r"Task (\d+)\.", own)  # its place in the list may have changed
    files, section = _files(paths, int(number[1]) if number else 0)
    for file in {*files, *tree(paths.source), *tree(paths.tests)}:
        if not file.is_file() or file.read_bytes() != files.get(file):
            raise CourseError("was edited since it was created; remove the assignment by hand", file)
    if solution.count(section) != 1:
        raise CourseError(f"the section {name} was edited; remove the assignment by hand", course.solution)
    entry = rf"""(, )?["']{name}["'](, (?=["'])|,)?"""
    shorter = _LIST.sub(
        lambda found: re.sub(entry, lambda each: ", " if all(each.groups()) else "", found[0], count=1), toml, count=1
    )
    if shorter == toml:
        raise CourseError("contains the list in an unusual form; remove the assignment by hand", course.course_toml)
    _remove(paths, shorter, solution.replace(section, "").rstrip() + "\n")


def _remove(paths: AssignmentPaths, toml: str, solution: str) -> None:
    """Remove both folders, and write course.toml and the solution as they were."""
    write_bytes(toml.encode(), paths.course.course_toml)
    write_bytes(solution.encode(), paths.course.solution)
    for folder in (paths.source, paths.tests):
        shutil.rmtree(folder, ignore_errors=True)


def _files(paths: AssignmentPaths, number: int) -> tuple[dict[Path, bytes], str]:
    """Build a new assignment: the content of each file, and the section of the solution."""
    files = {}
    for part, folder in (("source", paths.source), ("grader_tests", paths.tests)):
        for file in tree(_TEMPLATE / part):
            relative = str(file.relative_to(_TEMPLATE / part)).replace(_NAME, paths.name)
            files[folder / relative] = _fill_in(file, paths.name, number).encode()
    return files, _fill_in(_TEMPLATE / "section.py", paths.name, number)


def _fill_in(file: Path, name: str, number: int) -> str:
    """Read a file of the template; tasks are numbered by assignment, so that each id is unique in the course."""
    return file.read_text(encoding="utf-8").replace(_NAME, name).replace(_TASK, f"Task {number}.")
