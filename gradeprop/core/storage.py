"""Write and read records as JSON files, atomically."""

import contextlib
import os
import stat
from pathlib import Path
from typing import TypeVar

import msgspec

from gradeprop.core.errors import CourseError, JailError
from gradeprop.core.models import SCHEMA, Record

T = TypeVar("T", bound=Record)
_MAX_NOTE_BYTES = 2**20


def to_json(record: Record) -> bytes:
    """Convert a record to indented UTF-8 JSON, keys in the order of the fields."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def write(record: Record, file: Path) -> None:
    """Write a record atomically, as ``write_bytes`` does."""
    write_bytes(to_json(record), file)


def write_bytes(data: bytes, file: Path) -> None:
    """Write a file atomically: a temporary file, then a rename.

    Raises:
        JailError: the machine cannot write it, for example because the disk is full.
    """
    part = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise JailError(f"{file} cannot be written: {error.strerror or error}") from error


def write_secret(data: bytes, file: Path) -> None:
    """Write a new file that only its owner can read.

    Raises:
        JailError: there is such a file already, or it cannot be written.
    """
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(data)
    except OSError as error:
        raise JailError(f"{file} cannot be written: {error.strerror}") from error


def read_private(file: Path) -> bytes | None:
    """Read a note of ours; None if there is none, or if others than its owner may have made it.

    The file is opened once, without following a link or waiting for a pipe, and checked through the descriptor.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as opened:
        status = os.fstat(descriptor)
        is_ours = stat.S_ISREG(status.st_mode) and not status.st_mode & stat.S_IWOTH and status.st_nlink == 1
        return opened.read(_MAX_NOTE_BYTES) if is_ours else None


def read_bytes(file: Path) -> bytes:
    """Read a file that we or nbgrader wrote.

    Raises:
        JailError: it cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise JailError(f"{file} cannot be read: {error.strerror or error}") from error


def read(kind: type[T], file: Path) -> T:
    """Read a record that we wrote.

    Raises:
        CourseError: the file is not such a record: it has an older schema, or was edited by hand.
        JailError: the file cannot be read.
    """
    try:
        return msgspec.json.decode(read_bytes(file), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CourseError(f"is not a {kind.__name__} of schema {SCHEMA}: {error}", file) from error
