"""The part of a course that grades one assignment elsewhere, and the package with it: files by name, as bytes."""

import io
import re
import zipfile
from collections.abc import Container, Mapping
from pathlib import Path

from gradeprop.core.errors import CourseError
from gradeprop.core.models import Assignment
from gradeprop.core.paths import CoursePaths, tree
from gradeprop.course.files import given_files

_LIST = re.compile(r"^assignments\s*=\s*\[[^\]]*\]", re.MULTILINE)
_PROOF = frozenset({"wrong", "right"})  # what `gradeprop verify` needs and grading does not
_PACKAGE = Path(__file__).parents[1]
_BESIDE = ("pyproject.toml", "requirements.lock", "README.md", "LICENSE")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def zipped(files: Mapping[str, bytes], programs: Container[str] = ()) -> bytes:
    """A zip; the same files give the same bytes. ``programs`` may be started."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in sorted(files.items()):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system, info.external_attr = 3, (0o100755 if name in programs else 0o100644) << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED, compresslevel=1)  # most of it is weights, or zipped
    return made.getvalue()


def course_files(course: CoursePaths, assignment: Assignment) -> dict[str, bytes]:
    """What grading one assignment reads, the hidden checks and the reference too; as a course of one assignment.

    Raises:
        CourseError: a file of the course is missing, or has no list of assignments.
    """
    paths = course.assignment(assignment.name)
    text, found = _LIST.subn(f'assignments = ["{assignment.name}"]', course.course_toml.read_text(encoding="utf-8"))
    if found != 1:
        raise CourseError("no list of assignments could be found in it", course.course_toml)
    files = {"source/course.toml": text.encode(), "source/student_code.py": course.solution.read_bytes()}
    files |= {f"source/{name}": data for name, data in given_files(paths, assignment.given).items()}
    for folder in (paths.source, paths.tests):
        for file in tree(folder):
            if _PROOF.isdisjoint(file.relative_to(folder).parts[:1]):
                files[file.relative_to(course.root).as_posix()] = file.read_bytes()
    return files


def data_files(folder: Path) -> dict[str, bytes]:
    """A data set as it lies on disk."""
    return {file.relative_to(folder.parent).as_posix(): file.read_bytes() for file in tree(folder)}


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
    return files | {file.relative_to(root).as_posix(): file.read_bytes() for file in tree(_PACKAGE)}
