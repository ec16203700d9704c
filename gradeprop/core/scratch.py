"""Temporary folders that are removed even after a kill, below a folder that nobody else can write to."""

import contextlib
import fcntl
import os
import secrets
import stat
import tempfile
import warnings
from pathlib import Path

from gradeprop.guest import trees

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class ScratchDir:
    """A locked temporary folder; if its process is killed, the next process that makes a ScratchDir removes it."""

    def __init__(self, within: Path | None = None) -> None:
        """Make the folder in our own ``gradeprop-<uid>``, in ``within``: by default, the system's temporary folder."""
        home, self._home, self._shared = _open_home((within or Path(tempfile.gettempdir())).resolve())
        for name in os.listdir(self._home):  # noqa: PTH208  (by descriptor)
            _remove_if_abandoned(name, self._home)
        while True:
            self.path = home / secrets.token_hex(8)
            os.mkdir(self.path.name, 0o700, dir_fd=self._home)
            with contextlib.suppress(FileNotFoundError):
                lock = os.open(self.path.name, _FOLDER, dir_fd=self._home)
                fcntl.flock(lock, fcntl.LOCK_EX)
                if os.access(self.path.name, os.F_OK, dir_fd=self._home):
                    self._lock: int | None = lock
                    return
                os.close(lock)  # another process removed it as abandoned before it was locked

    def remove(self) -> None:
        """Remove the folder and release its lock; do nothing the second time."""
        if self._lock is None:
            return
        trees.remove(self.path.name, self._home)
        for descriptor in (self._lock, self._home):
            os.close(descriptor)
        self._lock = None
        if not self._shared:
            with contextlib.suppress(OSError):
                self.path.parent.rmdir()


def _open_home(within: Path) -> tuple[Path, int, bool]:
    """Open the folder that holds our scratch folders: its path, a descriptor, and True if all our processes share it.

    If somebody else has taken its name, it is a new folder.
    """
    user = os.geteuid()
    mode = 0o700 if user else 0o711  # root's jobs run as a spare user, who must reach the folders in it
    home = within / f"gradeprop-{user}"
    with contextlib.suppress(FileExistsError):
        home.mkdir(mode)
    with contextlib.suppress(NotADirectoryError, PermissionError):  # a link or a file; somebody else's folder
        descriptor = os.open(home, _FOLDER)
        status = os.fstat(descriptor)
        if status.st_uid == user and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            os.fchmod(descriptor, mode)  # the umask may have changed it
            return home, descriptor, True
        os.close(descriptor)
    private = Path(tempfile.mkdtemp(prefix="gradeprop-", dir=within))
    private.chmod(mode)
    warnings.warn(
        f"{home} is not a folder that we own and that only we can write to. {private} is used in its place, and the "
        f"folders of killed runs are not removed. Have {home} removed.",
        stacklevel=3,
    )
    return private, os.open(private, _FOLDER), False


def _remove_if_abandoned(name: str, home: int) -> None:
    """Remove a folder that no process holds any more."""
    with contextlib.suppress(OSError):
        lock = os.open(name, _FOLDER, dir_fd=home)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            trees.remove(name, home)
        finally:
            os.close(lock)
