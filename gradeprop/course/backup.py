"""Back up a course into one file, and restore it: material, submissions, grades and the gradebook."""

import contextlib
import io
import os
import re
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

from gradeprop.core.errors import CourseError
from gradeprop.core.paths import CoursePaths, refuse_odd_path

_NOT_KEPT = {"data", "demo", "build", "dist", "node_modules"}  # and hidden folders: what can be made or fetched again
_RUNNING = (".lock", ".grading-")
_BACKUP = re.compile(r"-\d{4}-\d\d-\d\d\.tar\.gz$")
"""the end of the name that the command gives a backup"""


def files_to_keep(course: CoursePaths) -> tuple[list[Path], list[Path]]:
    """Return every regular file of a course, and the links in it, which are not followed.

    Left out is what can be made again (caches, environments, data sets), earlier backups, and the gradebook, which
    another program may be writing.
    """
    top = [each for each in sorted(course.root.iterdir()) if each.name not in _NOT_KEPT and each != course.gradebook]
    top = [each for each in top if not _BACKUP.search(each.name)]
    found = [file for each in top for file in _files(each) if not each.name.startswith(".") or each.is_file()]
    return [file for file in found if not file.is_symlink()], [file for file in found if file.is_symlink()]


def _files(path: Path) -> Iterator[Path]:
    if path.is_symlink() or path.is_file():
        yield path
        return
    for folder, folders, names in os.walk(path):
        yield from (Path(folder, name) for name in folders if Path(folder, name).is_symlink())
        folders[:] = [name for name in folders if name != "__pycache__" and not name.startswith(_RUNNING)]
        yield from (Path(folder, name) for name in names if not name.startswith(_RUNNING))


def write_backup(course: CoursePaths, files: list[Path], target: Path, tick: Callable[[], None]) -> None:
    """Write the files of a course, and a consistent copy of its SQLite gradebook, into a new compressed archive.

    The archive has its name only when it is complete.

    Raises:
        CourseError: the archive exists already, or the gradebook cannot be read.
    """
    if os.path.lexists(target):
        raise CourseError("exists already; a backup never replaces another", target)
    part = target.with_name(f".{target.name}.part")
    try:
        part.touch(0o600)  # it holds grades, and perhaps a key
        with tarfile.open(part, "w:gz", compresslevel=3) as archive:
            for file in files:
                if file.absolute() != part.absolute():
                    archive.add(file, str(file.relative_to(course.root)), recursive=False)
                tick()
            if course.gradebook.is_file():
                data = _copy_of_database(course.gradebook)
                entry = tarfile.TarInfo(course.gradebook.name)
                entry.size, entry.mode = len(data), 0o600
                archive.addfile(entry, io.BytesIO(data))
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)


def _copy_of_database(file: Path) -> bytes:
    """Return the bytes of an SQLite database as of one moment, whatever is being written to it."""
    try:
        with (
            contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as source,
            contextlib.closing(sqlite3.connect(":memory:")) as copy,
        ):
            source.backup(copy)
            return copy.serialize()
    except sqlite3.Error as error:
        raise CourseError(f"cannot be read: {error}", file) from error


def restore_backup(archive: Path, folder: Path, tick: Callable[[], None]) -> int:
    """Unpack a backup into a new or empty folder; return the number of files.

    Raises:
        CourseError: the folder is not empty or has an odd path, or the archive is damaged or not a backup.
    """
    refuse_odd_path(folder.resolve())
    if folder.exists() and any(folder.iterdir()):
        raise CourseError("is not empty; a backup is restored to a new folder, so that nothing is overwritten", folder)
    count = 0
    try:
        with tarfile.open(archive, "r:gz") as packed:
            for entry in packed:
                packed.extract(entry, folder, filter="data")
                count += 1
                tick()
    except (tarfile.TarError, EOFError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CourseError(f"cannot be restored after {count} files: {reason}", archive) from error
    return count
