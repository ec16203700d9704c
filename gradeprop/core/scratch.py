"""Scratch folders that are removed even after a kill."""

import contextlib
import fcntl
import os
import tempfile
from pathlib import Path

from gradeprop.guest import trees

_SCRATCH = "gradeprop-scratch-"


class ScratchDir:
    """A folder for temporary files; if its process is killed, the next one that makes such a folder removes it."""

    def __init__(self, within: Path | None = None) -> None:
        """Make it in ``within``; without that, where temporary files go."""
        within = within or Path(tempfile.gettempdir())
        for each in within.glob(f"{_SCRATCH}*"):
            _remove_if_left(each)
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=within))
            self._lock = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            if self.path.exists():  # nobody took it for left before it was locked
                return
            os.close(self._lock)

    def remove(self) -> None:
        trees.remove(self.path)
        os.close(self._lock)


def _remove_if_left(folder: Path) -> None:
    """Remove a folder of ours that no process holds any more."""
    with contextlib.suppress(OSError):
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            trees.remove(folder)
        finally:
            os.close(lock)
