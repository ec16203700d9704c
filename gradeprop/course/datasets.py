"""Data sets of the course: which of them are on this machine, and how to get the others.

``[held-out.<name>]`` names the module of source/given that loads the data set. That module has

    fetch()      download what is missing, if it can be downloaded, and check all of it
    PUBLISHED    the names of its files and folders, as published
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import CourseError
from gradeprop.core.paths import GIVEN, CoursePaths, holds_any
from gradeprop.course.config import read_assignment, read_course

_FETCH = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
module = importlib.import_module(sys.argv[2])
try:
    module.fetch()
except Exception as error:
    if not isinstance(error, OSError) and not type(error).__module__.startswith("given."):
        raise
    print(error)
    sys.exit(1)
"""
_PUBLISHED = (
    "import importlib, sys; sys.path.insert(0, sys.argv[1]); print(*importlib.import_module(sys.argv[2]).PUBLISHED)"
)


@dataclass(frozen=True)
class Dataset:
    """A data set other than the sample."""

    name: str
    loader: str
    """module of source/given; "" if the course has none"""
    assignments: tuple[str, ...]
    required_by: tuple[str, ...]
    """assignments that are graded on it alone"""
    files: tuple[str, ...]
    """a folder has it if it holds one of them, or if none is named"""
    folder: Path | None
    """where it is on this machine"""


def list_datasets(course: CoursePaths) -> list[Dataset]:
    """List the data sets of all assignments, in the order of the course."""
    assignments = [read_assignment(course, name) for name in read_course(course).assignments]
    names = dict.fromkeys(name for one in assignments for name in one.held_out if name != "sample")
    return [_dataset(course, name, [one for one in assignments if name in one.held_out]) for name in names]


def _dataset(course: CoursePaths, name: str, assignments: Sequence[Assignment]) -> Dataset:
    about = [one.held_out[name] for one in assignments]
    files = about[0].files
    folder = course.data_folder(name, files)
    return Dataset(
        name=name,
        loader=next((each.loader for each in about if each.loader), ""),
        assignments=tuple(one.name for one in assignments),
        required_by=tuple(one.name for one in assignments if one.held_out[name].required),
        files=files,
        folder=folder if holds_any(folder, files) else None,
    )


def fetch(course: CoursePaths, dataset: Dataset) -> Path:
    """Download a data set, if it is not on this machine, and check it; return its folder.

    Raises:
        CourseError: it could not be downloaded, or is damaged.
    """
    _run(course, dataset, _FETCH)
    return _found(course, dataset)


def place(course: CoursePaths, dataset: Dataset, source: Path) -> Path:
    """Copy a data set from a folder, a file or an archive to the downloads; return its folder there.

    It is checked before it takes the place of what is there.

    Raises:
        CourseError: the source has none of its files, or they are incomplete or damaged.
    """
    names = _run(course, dataset, _PUBLISHED).split()
    course.downloads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=course.downloads, prefix=".incoming-") as scratch:
        incoming = Path(scratch) / "gradeprop"
        (incoming / dataset.name).mkdir(parents=True)
        for name in names:
            _copy(name, source, incoming / dataset.name)
        if not holds_any(incoming / dataset.name, dataset.files):
            raise CourseError(f"has no {' or '.join(dataset.files)}, one of which {dataset.name} needs", source)
        elsewhere = {"GRADEPROP_DATA": str(incoming), "XDG_CACHE_HOME": scratch}  # computes nothing from older files
        _run(course, dataset, _FETCH, elsewhere)
        for folder in incoming.iterdir():
            _merge(folder, course.downloads / folder.name)
    return course.downloads / dataset.name


def _merge(folder: Path, target: Path) -> None:
    """Move what is in a folder to another one, in place of what has its name there."""
    target.mkdir(exist_ok=True)
    for new in folder.iterdir():
        if (old := target / new.name).is_dir():
            shutil.rmtree(old)
        new.replace(target / new.name)


def _copy(name: str, source: Path, to: Path) -> None:
    """Copy a published file or folder from a file of that name, a folder, or an archive, if it is there."""
    if source.is_dir():
        found = next(iter([source / name] if (source / name).exists() else sorted(source.rglob(name))), None)
    else:
        found = source if source.name == name else None
    if found is None:
        with _member(source, name) as stream:
            if stream is not None:
                with (to / name).open("wb") as out:
                    shutil.copyfileobj(stream, out)
    elif found.is_dir():
        shutil.copytree(found, to / name)
    else:
        shutil.copyfile(found, to / name)


@contextmanager
def _member(archive: Path, name: str) -> Iterator[IO[bytes] | None]:
    """Open the file of this name in a zip or tar, whatever folder it is in there; None without one."""
    if archive.is_file() and zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            inside = next((each for each in opened.namelist() if each.rpartition("/")[2] == name), None)
            if inside is not None:
                with opened.open(inside) as stream:
                    yield stream
                return
    elif archive.is_file() and tarfile.is_tarfile(archive):
        with tarfile.open(archive) as opened_tar:
            member = next((each for each in opened_tar if each.isfile() and Path(each.name).name == name), None)
            if member is not None:
                yield opened_tar.extractfile(member)
                return
    yield None


def _run(course: CoursePaths, dataset: Dataset, program: str, variables: Mapping[str, str] = {}) -> str:
    """Run a program with the loader's module; return what it printed. Bars on stderr are shown."""
    file = course.given / f"{dataset.loader}.py"
    if not dataset.loader or not file.is_file():
        message = f"[held-out.{dataset.name}] names no loader in source/given, so put its files into a folder yourself"
        raise CourseError(message, course.assignment(dataset.assignments[0]).toml)
    command = [sys.executable, "-P", "-c", program, str(course.source.resolve()), f"{GIVEN}.{dataset.loader}"]
    environment = {**os.environ, **variables, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, encoding="utf-8", check=False)
    if done.returncode != 0:
        raise CourseError(done.stdout.strip() or f"{file} ended in the error above", f"data set {dataset.name}")
    return done.stdout


def _found(course: CoursePaths, dataset: Dataset) -> Path:
    found = next((each.folder for each in list_datasets(course) if each.name == dataset.name), None)
    if found is None:
        raise CourseError(f"fetch() has left none of the files of [held-out.{dataset.name}]", dataset.loader)
    return found
