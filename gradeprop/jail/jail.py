"""The grader's side of a jail: start the zygote, send it jobs, receive results; nothing that it sends is trusted."""

import contextlib
import json
import os
import signal
import socket
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from gradeprop.core.errors import CourseError, JailError, NoJailError
from gradeprop.core.scratch import ScratchDir
from gradeprop.core.warm import Child, tail, warm_process
from gradeprop.guest.bootstrap import CHANNEL
from gradeprop.jail.cgroups import Group, make_group
from gradeprop.jail.job import Job, JobResult, converse, probe_names
from gradeprop.jail.plan import make_plan

START_S = 120.0  # for a cold disk and a first import of torch
REAP_S = 60.0  # in the restricted tier the zygote removes the job's files, on whatever disk there is
END_S = 3.0


class Jail:
    """A zygote that runs one job at a time. If it has died, the next job starts another."""

    def __init__(self, tier: str, hide: tuple[Path, ...] = ()) -> None:
        self._kind, self._hide = tier, hide
        self._process: Child | None = None
        self._control: socket.socket  # set together with the process
        self._scratch: ScratchDir | None = None
        self._group: Group | None = None
        self.tier = tier
        self.ready_s = 0.0
        """seconds from the start until ready for the first job"""

    @property
    def has_cgroup(self) -> bool:
        """True if a control group limits memory and processes; otherwise each process has limits, with a watchdog."""
        return self._group is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the zygote and wait until it is warm.

        Raises:
            JailError: the zygote did not start.
            NoJailError: this machine cannot run this tier.
        """
        began, warm = time.monotonic(), warm_process()
        plan = make_plan(self._kind, self._hide)
        self._scratch, self._group = plan.scratch, make_group()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with tempfile.TemporaryFile() as errors:
            with theirs:
                self._process = warm.fork("gradeprop-jail", "guest.bootstrap:main", [CHANNEL], theirs, errors.fileno())
            try:
                self._send(plan.bootstrap)
                self._send(plan.zygote)
                self._process.pid  # noqa: B018  (raises JailError, and says why, if the zygote did not start)
                self._receive(START_S, "ready")
            except JailError as error:
                self.close()
                raise type(error)(" ".join(filter(None, (str(error), tail(errors))))) from None
        self.tier, self.ready_s = plan.tier, time.monotonic() - began

    def close(self) -> None:
        """End the zygote and all its processes."""
        if self._process is not None:
            self._control.close()  # the zygote notices, and cleans up
            self._process.end(END_S)
            self._process = None
        if self._scratch is not None:
            self._scratch.remove()
            self._scratch = None
        if self._group is not None:
            self._group.remove()
            self._group = None

    def run(self, job: Job) -> JobResult:
        """Run one submission.

        Raises:
            JailError: the machine failed; the same job can be run again.
            CourseError: probes.py cannot be loaded.
        """
        names = probe_names(job.probes)
        if self._process is None or self._process.poll() is not None:
            self.close()
            self.start()
        began = time.monotonic()
        ours, theirs = socket.socketpair()
        with ours:
            pidfd = self._begin(theirs)
            try:
                if self._group is not None:  # nothing runs yet: the supervisor waits for the job
                    self._group.add(pidfd, job.limits)
                frames, end = converse(ours, job, names)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                os.close(pidfd)
                ended = self._receive(REAP_S, "cpu_s")
        if end.broken:
            raise CourseError(end.broken, "probes.py")
        if end.fault:
            raise JailError(end.fault)
        return JobResult(self.tier, frames, end.ended, end.output, time.monotonic() - began, float(ended["cpu_s"]))

    def _begin(self, theirs: socket.socket) -> int:
        try:
            with theirs:
                socket.send_fds(self._control, [b"j"], [theirs.fileno()])
            descriptors: list[int] = []
            self._receive(REAP_S, "started", descriptors)
            return descriptors[0]
        except (OSError, IndexError) as error:
            self.close()
            raise JailError(f"the zygote is gone: {error}") from error

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._control.send(json.dumps(message).encode())
        except OSError as error:
            raise JailError(f"the zygote is gone: {error}") from error

    def _receive(self, timeout_s: float, expected: str, descriptors: list[int] | None = None) -> dict[str, Any]:
        """Receive the zygote's next message, which must contain ``expected``; on any other message close the jail."""
        try:
            self._control.settimeout(timeout_s)
            data, passed, _, _ = socket.recv_fds(self._control, 1 << 16, 1)
            message: dict[str, Any] = msgspec.json.decode(data)
        except (OSError, msgspec.MsgspecError) as error:
            message = {"fault": f"the jail did not answer: {error}"}
        else:
            (descriptors if descriptors is not None else []).extend(passed)
        if expected in message:
            return message
        self.close()
        if "none" in message:
            raise NoJailError(message["none"])
        raise JailError(message.get("fault", "the jail sent an unexpected message"))
