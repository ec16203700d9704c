"""Safe reader of a student's folder or zip: one entry for each file, none trusted.

A folder is walked by descriptors and without following links, so that swapping a file meanwhile gains nothing. A file
with a second name (a hard link) is refused like a symbolic link: on a shared disk it may be somebody else's file.
"""

import contextlib
import errno
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from gradeprop.core.errors import SubmissionError
from gradeprop.core.sanitize import filename

T = TypeVar("T")

IGNORED = frozenset({
    *("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"),
    *("timestamp.txt", "submission_secret.txt", "no_notebook.ipynb"),  # nbgrader's and ours, or forged ones
    *("__pycache__", ".git", ".ipynb_checkpoints", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv"),
})  # fmt: skip
"""files that programs leave behind: left out without a message"""
MAX_DEPTH = 16
"""maximum depth of nested folders"""
MAX_ENTRIES = 20_000
"""maximum number of files and folders; the rest is not even listed"""

_MAX_DIRECTORY_BYTES = 4 * 2**20  # of a zip's central directory, which zipfile reads at once
_OTHER_ARCHIVES = {b"\x1f\x8b": "gzip", b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!": "RAR", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # non-blocking: a pipe or terminal cannot stop us
_ERRORS = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, RuntimeError, OverflowError)


class Refused(Exception):
    """The reason why one file is left out; the text continues a sentence that begins with the file's name."""


class Source(Protocol):
    """An opened entry."""

    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a submission, not yet checked."""

    name: str
    """relative, with slashes; untrusted"""
    size: int
    """bytes that it claims to have"""
    opener: Callable[[], Source]
    flaw: str = ""
    """reason why it cannot be copied; "" if there is none"""

    @contextlib.contextmanager
    def opened(self) -> Iterator[Callable[[int], bytes]]:
        """Open the entry: yields a function that reads some bytes.

        Raises:
            Refused: opening or reading failed.
        """
        with contextlib.closing(_as_refusal(self.opener)) as source:
            yield lambda size: _as_refusal(lambda: source.read(size))


@contextlib.contextmanager
def entries(path: Path) -> Iterator[Iterator[Entry]]:
    """List the entries of a folder or zip.

    Raises:
        SubmissionError: ``path`` is neither, or cannot be read.
    """
    name = filename(path.name)
    try:
        kind = path.lstat().st_mode
        if not stat.S_ISDIR(kind) and not stat.S_ISREG(kind):
            raise SubmissionError(f"{name} is neither a folder nor a regular file; submit a folder or a zip.")
        descriptor = os.open(path, _READ)
    except OSError as error:
        raise SubmissionError(f"{name} cannot be read: {error.strerror}.") from error
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        try:
            yield _walk_folder(descriptor)
        finally:
            os.close(descriptor)
        return
    with os.fdopen(descriptor, "rb") as file, _open_zip(file, name) as archive:
        found = (_zip_entry(archive, info) for info in archive.infolist()[:MAX_ENTRIES])
        yield (entry for entry in found if not entry.name.endswith("/"))


def _walk_folder(root: int) -> Iterator[Entry]:
    """Yield the files below ``root``, level by level."""
    level: list[tuple[str, ...]] = [()]
    left = MAX_ENTRIES
    while level:
        deeper: list[tuple[str, ...]] = []
        for parts in level:
            try:
                found = _list_folder(root, parts, left)
            except OSError as error:
                yield Entry("/".join(parts) or "The folder", 0, _unreadable, _reason(error))
                continue
            left -= len(found)
            for name, status in found:
                inner = (*parts, name)
                if not stat.S_ISDIR(status.st_mode):
                    yield _file_entry(root, inner, status)
                elif len(inner) == MAX_DEPTH:
                    yield Entry("/".join(inner), 0, _unreadable, "is nested too deeply")
                elif name not in IGNORED:
                    deeper.append(inner)
        level = deeper


def _list_folder(root: int, parts: tuple[str, ...], max_entries: int) -> list[tuple[str, os.stat_result]]:
    folder = _descend(root, parts)
    try:
        with os.scandir(folder) as found:
            names = sorted(entry.name for entry, _ in zip(found, range(max_entries), strict=False))
        return [(name, os.stat(name, dir_fd=folder, follow_symlinks=False)) for name in names]
    finally:
        os.close(folder)


def _file_entry(root: int, parts: tuple[str, ...], status: os.stat_result) -> Entry:
    return Entry("/".join(parts), status.st_size, lambda: _open_file(root, parts), _flaw(status))


def _open_file(root: int, parts: tuple[str, ...]) -> BinaryIO:
    folder = _descend(root, parts[:-1])
    try:
        descriptor = os.open(parts[-1], _READ, dir_fd=folder)
    finally:
        os.close(folder)
    if flaw := _flaw(os.fstat(descriptor)):  # checked again, since it may have changed since it was listed
        os.close(descriptor)
        raise Refused(flaw)
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


def _flaw(status: os.stat_result) -> str:
    if stat.S_ISLNK(status.st_mode):
        return "is a link"
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    return "is a hard link (the file has a second name)" if status.st_nlink > 1 else ""


class _BoundedFile:
    """A file that refuses to be read in large pieces: zipfile would load a central directory of any size."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable, self.close = file.seek, file.tell, file.seekable, file.close

    def read(self, size: int = -1) -> bytes:
        if size > _MAX_DIRECTORY_BYTES:
            raise SubmissionError("The zip contains far too many files.")
        return self._file.read(_MAX_DIRECTORY_BYTES if size < 0 else size)


def _open_zip(file: BinaryIO, name: str) -> zipfile.ZipFile:
    start = file.read(6)
    for magic, kind in _OTHER_ARCHIVES.items():
        if start.startswith(magic):
            raise SubmissionError(f"{name} is a {kind} archive; submit a folder or a zip.")
    try:
        return zipfile.ZipFile(_BoundedFile(file))
    except _ERRORS as error:
        raise SubmissionError(f"{name} is not a zip, or was cut off in transfer; create it again.") from error


def _zip_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == 3 else 0
    flaw = ""
    if kind == stat.S_IFLNK:
        flaw = "is a link"
    elif kind not in (0, stat.S_IFREG):
        flaw = "is not a regular file"
    elif info.flag_bits & 0x1:
        flaw = "is encrypted"
    elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        flaw = "uses an unusual compression (the usual one is deflate)"  # others may need gigabytes to unpack
    name = info.orig_filename.replace("\\", "/")  # some programs on Windows write backslashes
    return Entry(name, info.file_size, lambda: archive.open(info), flaw)


def _unreadable() -> Source:
    raise Refused("cannot be read")


def _as_refusal(call: Callable[[], T]) -> T:
    try:
        return call()
    except _ERRORS as error:
        raise Refused(_reason(error)) from error


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno in (errno.ELOOP, errno.ENOTDIR):
        return "is a link"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read ({error.strerror})"
    return "is damaged in the zip"
