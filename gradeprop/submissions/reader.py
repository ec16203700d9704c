"""Safe reader of a student's folder or zip: one entry for each file, none trusted.

A folder is walked by descriptors and without following links, so that swapping a file meanwhile gains nothing. A file
with a second name (a hard link) is refused like a symbolic link: on a shared disk it may be somebody else's file.
"""

import contextlib
import errno
import os
import stat
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gradeprop.core.errors import SubmissionError
from gradeprop.core.sanitize import filename
from gradeprop.submissions.entry import (
    MAX_DEPTH,
    MAX_ENTRIES,
    Entry,
    Refused,
    Unreadable,
    is_ignored,
    refusal_for,
    unreadable,
)
from gradeprop.submissions.zip_reader import zip_entries

_WRONG_KIND = "{} is neither a folder nor a regular file; submit a folder or a zip."
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # non-blocking: a pipe or terminal cannot stop us


@contextlib.contextmanager
def entries(path: Path, owner: int | None = None) -> Iterator[Iterator[Entry]]:
    """List the entries of a folder or zip.

    Args:
        owner: the user id that owned it when it was attributed to its student.

    Raises:
        SubmissionError: ``path`` is neither, cannot be read, or belongs to another user by now.
    """
    with opened(path) as descriptor:
        status = os.fstat(descriptor)
        if owner not in (None, status.st_uid):
            raise SubmissionError(f"{filename(path.name)} was replaced by another user of this machine.")
        if stat.S_ISDIR(status.st_mode):
            yield _walk_folder(descriptor, status.st_uid)
            return
        with os.fdopen(os.dup(descriptor), "rb") as file:
            yield zip_entries(file, filename(path.name))


@contextlib.contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open a folder or regular file for reading; the descriptor is of what was checked, whatever the path becomes.

    Raises:
        SubmissionError: ``path`` is neither, or cannot be read.
    """
    name = filename(path.name)
    try:
        descriptor = os.open(path, _READ)
    except OSError as error:
        reason = f"{name} cannot be read: {error.strerror}."
        if error.errno in (errno.ELOOP, errno.ENXIO):
            reason = _WRONG_KIND.format(name)
        raise SubmissionError(reason) from error
    try:
        kind = os.fstat(descriptor).st_mode
        if not stat.S_ISDIR(kind) and not stat.S_ISREG(kind):
            raise SubmissionError(_WRONG_KIND.format(name))
        yield descriptor
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of a folder of submissions."""

    path: Path
    is_folder: bool
    owner: int
    """user id"""

    @property
    def name(self) -> str:
        return self.path.name


def list_folder(path: Path) -> list[Member]:
    """List a folder in order of name, without following links.

    Raises:
        SubmissionError: it is not a folder, or cannot be read.
    """
    with opened(path) as descriptor:
        try:
            found = _list_folder(descriptor, (), MAX_ENTRIES)
        except OSError as error:
            raise SubmissionError(f"{filename(path.name)} cannot be read: {error.strerror}.") from error
    return [Member(path / name, stat.S_ISDIR(status.st_mode), status.st_uid) for name, status in found]


State = tuple[int, int, int]
"""number of files and folders, their size in bytes, time of the last change in ns, from the kernel"""


def state(path: Path) -> State:
    """Return the state of a submission; it differs after any change that the student can make.

    Raises:
        SubmissionError: ``path`` is neither a folder nor a regular file, or cannot be read.
    """
    with opened(path) as descriptor:
        status = os.fstat(descriptor)
        count, size, changed = 1, status.st_size, status.st_ctime_ns
        for _, inner in _walk(descriptor) if stat.S_ISDIR(status.st_mode) else ():
            if not isinstance(inner, OSError):
                count, size, changed = count + 1, size + inner.st_size, max(changed, inner.st_ctime_ns)
    return count, size, changed


