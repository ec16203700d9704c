"""Arrival time of a submission, as recorded by the system that received it; never taken from a file of the student's.

nbgrader trusts the ``timestamp.txt`` in a submission, and the name of its folder in the exchange, which the student's
own process makes. The kernel knows better: nobody can set the change time of a file (ctime), and it only grows.
The recorded time is stored in a note in autograded/, where no student can write.
"""

import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from gradeprop.core.errors import JailError, SubmissionError
from gradeprop.core.sanitize import filename
from gradeprop.core.storage import read_private, write_bytes
from gradeprop.submissions import entry, reader

STAMP, NO_NOTEBOOK = "timestamp.txt", "no_notebook.ipynb"
_EMPTY = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
INBOUND = re.compile(
    r"(?P<student>.+)\+(?P<assignment>[^+]+)\+(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[^+]*)(?:\+[^+]*)?"
)
"""name of a submission's folder in nbgrader's exchange"""
_MAX_COPYING_S = 300.0
"""maximum time of submitting: the folder's name says when it began, the last change when it ended"""


def last_change(folder: Path) -> datetime:
    """Return the latest change time of anything in a folder, from the kernel; naive UTC.

    Raises:
        SubmissionError: the folder cannot be read.
    """
    return change_time(reader.state(folder))


def change_time(state: reader.State) -> datetime:
    """Return the time of the last change in the state of a submission, naive UTC."""
    return datetime.fromtimestamp(state[2] / 1e9, UTC).replace(tzinfo=None)


def trusted_time(claim: datetime | None, changed: datetime) -> datetime:
    """Return the claimed time if it is consistent with the last change; else the last change."""
    if claim is not None and 0 <= (changed - claim).total_seconds() <= _MAX_COPYING_S:
        return claim
    return changed


def parse_time(time: str) -> datetime | None:
    """Parse the time in a folder name or timestamp as nbgrader writes it, to naive UTC; None if it is not a time."""
    try:
        return datetime.fromisoformat(time.removesuffix(" UTC")).replace(tzinfo=None)
    except ValueError:
        return None


def write_arrival_time(note: Path, time: datetime | None, claim: str = "") -> None:
    """Store the arrival time of a submission.

    Args:
        note: ``AssignmentPaths.arrival`` of its student.
        time: naive UTC; None if no trusted time is known.
        claim: the time that the submission itself claims, as text.
    """
    write_bytes(f"{time.isoformat(' ') if time else ''}\n{' '.join(claim.split())}\n".encode(), note)


def read_arrival_time(note: Path, folder: Path) -> datetime | None:
    """Return the arrival time of the submission in a folder; None if no trusted time is known."""
    return _read_note(note, folder)[0]


def write_trusted_timestamp(folder: Path, note: Path) -> datetime | None:
    """Correct the ``timestamp.txt`` of a submission, since nbgrader and formgrader trust it; return the arrival time.

    Afterwards the file contains the arrival time, or is removed. If the notebook is missing, an empty one with another
    name makes nbgrader see that there is a submission: otherwise it would keep the grade of an older one.

    Raises:
        JailError: the folder cannot be written.
    """
    time, earlier_claim = _read_note(note, folder)
    notebook, placeholder = folder / f"{folder.name}.ipynb", folder / NO_NOTEBOOK
    try:
        if not _matches(claim := _read_claim(folder), time):
            write_arrival_time(note, time, earlier_claim or claim)
            _replace(format_timestamp(time), folder / STAMP)
        if os.path.lexists(notebook) == os.path.lexists(placeholder):
            _replace("" if os.path.lexists(notebook) else _EMPTY, placeholder)
    except OSError as error:
        raise JailError(f"{error.filename or folder} cannot be written: {error.strerror}") from error
    return time


def _replace(text: str, file: Path) -> None:
    """Write a file that a student may have made a link or a folder; remove it if ``text`` is empty."""
    if file.is_dir() and not file.is_symlink():
        shutil.rmtree(file)
    file.unlink(missing_ok=True)
    if text:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)


def format_timestamp(time: datetime | None) -> str:
    """Format an arrival time as nbgrader writes and reads it; "" for None."""
    return f"{time} UTC" if time else ""


def timestamp_warnings(folder: Path, note: Path) -> list[str]:
    """Warn if a submission claims another arrival time than the recorded one; an empty list if it does not."""
    time, claim = _read_note(note, folder)
    stamp = _read_claim(folder)
    claim = claim or ("" if _matches(stamp, time) else stamp)
    if not claim:
        return []
    return [f"The file {STAMP} says {filename(claim)}; it is ignored, and the recorded arrival time is used."]


def _read_note(note: Path, folder: Path) -> tuple[datetime | None, str]:
    if sent := INBOUND.fullmatch(folder.name):  # the folder is still in the exchange
        try:
            return trusted_time(parse_time(sent["time"]), last_change(folder)), ""
        except SubmissionError:
            return None, ""
    try:
        time, claim, *_ = [*(read_private(note) or b"").decode().split("\n"), ""]
        return (datetime.fromisoformat(time) if time else None), claim
    except ValueError:
        return None, ""


def _matches(claim: str, time: datetime | None) -> bool:
    """Return True if a claimed time equals the recorded one, however it is written."""
    try:
        return datetime.fromisoformat(claim.removesuffix(" UTC")) == time
    except ValueError:
        return claim == format_timestamp(time)


def _read_claim(folder: Path) -> str:
    """Read the start of a timestamp file that a student may have made; "" if there is none."""
    try:
        start = reader.read_small(folder, STAMP, 100)
    except entry.Refused:
        return f"something that is not a {STAMP}"
    return "" if start is None else " ".join(start.decode(errors="replace").split()) or "nothing"
