"""The journal of a push: a line before and a line after each request, so that a killed push goes on where it was."""

import contextlib
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from gradeprop.core.errors import JailError
from gradeprop.core.models import Record
from gradeprop.core.storage import read_bytes
from gradeprop.grading.run_lock import RunLock

_NAME = "journal.jsonl"

State = Literal["sending", "sent", "rejected"]


class Entry(Record, frozen=True, kw_only=True):
    """One request, before or after it."""

    column: str
    """the address of what was written to"""
    student: str
    user: str
    """the student's id on the platform"""
    what: str
    """the score as a fraction of the maximum, or the name of a file"""
    state: State
    at: str
    reason: str = ""


class Journal:
    """The record of everything that was sent to one column of a platform."""

    def __init__(self, folder: Path, column: str) -> None:
        """Read what was sent to this column; nothing is written. Another course has other columns.

        Raises:
            JailError: it cannot be read.
        """
        self.folder, self.column, self._file = folder, column, folder / _NAME
        self._entries: dict[str, list[Entry]] = defaultdict(list)
        for line in read_bytes(self._file).splitlines() if self._file.exists() else ():
            with contextlib.suppress(msgspec.MsgspecError):  # the end of a killed push
                entry = msgspec.json.decode(line, type=Entry)
                if entry.column == column:
                    self._entries[entry.student].append(entry)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Admit one push at a time.

        Raises:
            JailError: another one is running, or the folder cannot be written.
        """
        with RunLock(self.folder) as lock:
            yield
            lock.complete()

    def tried(self, student: str) -> set[str]:
        """Return everything that may have reached the platform."""
        return {entry.what for entry in self._entries[student] if entry.state != "rejected"}

    def received(self, student: str) -> str | None:
        """Return what the platform has confirmed last."""
        return next((entry.what for entry in reversed(self._entries[student]) if entry.state == "sent"), None)

    def note(self, student: str, user: str, what: str, state: State, reason: str = "") -> None:
        """Add a line.

        Raises:
            JailError: it cannot be written.
        """
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry = Entry(column=self.column, student=student, user=user, what=what, state=state, at=at, reason=reason)
        self._entries[student].append(entry)
        try:
            with self._file.open("ab") as file:
                file.write(b"\n" * _ends_within_a_line(self._file) + msgspec.json.encode(entry) + b"\n")
        except OSError as error:
            raise JailError(f"{self._file} cannot be written: {error.strerror}") from error


def _ends_within_a_line(file: Path) -> bool:
    """Return True if a killed push left a line without its end."""
    with file.open("rb") as opened:
        if opened.seek(0, 2) == 0:
            return False
        opened.seek(-1, 2)
        return opened.read(1) != b"\n"
