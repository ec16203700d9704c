"""Supervisor of one job: prepare its private folder, start runners, keep time, count bytes, forward frames.

It is pid 1 of the job's namespaces (full tier), so the student cannot signal it, and all processes end with it. It
never runs student code, and parses nothing that a runner sends except the two lengths of each frame.

in:  on the job's socket, one frame: header = ``jail.job.Job`` as JSON, blob = the files, the probes, the inputs
out: one frame for each probe; then one without a header: {"ended": sentence, "output": text}, {"fault": sentence}, or
     {"broken": error in probes.py}
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
FLOOD = 512  # a run that prints this many times the stored output is ended
KILLS = 2  # the first two kills in a probe may be due to the machine's memory: it is retried; a third is the student's


def main(job: int, home: str, setting: dict[str, Any], ids: tuple[int, int]) -> NoReturn:
    """Run the job, and send any error of ours as a fault; never return."""
    syscalls.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # with Python's handler, the job's processes could interrupt pid 1
    try:
        end = _run_job(job, Path(home), setting, ids)
    except BaseException as error:
        end = {"fault": f"{type(error).__name__}: {error}"}
    try:
        framing.send(job, b"", json.dumps(end).encode())
    finally:
        os._exit(0)


def _run_job(job: int, home: Path, setting: dict[str, Any], ids: tuple[int, int]) -> dict[str, str]:
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
    draws = [Draw(seed, name, home, inputs) for name, seed in zip(spec["names"], spec["seeds"], strict=True)]
    return _JobRun(job, home, setting, spec, probes, draws).run()


class _JobRun:
    """All probes in order, with a new runner whenever one was lost."""

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
        """Run all probes; return the last frame's content."""
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
            self._watch(results, output, pid, pidfd)
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

    def _watch(self, results: int, output: int, pid: int, pidfd: int) -> None:
        """Watch the runner until it is finished, dead, or exceeds a limit."""
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
            self._store_output(output, poll)
            try:
                for data in _available(results, poll):
                    self._forward(cutter.feed(data))
                self._store_output(output, poll)  # again, for text printed before these frames were sent
            except framing.Oversize:
                return self._report_failure("error", "The code returned too much data.")
            if died and self.done < len(self.names):
                status, how = usage.describe_exit(pid)
                self.kills += status == -signal.SIGKILL
                return None if status == -signal.SIGKILL and self.kills <= KILLS else self._report_failure("crash", how)
            now = time.monotonic()
            if now >= self.end_at:
                self.ended = f"The run was stopped after {self.limits['wall-s']:g} s."
            elif now >= self.began + self.limits["probe-s"]:
                return self._report_failure("timeout", f"This took more than {self.limits['probe-s']:g} s.")
            elif now >= tick_at:
                memory, disk = self.usage.memory_excess(pid), self.usage.disk_excess()
                tick_at = time.monotonic() + TICK_S  # measured from the end: the check is slow and stops the code
                if memory or disk:
                    self.ended = disk  # the files stay there
                    return self._report_failure("crash", memory or disk)
        return None

    def _forward(self, complete: Iterator[tuple[bytes, bytes]]) -> None:
        for header, blob in complete:
            if header and self.done < len(self.names):
                framing.send(self.job, header, blob)
                self.budget -= len(header) + len(blob)
                self.done, self.kills = self.done + 1, 0
            if header or not self.imported:  # an empty frame ends the import; later ones cannot gain time
                self.imported, self.began = True, time.monotonic()

    def _report_failure(self, status: str, message: str) -> None:
        """Report the failure of the current probe, or of all remaining probes if student_code was being imported."""
        wall_s = time.monotonic() - self.began
        for name in self.names[self.done : self.done + 1] if self.imported else self.names[self.done :]:
            text = message if self.imported else f"While student_code.py was imported: {message}"
            header = {"probe": name, "status": status, "message": text, "wall_s": wall_s, "values": {}}
            framing.send(self.job, json.dumps(header).encode(), b"")
            self.done, self.kills = self.done + 1, 0

    def _store_output(self, output: int, poll: select.poll) -> None:
        max_bytes = self.limits["output-kib"] * 1024
        for data in _available(output, poll):
            self.printed += len(data)
            self.output += data[: max_bytes - len(self.output)]
            if self.printed > FLOOD * max_bytes:
                self.ended = f"The code printed more than {FLOOD * max_bytes // MIB} MiB; the run was stopped."
                return


def _available(descriptor: int, poll: select.poll) -> Iterator[bytes]:
    """Yield all data that can be read now; forget a pipe that all writers have closed."""
    try:
        while data := os.read(descriptor, framing.CHUNK):
            yield data
        poll.unregister(descriptor)
    except (BlockingIOError, KeyError):
        return
