"""The grader's side of a warm jail: start the zygote, hand it jobs, bring back answers; believe nothing it says."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import msgspec

from gradeprop.errors import CourseError, JailError, NoJailError
from gradeprop.jail.cgroups import Group, make_group
from gradeprop.jail.job import Answer, Job, converse, probe_names
from gradeprop.jail.plan import make_plan
from gradeprop.jail.view import INSIDE, python
from gradeprop.locks import Scratch
from gradeprop.records import Limits

START_S = 120.0  # a cold disk and a first import of torch
REAP_S = 60.0  # in the restricted tier it removes what the job wrote, on whatever disk there is
END_S = 3.0

_BOOT = "import sys; sys.path.insert(0, sys.argv[2]); from inside import outer; outer.main()"


@dataclass(frozen=True, slots=True)
class Driver:
    """Waits for its job."""

    socket: socket.socket
    pidfd: int
    limits: Limits

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        os.close(self.pidfd)
        self.socket.close()


class Jail:
    """One zygote; one job at a time. If the zygote has died, the next job starts another.

    The next job's driver is made as soon as a job has ended, aside: namespaces and control groups take the kernel a
    while, and the grader judges meanwhile.
    """

    def __init__(self, tier: str, hide: tuple[Path, ...] = ()) -> None:
        self._kind, self._hide = tier, hide
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket  # there with the process
        self._scratch: Scratch | None = None
        self._group: Group | None = None
        self._aside = ThreadPoolExecutor(1, "jail")
        self._ahead: Future[Driver] | None = None
        self.tier = tier
        self.ready_s = 0.0
        """seconds from nothing to ready for the first job"""

    @property
    def counted(self) -> bool:
        """Whether a control group holds memory and processes; else limits of each process, and a watchdog."""
        return self._group is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the zygote and wait until it is warm."""
        began = time.monotonic()
        plan = make_plan(self._kind, self._hide)
        self._scratch, self._group = plan.scratch, make_group()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, tempfile.TemporaryFile() as errors:
            argv = [str(python()), "-ISB", "-c", _BOOT, str(theirs.fileno()), str(INSIDE.parent)]
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, env={}, cwd="/",
                pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip
            theirs.close()
            try:
                self._tell(plan.outer)
                self._tell(plan.zygote)
                self._hear(START_S, "ready")
            except JailError as error:
                self.close()
                raise type(error)(f"{error}{_tail(errors)}") from None
        self.tier, self.ready_s = plan.tier, time.monotonic() - began

    def close(self) -> None:
        """End the zygote and all below it."""
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_RDWR)  # which the zygote sees, and cleans up
            if self._ahead is not None:
                with contextlib.suppress(JailError):
                    self._ahead.result().end()
                self._ahead = None
            self._control.close()
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._scratch is not None:
            self._scratch.remove()
            self._scratch = None
        if self._group is not None:
            self._group.remove()
            self._group = None

    def run(self, job: Job) -> Answer:
        """Run one submission.

        Raises:
            JailError: the machine's fault; the same job can be run again.
            CourseError: probes.py cannot be loaded.
        """
        names = probe_names(job.probes)
        if self._process is None or self._process.poll() is not None:
            self.close()
            self.start()
        began = time.monotonic()
        driver = self._next(job.limits)
        try:
            got, end = converse(driver.socket, job, names)
        finally:
            driver.end()
            ended = self._hear(REAP_S, "cpu_s")
        self._ahead = self._aside.submit(self._begin, job.limits)
        if end.broken:
            raise CourseError(end.broken, "probes.py")
        if end.fault:
            raise JailError(end.fault)
        return Answer(self.tier, got, end.ended, end.output, time.monotonic() - began, float(ended["cpu_s"]))

    def _next(self, limits: Limits) -> Driver:
        """The driver that was made ahead, or a new one."""
        ahead, self._ahead = self._ahead or self._aside.submit(self._begin, limits), None
        try:
            driver = ahead.result()
            if self._group is not None and driver.limits != limits:
                self._group.take(driver.pidfd, limits)
        except JailError:
            self.close()
            raise
        return driver

    def _begin(self, limits: Limits) -> Driver:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(self._control, [b"j"], [theirs.fileno()])
            _, (pidfd,) = self._listen(REAP_S, "started")
        except (OSError, ValueError, JailError) as error:
            ours.close()
            raise JailError(f"the zygote is gone: {error}") from error
        driver = Driver(ours, pidfd, limits)
        try:
            if self._group is not None:  # nothing runs yet: the driver waits for its job
                self._group.take(pidfd, limits)
        except JailError:
            driver.end()
            raise
        return driver

    def _tell(self, message: dict[str, Any]) -> None:
        try:
            self._control.send(json.dumps(message).encode())
        except OSError as error:
            raise JailError(f"the zygote is gone: {error}") from error

    def _hear(self, timeout_s: float, expected: str) -> dict[str, Any]:
        """As ``_listen``; a jail that says anything else is closed."""
        try:
            return self._listen(timeout_s, expected)[0]
        except JailError:
            self.close()
            raise

    def _listen(self, timeout_s: float, expected: str) -> tuple[dict[str, Any], list[int]]:
        """The zygote's next message, which must hold ``expected``, and the descriptors that came with it."""
        try:
            self._control.settimeout(timeout_s)
            data, descriptors, _, _ = socket.recv_fds(self._control, 1 << 16, 1)
            message: dict[str, Any] = msgspec.json.decode(data)
        except (OSError, msgspec.MsgspecError) as error:
            raise JailError(f"the jail gave no answer: {error}") from error
        if expected in message:
            return message, descriptors
        if "none" in message:
            raise NoJailError(message["none"])
        raise JailError(message.get("fault", "the jail gave a wrong answer"))


def _tail(errors: IO[bytes]) -> str:
    errors.seek(0)
    text = errors.read().decode(errors="replace").strip()
    return f"\n{text[-2000:]}" if text else ""
