"""Bundle of one assignment, and of the package, for grading on another machine: files by name, as bytes."""

import io
import re
import zipfile
from collections.abc import Container, Mapping
from importlib import metadata
from pathlib import Path

from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import CourseError
from gradeprop.core.paths import CoursePaths, tree
from gradeprop.course.files import given_files

_LIST = re.compile(r"^assignments\s*=\s*\[[^\]]*\]", re.MULTILINE)
_KNOWN_ANSWERS = frozenset({"wrong", "right"})  # `gradeprop verify` needs them, grading does not
_PACKAGE = Path(__file__).parents[1]
_BESIDE = ("pyproject.toml", "requirements.lock", "README.md", "LICENSE")
_BY_INSTALLER = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})
_EPOCH = (1980, 1, 1, 0, 0, 0)


def zip_files(files: Mapping[str, bytes], executable: Container[str] = ()) -> bytes:
    """Make a zip; the same files give the same bytes.

    Args:
        files: name → content.
        executable: names that get permission to execute.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in sorted(files.items()):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system, info.external_attr = 3, (0o100755 if name in executable else 0o100644) << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED, compresslevel=1)  # most of it is weights, or zip_files
    return buffer.getvalue()


def course_files(course: CoursePaths, assignment: Assignment) -> dict[str, bytes]:
    """Collect the files that grading one assignment reads, as a course of one assignment; hidden checks are included.

    Raises:
        CourseError: a file of the course is missing, or course.toml has no list of assignments.
    """
    paths = course.assignment(assignment.name)
    text, found = _LIST.subn(f'assignments = ["{assignment.name}"]', course.course_toml.read_text(encoding="utf-8"))
    if found != 1:
        raise CourseError("contains no list of assignments", course.course_toml)
    files = {"source/course.toml": text.encode(), "source/student_code.py": course.solution.read_bytes()}
    files |= {f"source/{name}": data for name, data in given_files(paths, assignment.given).items()}
    for folder in (paths.source, paths.tests):
        for file in tree(folder):
            if _KNOWN_ANSWERS.isdisjoint(file.relative_to(folder).parts[:1]):
                files[file.relative_to(course.root).as_posix()] = file.read_bytes()
    return files


def data_files(folder: Path) -> dict[str, bytes]:
    """Collect the files of a data set on disk."""
    return {file.relative_to(folder.parent).as_posix(): file.read_bytes() for file in tree(folder)}


def package_files() -> dict[str, bytes]:
    """Collect this package, ready for ``pip``: its sources, or a wheel; and tested versions of its dependencies.

    Raises:
        CourseError: the package has neither its sources nor an installation that is complete.
    """
    root = _PACKAGE.parent
    if all((root / name).is_file() for name in _BESIDE):
        files = {name: (root / name).read_bytes() for name in _BESIDE}
        return files | {file.relative_to(root).as_posix(): file.read_bytes() for file in tree(_PACKAGE)}
    try:
        return _wheel(metadata.distribution(_PACKAGE.name))
    except (metadata.PackageNotFoundError, OSError, ValueError) as error:
        message = f"is neither in its clone, with {', '.join(_BESIDE)} beside it, nor installed as a package: {error}"
        raise CourseError(message, _PACKAGE) from error


def _wheel(installed: metadata.Distribution) -> dict[str, bytes]:
    """Pack an installed package into a wheel again; the versions of all that is installed here are its constraints."""
    files = {
        file.as_posix(): Path(str(installed.locate_file(file))).read_bytes()
        for file in installed.files or ()
        if ".." not in file.parts and file.suffix != ".pyc" and file.name not in _BY_INSTALLER
    }
    about = next((name.rpartition("/")[0] for name in files if name.endswith(".dist-info/WHEEL")), "")
    if not about or Path(str(installed.locate_file(_PACKAGE.name))).resolve() != _PACKAGE.resolve():
        raise ValueError("it has no record of its files")
    files[f"{about}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{about}/RECORD"]).encode()
    others = (each for each in metadata.distributions() if each.name and each.name != installed.name)
    pins = {f"{each.name}=={each.version.partition('+')[0]}" for each in others}
    return {
        f"{installed.name}-{installed.version}-py3-none-any.whl": zip_files(files),
        "requirements.lock": "\n".join(sorted(pins, key=str.lower)).encode(),
    }
