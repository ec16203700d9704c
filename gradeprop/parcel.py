"""The part of a course that grades one assignment elsewhere, and the package with it: files by name, as bytes."""

import re
from collections.abc import Iterator
from pathlib import Path

from gradeprop.errors import CourseError
from gradeprop.observe import given_files
from gradeprop.paths import Bundle
from gradeprop.records import Assignment

_LIST = re.compile(r"^assignments\s*=\s*\[[^\]]*\]", re.MULTILINE)
_PROOF = frozenset({"wrong", "right"})  # what `gradeprop verify` needs and grading does not
_PACKAGE = Path(__file__).parent
_BESIDE = ("pyproject.toml", "requirements.lock", "README.md", "LICENSE")


def course_files(bundle: Bundle, assignment: Assignment) -> dict[str, bytes]:
    """What grading one assignment reads, the hidden checks and the reference too; as a course of one assignment.

    Raises:
        CourseError: a file of the course is missing, or has no list of assignments.
    """
    paths = bundle.assignment(assignment.name)
    text, found = _LIST.subn(f'assignments = ["{assignment.name}"]', bundle.course_toml.read_text(encoding="utf-8"))
    if found != 1:
        raise CourseError("no list of assignments could be found in it", bundle.course_toml)
    files = {"source/course.toml": text.encode(), "source/student_code.py": bundle.solution.read_bytes()}
    files |= {f"source/{name}": data for name, data in given_files(paths, assignment.given).items()}
    for folder in (paths.source, paths.tests):
        for file in _files(folder):
            if _PROOF.isdisjoint(file.relative_to(folder).parts[:1]):
                files[file.relative_to(bundle.root).as_posix()] = file.read_bytes()
    return files


def data_files(folder: Path) -> dict[str, bytes]:
    """A data set as it lies on disk."""
    return {file.relative_to(folder.parent).as_posix(): file.read_bytes() for file in _files(folder)}


def package_files() -> dict[str, bytes]:
    """This package as ``pip`` takes it, with the versions that were tested together.

    Raises:
        CourseError: it was installed without its sources.
    """
    root = _PACKAGE.parent
    if missing := [name for name in _BESIDE if not (root / name).is_file()]:
        message = f"{', '.join(missing)} is not beside the package; run this from the clone, after make setup"
        raise CourseError(message, root)
    files = {name: (root / name).read_bytes() for name in _BESIDE}
    return files | {file.relative_to(root).as_posix(): file.read_bytes() for file in _files(_PACKAGE)}


def _files(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        inner = file.relative_to(folder).parts
        if file.is_file() and file.suffix != ".pyc" and not any(part.startswith((".", "__pyc")) for part in inner):
            yield file
