"""What a process holds until it ends, however it ends: its turn in a folder, and a folder of its own.

Both are locks of the kernel, which lets go of them when a process is killed: nothing has to be tidied to go on.
"""

import fcntl
import os
import socket
from pathlib import Path

from gradeprop.core.errors import JailError


class RunLock:
    """One grader at a time in ``folder``. Its file says who is at work, and is emptied by who came to the end."""

    def __init__(self, folder: Path) -> None:
        """Take the turn.

        Raises:
            JailError: another process has it, and is named; or the folder cannot be written.
        """
        file = folder / ".lock"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.interrupted = os.fstat(self._file).st_size > 0
                """whether the one before did not come to its end"""
                self.begin()
            except BlockingIOError:
                who = os.pread(self._file, 200, 0).decode(errors="replace") or "another grader"
                os.close(self._file)
                raise JailError(f"{folder} is in use by {who}; wait until it has ended.") from None
            except OSError:
                os.close(self._file)
                raise
        except OSError as error:
            raise JailError(f"{file} cannot be written: {error.strerror}") from error

    def begin(self) -> None:
        """Say who is at work, from now until ``end``."""
        self._say(f"process {os.getpid()} on {socket.gethostname()}")

    def end(self) -> None:
        """Say that all is done, and that nothing is to be mended."""
        self._say("")
        self.interrupted = False

    def _say(self, text: str) -> None:
        os.pwrite(self._file, text.encode(), 0)  # first: what stood there stays, if a full disk takes no more
        os.ftruncate(self._file, len(text.encode()))

    def close(self) -> None:
        """Let the next one in."""
        os.close(self._file)
