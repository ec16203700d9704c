"""What lies in a student's folder or zip: one entry per file, none believed.

A folder is walked by descriptors and without following a link, so whoever swaps something meanwhile gains nothing.
A file with a second name (a hard link) is refused like a symbolic one: on a shared disk it may be somebody else's.
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
    *("timestamp.txt", "submission_secret.txt", "no_notebook.ipynb"),  # nbgrader's and ours, or so they say
    *("__pycache__", ".git", ".ipynb_checkpoints", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv"),
})  # fmt: skip
"""what programs leave behind: left out without a word"""
DEPTH = 16
"""folders within folders"""
LOOKED_AT = 20_000
"""files and folders; the rest is not even listed"""

_TABLE_BYTES = 4 * 2**20  # of a zip's list of contents, which zipfile reads at once
_OTHER_ARCHIVES = {b"\x1f\x8b": "gzip", b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!": "RAR", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe or a terminal never makes us wait
_ERRORS = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, RuntimeError, OverflowError)


class Refused(Exception):
    """One file is left out; the text goes on after its name."""


class Source(Protocol):
    """An entry as opened."""

    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One file as it lies there: ``size`` is what it claims, ``flaw`` why it cannot be taken."""

    name: str
    """relative, with slashes; still to be judged"""
    size: int
    opener: Callable[[], Source]
    flaw: str = ""

    @contextlib.contextmanager
    def opened(self) -> Iterator[Callable[[int], bytes]]:
        """How to read so many bytes of it; both opening and reading may raise ``Refused``."""
        with contextlib.closing(_refusing(self.opener)) as source:
            yield lambda size: _refusing(lambda: source.read(size))


@contextlib.contextmanager
def entries(path: Path) -> Iterator[Iterator[Entry]]:
    """What lies in a folder or zip.

    Raises:
        SubmissionError: it is neither, or cannot be read.
    """
    name = filename(path.name)
    try:
        kind = path.lstat().st_mode
        if not stat.S_ISDIR(kind) and not stat.S_ISREG(kind):
            raise SubmissionError(f"{name} is a link or something special; hand in a folder or a zip.")
        descriptor = os.open(path, _READ)
    except OSError as error:
        raise SubmissionError(f"{name} cannot be read: {error.strerror}.") from error
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        try:
            yield _in_folder(descriptor)
        finally:
            os.close(descriptor)
        return
    with os.fdopen(descriptor, "rb") as file, _archive(file, name) as archive:
        found = (_in_zip(archive, info) for info in archive.infolist()[:LOOKED_AT])
        yield (entry for entry in found if not entry.name.endswith("/"))


def _in_folder(root: int) -> Iterator[Entry]:
    """The files below ``root``, level by level."""
    level: list[tuple[str, ...]] = [()]
    left = LOOKED_AT
    while level:
        deeper: list[tuple[str, ...]] = []
        for parts in level:
            try:
                found = _listed(root, parts, left)
            except OSError as error:
                yield Entry("/".join(parts) or "The folder", 0, _nothing, _why(error))
                continue
            left -= len(found)
            for name, status in found:
                inner = (*parts, name)
                if not stat.S_ISDIR(status.st_mode):
                    yield _in_place(root, inner, status)
                elif len(inner) == DEPTH:
                    yield Entry("/".join(inner), 0, _nothing, "lies too deep")
                elif name not in IGNORED:
                    deeper.append(inner)
        level = deeper


def _listed(root: int, parts: tuple[str, ...], most: int) -> list[tuple[str, os.stat_result]]:
    folder = _descend(root, parts)
    try:
        with os.scandir(folder) as found:
            names = sorted(entry.name for entry, _ in zip(found, range(most), strict=False))
        return [(name, os.stat(name, dir_fd=folder, follow_symlinks=False)) for name in names]
    finally:
        os.close(folder)


def _in_place(root: int, parts: tuple[str, ...], status: os.stat_result) -> Entry:
    return Entry("/".join(parts), status.st_size, lambda: _open_file(root, parts), _special(status))


def _open_file(root: int, parts: tuple[str, ...]) -> BinaryIO:
    folder = _descend(root, parts[:-1])
    try:
        descriptor = os.open(parts[-1], _READ, dir_fd=folder)
    finally:
        os.close(folder)
    if flaw := _special(os.fstat(descriptor)):  # as opened, not as listed
        os.close(descriptor)
        raise Refused(flaw)
    return os.fdopen(descriptor, "rb")


def _descend(root: int, parts: Sequence[str]) -> int:
    """A new descriptor of a folder below ``root``, no step through a link."""
    folder = os.open(".", _READ | os.O_DIRECTORY, dir_fd=root)
    for part in parts:
        try:
            inner = os.open(part, _READ | os.O_DIRECTORY, dir_fd=folder)
        finally:
            os.close(folder)
        folder = inner
    return folder


def _special(status: os.stat_result) -> str:
    if stat.S_ISLNK(status.st_mode):
        return "is a link"
    if not stat.S_ISREG(status.st_mode):
        return "is not a file but something special"
    return "is a hard link (the file has a second name)" if status.st_nlink > 1 else ""


class _Bounded:
    """A file that refuses to be read in large pieces: zipfile would take a list of contents of any size."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable, self.close = file.seek, file.tell, file.seekable, file.close

    def read(self, size: int = -1) -> bytes:
        if size > _TABLE_BYTES:
            raise SubmissionError("The zip holds far more files than any submission needs.")
        return self._file.read(_TABLE_BYTES if size < 0 else size)


def _archive(file: BinaryIO, name: str) -> zipfile.ZipFile:
    start = file.read(6)
    for magic, kind in _OTHER_ARCHIVES.items():
        if start.startswith(magic):
            raise SubmissionError(f"{name} is a {kind} archive; hand in a folder or a zip.")
    try:
        return zipfile.ZipFile(_Bounded(file))
    except _ERRORS as error:
        raise SubmissionError(f"{name} is not a zip, or was cut short on its way; make it anew.") from error


def _in_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == 3 else 0
    flaw = ""
    if kind == stat.S_IFLNK:
        flaw = "is a link"
    elif kind not in (0, stat.S_IFREG):
        flaw = "is not a file but something special"
    elif info.flag_bits & 0x1:
        flaw = "is encrypted"
    elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        flaw = "is packed in an unusual way (deflate is the usual one)"  # others may ask for gigabytes to unpack
    name = info.orig_filename.replace("\\", "/")  # as some programs on Windows write it
    return Entry(name, info.file_size, lambda: archive.open(info), flaw)


def _nothing() -> Source:
    raise Refused("cannot be read")


def _refusing(call: Callable[[], T]) -> T:
    try:
        return call()
    except _ERRORS as error:
        raise Refused(_why(error)) from error


def _why(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno in (errno.ELOOP, errno.ENOTDIR):
        return "is a link"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read ({error.strerror})"
    return "is damaged in the zip"
