"""Run one job: make its private place, start runners, keep time, count bytes, pass frames on.

Pid 1 of the job's own namespaces (full tier), so nothing the student starts can signal it, and all ends when it ends.
It never runs student code, and of what a runner sends it reads only the two lengths of each frame.

in:  on the job's socket, one frame: header = ``Job`` as JSON, blob = the files, the probes, the inputs
out: a frame per probe; last a frame without header: {"ended": sentence, "output": text}, or {"fault": sentence}
"""

import json
import os
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from . import framing, privileges, runner, syscalls, usage
from .draw import Draw

MIB = 1 << 20
TICK_S = 0.1
FLOOD = 512  # times what is kept of the output ends the run
KILLS = 2  # at one probe may be the machine's, short of memory: it is tried again; one more is the student's


def main(job: int, home: str, setting: dict[str, Any], ids: tuple[int, int]) -> NoReturn:
    """Never returns: whatever goes wrong here is a fault of ours, and is sent as one."""
    syscalls.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's handler is what makes pid 1 take it from its own namespace
    try:
        end = _conduct(job, Path(home), setting, ids)
    except BaseException as error:
        end = {"fault": f"{type(error).__name__}: {error}"}
    try:
        framing.send(job, b"", json.dumps(end).encode())
    finally:
        os._exit(0)


def _conduct(job: int, home: Path, setting: dict[str, Any], ids: tuple[int, int]) -> dict[str, str]:
    header, blob = framing.HEAD.unpack(framing.read(job, framing.HEAD.size))
    spec = json.loads(framing.read(job, header))
    if setting["tier"] == "full":
        privileges.enter_namespaces(ids, str(home), blob + spec["limits"]["disk-mib"] * MIB)
    for folder in ("submission", "draws", "shm"):
        (home / folder).mkdir()
    for name, size in spec["files"]:
        framing.receive_file(job, size, home / "submission" / name)
    try:
        probes = runner.load_probes(framing.read(job, spec["probes"]))
    except Exception as error:
        return {"broken": f"{type(error).__name__}: {error}"}
    inputs = runner.load_inputs(framing.read(job, spec["inputs"]))
    draws = [Draw(spec["seed"], name, home, inputs) for name in spec["names"]]
    return _Course(job, home, setting, spec, probes, draws).run()


class _Course:
    """All probes in order, in a fresh runner wherever one was lost."""

    def __init__(
        self,
        job: int,
        home: Path,
        setting: dict[str, Any],
        spec: dict[str, Any],
        probes: dict[str, runner.Probe],
        draws: list[Draw],
    ) -> None:
        self.job, self.home, self.setting, self.probes, self.draws = job, home, setting, probes, draws
        self.names: list[str] = spec["names"]
        self.limits: dict[str, Any] = spec["limits"]
        self.end_at = time.monotonic() + self.limits["wall-s"]
        self.budget = self.limits["answer-mib"] * MIB + len(self.names) * (framing.HEADER_LIMIT + framing.HEAD.size)
        self.usage = usage.Usage(setting["tier"], home, self.limits)
        self.done, self.ended, self.output, self.printed = 0, "", b"", 0
        self.imported, self.began, self.kills = False, 0.0, 0

    def run(self) -> dict[str, str]:
        while self.done < len(self.names) and not self.ended:
            self._one_runner()
        return {"ended": self.ended, "output": self.output.decode(errors="replace")}

    def _one_runner(self) -> None:
        (results, to_results), (output, to_output) = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            self._become_runner(to_results, to_output)
        os.close(to_results)
        os.close(to_output)
        pidfd = os.pidfd_open(pid)
        try:
            self._attend(results, output, pid, pidfd)
        finally:
            usage.kill(pidfd)
            for descriptor in (results, output, pidfd):
                os.close(descriptor)

    def _become_runner(self, results: int, output: int) -> NoReturn:
        try:
            privileges.leave_descriptors(results, output)
            privileges.confine(self.setting, self.home, self.limits)
            budget = self.limits["answer-mib"] * MIB
            runner.main(self.probes, self.names[self.done :], self.draws[self.done :], budget, privileges.RESULTS)
        finally:
            os._exit(1)

    def _attend(self, results: int, output: int, pid: int, pidfd: int) -> None:
        """Until the runner is through, dead, or out of bounds."""
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        for descriptor in (results, output):
            os.set_blocking(descriptor, False)
            poll.register(descriptor, select.POLLIN)
        cutter = framing.Frames(self.budget)
        self.imported, self.began = False, time.monotonic()
        tick_at = self.began + TICK_S
        while self.done < len(self.names) and not self.ended:
            deadline = min(self.end_at, self.began + self.limits["probe-s"])
            wait_s = min(deadline, tick_at) - time.monotonic()
            died = any(descriptor == pidfd for descriptor, _ in poll.poll(max(0, wait_s) * 1000))
            self._keep_output(output, poll)
            try:
                for data in _available(results, poll):
                    self._forward(cutter.feed(data))
                self._keep_output(output, poll)  # again: what was printed before these frames were sent
            except framing.Oversize:
                return self._lost("error", "The code gave back more numbers than can be looked at.")
            if died and self.done < len(self.names):
                status, how = usage.describe_exit(pid)
                self.kills += status == -signal.SIGKILL
                return None if status == -signal.SIGKILL and self.kills <= KILLS else self._lost("crash", how)
            now = time.monotonic()
            if now >= self.end_at:
                self.ended = f"The run was stopped after {self.limits['wall-s']:g} s."
            elif now >= self.began + self.limits["probe-s"]:
                return self._lost("timeout", f"This took more than {self.limits['probe-s']:g} s.")
            elif now >= tick_at:
                excess = self.usage.excess()
                tick_at = time.monotonic() + TICK_S  # from its end: it can take long, and holds the code
                if excess:
                    self._lost("crash", excess)
                    self.ended = "" if self.setting["tier"] == "full" else excess  # what was written to disk stays
                    return None
        return None

    def _forward(self, complete: Iterator[tuple[bytes, bytes]]) -> None:
        for header, blob in complete:
            if header and self.done < len(self.names):
                framing.send(self.job, header, blob)
                self.budget -= len(header) + len(blob)
                self.done, self.kills = self.done + 1, 0
            if header or not self.imported:  # an empty frame ends the import; no later one gains time
                self.imported, self.began = True, time.monotonic()

    def _lost(self, status: str, message: str) -> None:
        """The probe that was running ends like this; if student_code was still being imported, every other one too."""
        wall_s = time.monotonic() - self.began
        for name in self.names[self.done : self.done + 1] if self.imported else self.names[self.done :]:
            text = message if self.imported else f"While student_code.py was imported: {message}"
            header = {"probe": name, "status": status, "message": text, "wall_s": wall_s, "values": {}}
            framing.send(self.job, json.dumps(header).encode(), b"")
            self.done, self.kills = self.done + 1, 0

    def _keep_output(self, output: int, poll: select.poll) -> None:
        kept = self.limits["output-kib"] * 1024
        for data in _available(output, poll):
            self.printed += len(data)
            self.output += data[: kept - len(self.output)]
            if self.printed > FLOOD * kept:
                self.ended = f"The code printed more than {FLOOD * kept // MIB} MiB; the run was stopped."
                return


def _available(descriptor: int, poll: select.poll) -> Iterator[bytes]:
    """What can be read now; a pipe that all writers have left is not waited for again."""
    try:
        while data := os.read(descriptor, framing.CHUNK):
            yield data
        poll.unregister(descriptor)
    except (BlockingIOError, KeyError):
        return
