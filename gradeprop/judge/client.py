"""Observations → outcomes: asks a warm, trusted process that has the checks loaded (``pytest_plugin``).

This side imports no torch, so that the command answers at once and a worker stays small.
"""

import os
import socket
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import NoReturn

import msgspec

from gradeprop.core.errors import CourseError, JailError
from gradeprop.core.models import Assignment, CheckResult, DatasetRequirements, JailRun, Record
from gradeprop.core.paths import AssignmentPaths, StudentPaths
from gradeprop.judge.protocol import (
    Check,
    CheckRequest,
    CheckResponse,
    InputsRequest,
    Ready,
    Swap,
    receive,
    receive_bytes,
    send,
)

_ENVIRONMENT = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    **dict.fromkeys(("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTHONDONTWRITEBYTECODE"), "1"),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # as in the jail: forks have fewer page tables to copy
}


class Judge:
    """The checks of one assignment, loaded once; use it as a context manager."""

    _heard: Ready | None

    def __init__(self, assignment: Assignment, paths: AssignmentPaths) -> None:
        self.assignment, self._root, self._tests = assignment, paths.course.root, paths.tests
        self._start()

    def __enter__(self) -> "Judge":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._channel.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def inputs(self, dataset: str, seed: int) -> bytes:
        """The held-out inputs as safetensors.

        Raises:
            CourseError: held_out.py failed; the text names file and line.
        """
        answer = self._ask(InputsRequest(dataset=dataset, seed=seed))
        if answer[:1] == b"-":
            raise CourseError(f"the held-out images cannot be made: {answer[1:].decode()}", self._tests)
        return answer[1:]

    def check(
        self, run: JailRun, kept: StudentPaths, only: tuple[str, ...] | None = None, swaps: tuple[Swap, ...] = ()
    ) -> CheckResponse:
        """The outcomes of every check on the observations kept at ``kept``; flaws of the course are among them.

        Raises:
            JailError: the machine failed; the same can be asked again.
        """
        request = CheckRequest(
            run=str(kept.run),
            observations=str(kept.observations),
            dataset=run.dataset,
            seed=run.seed,
            held=self.assignment.held_out.get(run.dataset, DatasetRequirements(bars={})),
            only=only,
            swaps=swaps,
        )
        checked = msgspec.json.decode(self._ask(request), type=CheckResponse)
        if checked.fault:
            raise JailError(checked.fault)
        return CheckResponse(results=[*checked.results, *self.flaws], used=checked.used)

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        # -P: the current folder may be a student's, and hold a torch.py
        command = [sys.executable, "-P", "-m", "gradeprop.judge.server", str(self._root), self.assignment.name]
        path = (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")} | _ENVIRONMENT
        environment |= {"PYTHONPATH": os.pathsep.join(filter(None, path))}  # the same gradeprop as here
        with theirs:
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches the grader alone, which ends this in order
            )
        self._channel, self._heard = ours, None

    @property
    def _hello(self) -> Ready:
        """Waits for the checks to be loaded, which goes on beside whatever else is started."""
        if self._heard is None:
            self._heard = receive(self._channel, Ready)
        if self._heard is None:
            status = self._process.wait()
            if status < 0:
                self._begin_again(status)
            raise CourseError(f"the checks cannot be loaded (exit status {status})", self._tests)
        return self._heard

    @property
    def checks(self) -> list[Check]:
        """The hidden checks, in the order of their files."""
        return self._hello.checks

    @property
    def flaws(self) -> list[CheckResult]:
        """What is wrong with the checks themselves, as broken outcomes of every submission."""
        return [*self._hello.flaws, *_sums(self.assignment, self.checks, self._tests)]

    def _ask(self, request: Record) -> bytes:
        _ = self._hello
        try:
            send(self._channel, request)
            answer = receive_bytes(self._channel)
        except OSError:
            answer = None
        if answer is None:
            self._begin_again(self._process.wait())
        return answer

    def _begin_again(self, status: int) -> NoReturn:
        """Killed, or out of memory: ours; the next request finds a fresh process."""
        self._channel.close()
        self._start()
        raise JailError(f"the process that runs the checks died (exit status {status})")


def _sums(assignment: Assignment, checks: list[Check], tests: Path) -> list[CheckResult]:
    """Questions whose checks don't add up to their points, as flaws; a file that failed to load explains itself."""
    sums: dict[str, float] = defaultdict(float)
    for check in checks:
        sums[check.question] += check.points
    points = {question.name: question.points for question in assignment.questions if not question.manual}
    flaws = []
    for name in sorted({*sums, *points}):
        if abs(sums[name] - points.get(name, 0)) > 1e-9:
            says = f"{points[name]:g} in assignment.toml" if name in points else "no such question in assignment.toml"
            message = f"{tests}: the checks of the question {name!r} sum to {sums[name]:g} points; {says}"
            flaws.append(
                CheckResult(
                    check=tests.name,
                    question=name,
                    line="The points add up.",
                    verdict="broken",
                    points=0.0,
                    possible=0.0,
                    message=message,
                )
            )
    return flaws
