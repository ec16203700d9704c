"""One file of a submission, not yet trusted: how it is opened, copied, or refused."""

import contextlib
import errno
import hashlib
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

T = TypeVar("T")

MAX_DEPTH = 16
"""maximum depth of nested folders"""
MAX_ENTRIES = 20_000
"""maximum number of files and folders; the rest is not even listed"""
_IGNORED = frozenset({
    *("__macosx", ".ds_store", "thumbs.db", "desktop.ini", ".localized"),
    *("timestamp.txt", "submission_secret.txt", "no_notebook.ipynb"),  # nbgrader's and ours, or forged ones
    *("__pycache__", ".git", ".vscode", ".idea", ".ipynb_checkpoints", ".venv"),
    *(".mypy_cache", ".pytest_cache", ".ruff_cache"),
})  # fmt: skip
ERRORS = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, RuntimeError, OverflowError)
_CHUNK_BYTES = 2**16

_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # names that Windows reserves
_MAX_NAME_BYTES = 255


class Refused(Exception):
    """The reason why one file is left out; the text continues a sentence that begins with the file's name."""


class Unreadable(Refused):
    """The file may be good work, but this machine cannot read it: no permission, or damage in transfer."""


def is_ignored(name: str) -> bool:
    """Return True if programs leave such files behind, or any folder in the name: no message is worth it."""
    return any(part.casefold() in _IGNORED or part.startswith("._") for part in name.split("/"))


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
    flaw: Refused | None = None
    """reason why it cannot be copied"""

    @contextlib.contextmanager
    def opened(self) -> Iterator[Callable[[int], bytes]]:
        """Open the entry: yields a function that reads some bytes.

        Raises:
            Refused: opening or reading failed.
        """
        with contextlib.closing(as_refusal(self.opener)) as source:
            yield lambda size: as_refusal(lambda: source.read(size))


def unreadable() -> Source:
    """Open nothing: the opener of an entry that has a flaw."""
    raise Unreadable("cannot be read")


def as_refusal(call: Callable[[], T]) -> T:
    """Call a function, and convert any error in reading to a refusal.

    Raises:
        Refused: the function failed.
    """
    try:
        return call()
    except ERRORS as error:
        raise refusal_for(error) from error


def refusal_for(error: BaseException) -> Refused:
    """Return the reason why a file is left out, for an error in opening or reading it."""
    if isinstance(error, OSError) and error.errno in (errno.ELOOP, errno.ENOTDIR):
        return Refused("is a link")
    if isinstance(error, OSError) and error.strerror:
        return Unreadable(f"cannot be read ({error.strerror})")
    return Unreadable("is damaged in the zip")


def copy_file(entry: Entry, target: Path, max_bytes: int) -> tuple[bytes, int]:
    """Copy one file of at most ``max_bytes`` bytes, whatever size it claims; return its SHA-256 and size.

    Raises:
        Refused: the file is larger, cannot be read, or conflicts with another.
    """
    digest, size = hashlib.sha256(), 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with entry.opened() as read, target.open("xb") as file:
            while entry.size <= max_bytes and (chunk := read(_CHUNK_BYTES)):
                file.write(chunk)
                digest.update(chunk)
                if (size := size + len(chunk)) > max_bytes:
                    break
    except (FileExistsError, NotADirectoryError):
        raise Refused("is in a folder that also exists as a file") from None
    except Refused:
        target.unlink(missing_ok=True)
        raise
    if max(size, entry.size) > max_bytes:
        target.unlink()
        raise Refused("makes the submission larger than is allowed")
    return digest.digest(), size


def refusal(name: str) -> Refused | None:
    """Return the reason why a relative name is refused; None if it is valid."""
    parts = [part.strip() for part in name.split("/")]
    if name.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", name):
        return Refused("is outside the submission")
    if not name.isprintable() or "\\" in name or any(part in ("", ".") for part in parts):
        return Refused("has an odd name")
    if any(_DEVICE.fullmatch(part) for part in parts):
        return Refused("has the name of a device")
    if (
        len(parts) > MAX_DEPTH
        or len(name) > 2 * _MAX_NAME_BYTES
        or any(len(part.encode()) > _MAX_NAME_BYTES for part in parts)
    ):
        return Refused("has a name that is too long")
    return None
