"""The warm process of this grader, which has torch imported; the jail's zygote and the judge are forks of it.

    child = warm_process().fork("judge", "gradeprop.judge.server:serve", [root, assignment, CHANNEL], channel, stderr)

Its first call starts the process and does not wait for it.
"""

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from gradeprop.core.errors import JailError
from gradeprop.guest.bootstrap import ENVIRONMENT

GUEST = Path(__file__).parents[1] / "guest"
PACKAGES = ("site-packages", "dist-packages")
# the command line is readable in a jail: the folder of this package comes in a message
_BOOT = """
import json, socket, sys
control = socket.socket(fileno=int(sys.argv[1]))
folder, packages = json.loads(control.recv(1 << 16))
sys.path.insert(0, folder)
from guest import warm
del sys.path[0]
warm.main(control, packages)
"""
_START_S = 120.0  # for a cold disk and a first import of torch


def python() -> Path:
    """Return the path of the interpreter itself, not of a virtual environment's link to it."""
    return Path(sys.executable).resolve()


def libraries() -> list[str]:
    """Return the folders of installed packages on Python's search path."""
    return [entry for entry in sys.path if Path(entry).name in PACKAGES]


class Child:
    """A fork of the warm process. It is our own child, but known only once the warm process has imported torch."""

    def __init__(self, report: socket.socket, log: IO[bytes]) -> None:
        self._report, self._log = report, log
        self._pid: int | None = None
        self._status: int | None = None

    @property
    def pid(self) -> int:
        """The process id; waits until it is known.

        Raises:
            JailError: the process was not started.
        """
        if self._pid is None:
            try:
                with self._report as report:
                    report.settimeout(_START_S)
                    answer = report.recv(1 << 12).decode()
            except OSError as error:
                answer = f"the process that imports torch did not answer: {error}"
            if not answer.isdigit():
                raise JailError(f"a process could not be started: {answer or tail(self._log) or 'no answer'}")
            self._pid = int(answer)
        return self._pid

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal; None while the process runs."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = os.waitstatus_to_exitcode(status) if pid else None
        return self._status

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for the end and return the exit status.

        Raises:
            TimeoutError: the process still runs.
        """
        if self._status is None:
            descriptor = os.pidfd_open(self.pid)
            try:
                if not select.select([descriptor], [], [], timeout_s)[0]:
                    raise TimeoutError
            finally:
                os.close(descriptor)
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._status

    def kill(self) -> None:
        """Kill the process, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def end(self, timeout_s: float) -> None:
        """Wait for the end, and kill the process if it takes longer than ``timeout_s``."""
        with contextlib.suppress(JailError):  # it never began
            try:
                self.wait(timeout_s)
            except TimeoutError:
                self.kill()
                self.wait()


class WarmProcess:
    """The grader's side of ``guest/warm.py``."""

    def __init__(self) -> None:
        """Start the process; it ends with this one."""
        self._owner, self._log = os.getpid(), tempfile.TemporaryFile()  # noqa: SIM115
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            argv = [str(python()), "-ISB", "-c", _BOOT, str(theirs.fileno())]
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._log, env=ENVIRONMENT, cwd="/",
                pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip
        self._control.send(json.dumps([str(GUEST.parent), libraries()]).encode())

    def end(self) -> None:
        """End the process; its forks go on. Do nothing in a fork of the process that started it."""
        if self._owner == os.getpid():
            self._control.close()
            self._process.kill()
            self._process.wait()
            self._log.close()

    @property
    def is_ours(self) -> bool:
        """True if the process runs, and was started by this process and not by one that we are a fork of."""
        return self._owner == os.getpid() and self._process.poll() is None

    def fork(
        self,
        name: str,
        call: str,
        arguments: Sequence[str | int],
        channel: socket.socket,
        errors: int,
        path: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> Child:
        """Fork a process that calls a function, and give it the channel as ``CHANNEL``; does not wait.

        Args:
            name: of the process, as ``ps`` shows it.
            call: "module:function".
            path: folders to search for modules first. If there are any, ``.pth`` files of installed packages count too.
            environment: replaces the clean one.
        """
        message: dict[str, object] = {"name": name, "call": call, "arguments": arguments, "path": path}
        message |= {"sites": libraries()} if path else {}
        message |= {"environment": dict(environment)} if environment is not None else {}
        ours, theirs = socket.socketpair()
        # in a file, which the warm process does not read: an environment can hold secrets
        with theirs, tempfile.TemporaryFile() as file, contextlib.suppress(OSError):
            file.write(json.dumps(message).encode())
            file.flush()
            # if the warm process is gone, nobody reports, and the child's pid raises JailError
            socket.send_fds(self._control, [b"f"], [theirs.fileno(), file.fileno(), errors, channel.fileno()])
        return Child(ours, self._log)


_current: list[WarmProcess] = []
"""no or one"""
_lock = threading.Lock()


def warm_process() -> WarmProcess:
    """Return the warm process of this grader; start it if there is none."""
    with _lock:
        if not (_current and _current[0].is_ours):
            for gone in _current:
                gone.end()
            _current[:] = [WarmProcess()]
        return _current[0]


def end_warm_process() -> None:
    """End this grader's warm process, if there is one."""
    with _lock:
        for gone in _current:
            gone.end()
        _current.clear()


atexit.register(end_warm_process)


def tail(errors: IO[bytes]) -> str:
    """Return the end of what a process wrote to the file of its errors."""
    if errors.closed:
        return ""
    errors.seek(0)
    return errors.read().decode(errors="replace").strip()[-2000:]