def read_small(path: Path, name: str, max_bytes: int) -> bytes | None:
    """Read the start of a regular file in a folder of a student's; None if there is none.

    Raises:
        Refused: it is not a regular file, or cannot be read.
    """
    try:
        with opened(path) as root, contextlib.closing(_open_file(root, os.fstat(root).st_uid, (name,))) as file:
            return file.read(max_bytes)
    except (FileNotFoundError, NotADirectoryError, SubmissionError):
        return None
    except OSError as error:
        raise refusal_for(error) from error


def is_whole_zip(path: Path) -> bool:
    """Return True if a file ends with a zip's list of contents, so that nothing more of it is expected."""
    try:
        with opened(path) as descriptor, os.fdopen(os.dup(descriptor), "rb") as file:
            return zipfile.is_zipfile(file)
    except (SubmissionError, OSError):
        return False


def _walk_folder(root: int, owner: int) -> Iterator[Entry]:
    """Yield the files below ``root``, a folder of the user ``owner``, level by level."""
    for parts, status in _walk(root):
        name = "/".join(parts)
        if isinstance(status, OSError):
            yield Entry(name or "The folder", 0, unreadable, refusal_for(status))
        elif not stat.S_ISDIR(status.st_mode):
            yield _file_entry(root, owner, parts, status)
        elif len(parts) == MAX_DEPTH:
            yield Entry(name, 0, unreadable, Refused("is nested too deeply"))


def _walk(root: int) -> Iterator[tuple[tuple[str, ...], os.stat_result | OSError]]:
    """Yield the names and states of all below ``root``, level by level; for an unreadable folder, the error, too."""
    level: list[tuple[str, ...]] = [()]
    left = MAX_ENTRIES
    while level:
        deeper: list[tuple[str, ...]] = []
        for parts in level:
            try:
                found = _list_folder(root, parts, left)
            except OSError as error:
                yield parts, error
                continue
            left -= len(found)
            for name, status in found:
                inner = (*parts, name)
                yield inner, status
                if stat.S_ISDIR(status.st_mode) and len(inner) < MAX_DEPTH and not is_ignored(name):
                    deeper.append(inner)
        level = deeper


def _list_folder(root: int, parts: tuple[str, ...], max_entries: int) -> list[tuple[str, os.stat_result]]:
    folder = _descend(root, parts)
    try:
        with os.scandir(folder) as found:
            names = sorted(entry.name for entry, _ in zip(found, range(max_entries), strict=False))
        listed = list[tuple[str, os.stat_result]]()
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile: that must not hide the others
                listed.append((name, os.stat(name, dir_fd=folder, follow_symlinks=False)))
        return listed
    finally:
        os.close(folder)


def _file_entry(root: int, owner: int, parts: tuple[str, ...], status: os.stat_result) -> Entry:
    name = "/".join(parts)
    return Entry(name, status.st_size, lambda: _open_file(root, owner, parts), _flaw(status, owner))


def _open_file(root: int, owner: int, parts: tuple[str, ...]) -> BinaryIO:
    folder = _descend(root, parts[:-1])
    try:
        descriptor = os.open(parts[-1], _READ, dir_fd=folder)
    finally:
        os.close(folder)
    if flaw := _flaw(os.fstat(descriptor), owner):  # checked again, since it may have changed since it was listed
        os.close(descriptor)
        raise flaw
    return os.fdopen(descriptor, "rb")


def _descend(root: int, parts: Sequence[str]) -> int:
    """Open a new descriptor of a folder below ``root`` without following a link."""
    folder = os.open(".", _READ | os.O_DIRECTORY, dir_fd=root)
    for part in parts:
        try:
            inner = os.open(part, _READ | os.O_DIRECTORY, dir_fd=folder)
        finally:
            os.close(folder)
        folder = inner
    return folder


def _flaw(status: os.stat_result, owner: int) -> Refused | None:
    if stat.S_ISLNK(status.st_mode):
        return Refused("is a link")
    if not stat.S_ISREG(status.st_mode):
        return Refused("is not a regular file")
    if status.st_nlink > 1:
        return Refused("is a hard link (the file has a second name)")
    if status.st_uid not in (owner, 0, os.geteuid()):
        return Unreadable("belongs to another user of this machine than its folder")
    return None
