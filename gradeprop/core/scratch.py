"""Temporary folders that are removed even after a kill."""

import contextlib
import fcntl
import os
import tempfile
from pathlib import Path

from gradeprop.guest import trees

_PREFIX = "gradeprop-scratch-"


class ScratchDir:
    """A locked temporary folder; if its process is killed, the next process that makes a ScratchDir removes it."""

    def __init__(self, within: Path | None = None) -> None:
        """Make the folder inside ``within``, by default the system's folder for temporary files."""
        within = within or Path(tempfile.gettempdir())
        for folder in within.glob(f"{_PREFIX}*"):
            _remove_if_abandoned(folder)
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=within))
            self._lock = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            if self.path.exists():  # nobody removed it as abandoned before it was locked
                return
            os.close(self._lock)

    def remove(self) -> None:
        """Remove the folder and release its lock."""
        trees.remove(self.path)
        os.close(self._lock)


def _remove_if_abandoned(folder: Path) -> None:
    """Remove a folder of ours that no process holds any more."""
    with contextlib.suppress(OSError):
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            trees.remove(folder)
        finally:
            os.close(lock)
