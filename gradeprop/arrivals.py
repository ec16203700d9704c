"""When a submission came, as known by who received it; never by a file that the student could have written.

nbgrader believes the ``timestamp.txt`` in a submission, and the name of the folder in the exchange, which the student's
own process makes. The kernel knows better: a file's change time is set by nobody, and can only be made later.
"""

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path

from gradeprop.paths import Bundle
from gradeprop.records import write_bytes

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


def settled(claimed: datetime | None, changed: datetime) -> datetime:
    """The time that counts: the claimed one where the kernel's does not gainsay it, else the kernel's."""
    believed = claimed is not None and 0 <= (changed - claimed).total_seconds() <= _COPYING_S
    return claimed if believed and claimed else changed


def note_arrival(bundle: Bundle, name: str, student: str, came: datetime) -> None:
    """Keep when a student's submission came; naive UTC."""
    write_bytes(f"{came.isoformat(' ')}\n".encode(), bundle.assignment(name).arrived(student))


def arrival(bundle: Bundle, name: str, student: str) -> datetime | None:
    """When the submission that lies in submitted/ came; None where no time of it can be trusted."""
    try:
        return datetime.fromisoformat(bundle.assignment(name).arrived(student).read_text().strip())
    except (OSError, ValueError):
        return None
