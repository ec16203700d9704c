"""When a submission came, as known by who received it; never by a file that the student could have written.

nbgrader believes the ``timestamp.txt`` in a submission, and the name of the folder in the exchange, which the student's
own process makes. The kernel knows better: a file's change time is set by nobody, and can only be made later.
"""

import contextlib
import os
import re
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path

from gradeprop.core.errors import JailError
from gradeprop.core.sanitize import filename
from gradeprop.core.storage import write_bytes

STAMP, NO_NOTEBOOK = "timestamp.txt", "no_notebook.ipynb"
_EMPTY = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
INBOUND = re.compile(
    r"(?P<student>.+)\+(?P<assignment>[^+]+)\+(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[^+]*)(?:\+[^+]*)?"
)
"""the name of a submission in nbgrader's exchange"""
_COPYING_S = 300.0
"""so long may handing in take: the name of the folder is from its beginning, the last change from its end"""


def last_change(folder: Path) -> datetime:
    """The latest change of anything in a folder, as the kernel has it; UTC without a zone."""
    latest = folder.lstat().st_ctime
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with contextlib.suppress(OSError):
                latest = max(latest, Path(place, name).lstat().st_ctime)
    return datetime.fromtimestamp(latest, UTC).replace(tzinfo=None)


def settled(said: datetime | None, changed: datetime) -> datetime:
    """The time that counts: the claimed one where the kernel's does not gainsay it, else the kernel's."""
    believed = said is not None and 0 <= (changed - said).total_seconds() <= _COPYING_S
    return said if believed and said else changed


def claimed(time: str) -> datetime | None:
    """The time in a name or stamp as nbgrader writes it, naive UTC; None where it is none."""
    try:
        return datetime.fromisoformat(time.removesuffix(" UTC")).replace(tzinfo=None)
    except ValueError:
        return None


def note_arrival(folder: Path, came: datetime | None, says: str = "") -> None:
    """Keep, beside the folder of a submission, when it came (naive UTC), and what it says of that itself."""
    write_bytes(f"{came.isoformat(' ') if came else ''}\n{' '.join(says.split())}\n".encode(), _beside(folder))


def arrival(folder: Path) -> datetime | None:
    """When the submission in a folder came; None where no time of it can be trusted."""
    return _noted(folder)[0]


def write_trusted_timestamp(folder: Path) -> datetime | None:
    """Make a submission fit for nbgrader and formgrader to look at, which believe its ``timestamp.txt``.

    It then says what is known, or is gone; and where the notebook is missing, an empty one of another name has nbgrader
    see that there is a submission: else it would leave the grade of an older one.

    Raises:
        JailError: the folder cannot be written.
    """
    came, claimed = _noted(folder)
    stamp, notebook, instead = folder / STAMP, folder / f"{folder.name}.ipynb", folder / NO_NOTEBOOK
    try:
        if not _agrees(said := _said(stamp), came):
            note_arrival(folder, came, claimed or said)
            _put(stamp_text(came), stamp)
        if os.path.lexists(notebook) == os.path.lexists(instead):
            _put("" if os.path.lexists(notebook) else _EMPTY, instead)
    except OSError as error:
        raise JailError(f"{error.filename or folder} cannot be written: {error.strerror}") from error
    return came


def _put(text: str, file: Path) -> None:
    """A file with a text, or without one none; whatever a student has put there goes."""
    if file.is_dir() and not file.is_symlink():
        shutil.rmtree(file)
    file.unlink(missing_ok=True)
    if text:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)


def stamp_text(came: datetime | None) -> str:
    """As nbgrader writes and reads it."""
    return f"{came} UTC" if came else ""


def timestamp_warnings(folder: Path) -> list[str]:
    """A sentence, where a submission says when it was handed in and that is not what is known."""
    came, says = _noted(folder)
    said = _said(folder / STAMP)
    says = says or ("" if _agrees(said, came) else said)
    if not says:
        return []
    return [f"{STAMP} in it says {filename(says)}; when a submission came is taken from where it was received."]


def _beside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.arrived")


def _noted(folder: Path) -> tuple[datetime | None, str]:
    try:
        first, says, *_ = [*_beside(folder).read_text().split("\n"), ""]
        return (datetime.fromisoformat(first) if first else None), says
    except (OSError, ValueError):
        sent = INBOUND.fullmatch(folder.name)  # still in the exchange
        return (settled(claimed(sent["time"]), last_change(folder)) if sent and folder.is_dir() else None), ""


def _agrees(said: str, came: datetime | None) -> bool:
    """Whether a stamp says what is known, however it is written."""
    try:
        return datetime.fromisoformat(said.removesuffix(" UTC")) == came
    except ValueError:
        return said == stamp_text(came)


def _said(stamp: Path) -> str:
    """The start of a file that a student may have made; "" if there is none."""
    try:
        if not stat.S_ISREG(stamp.lstat().st_mode):
            return f"nothing that is a {STAMP}"
        with stamp.open("rb") as file:
            return " ".join(file.read(100).decode(errors="replace").split()) or "nothing"
    except OSError:
        return ""
