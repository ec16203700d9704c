"""The lock of one grading run on a folder of results.

The kernel holds the lock and releases it however the process ends, so nothing has to be tidied after a kill.
"""

import fcntl
import os
import socket
from pathlib import Path
from types import TracebackType

from gradeprop.core.errors import JailError


class RunLock:
    """Admits one grading run at a time to a folder. Its file names the run, and is empty after a complete one."""

    def __init__(self, folder: Path) -> None:
        """Take the lock.

        Raises:
            JailError: another process holds it, and is named; or the folder cannot be written.
        """
        file = folder / ".lock"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.interrupted = os.fstat(self._file).st_size > 0
                """True if the previous run did not complete"""
                self.begin()
            except BlockingIOError:
                holder = os.pread(self._file, 200, 0).decode(errors="replace") or "another grading run"
                os.close(self._file)
                raise JailError(f"{folder} is in use by {holder}; wait until it has ended.") from None
            except OSError:
                os.close(self._file)
                raise
        except OSError as error:
            raise JailError(f"{file} cannot be written: {error.strerror}") from error

    def __enter__(self) -> "RunLock":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._file)

    def begin(self) -> None:
        """Name this process in the file until ``complete``."""
        self._write(f"process {os.getpid()} on {socket.gethostname()}")

    def complete(self) -> None:
        """Note that the run is complete, so that the next one has nothing to recover."""
        self._write("")
        self.interrupted = False

    def _write(self, text: str) -> None:
        os.pwrite(self._file, text.encode(), 0)  # first: the old text stays if a full disk takes no more
        os.ftruncate(self._file, len(text.encode()))
