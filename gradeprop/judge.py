"""Observations → outcomes: asks a warm, trusted process that has the checks loaded (``pytest_plugin``).

This side imports no torch, so that the command answers at once and a worker stays small.
"""

import os
import socket
import struct
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import msgspec

from gradeprop.errors import CourseError, JailError
from gradeprop.paths import AssignmentPaths, StudentPaths
from gradeprop.records import Assignment, Outcome, Record, Run

_LENGTH = struct.Struct("<Q")
T = TypeVar("T")


class InputsRequest(Record, frozen=True, kw_only=True, tag="inputs"):
    """Asks for the held-out inputs."""

    dataset: str
    seed: int


class CheckRequest(Record, frozen=True, kw_only=True, tag="check"):
    """Asks for the outcomes of one submission."""

    run: str
    observations: str
    dataset: str
    seed: int
    bars: dict[str, tuple[float, float]]
    only: tuple[str, ...] | None = None
    """names of the checks to run; None for all"""

    def asks_for(self, check: str) -> bool:
        return self.only is None or check in self.only


class Check(Record, frozen=True, kw_only=True):
    """One hidden check."""

    name: str
    question: str
    points: float
    line: str


class Hello(Record, frozen=True, kw_only=True):
    """What the process says once the checks are loaded."""

    checks: list[Check]
    flaws: list[Outcome]


class Ended(Record, frozen=True, kw_only=True):
    """One check has ended; ``used`` names the probes it asked for."""

    outcome: Outcome
    used: list[str]


class Checked(Record, frozen=True, kw_only=True):
    """All checks have ended."""

    outcomes: list[Outcome]
    used: dict[str, list[str]]


def send_bytes(channel: socket.socket, data: bytes) -> None:
    """One message, its length first."""
    channel.sendall(_LENGTH.pack(len(data)) + data)


def send(channel: socket.socket, message: Record) -> None:
    """One record as a message."""
    send_bytes(channel, msgspec.json.encode(message))


def receive_bytes(channel: socket.socket) -> bytes | None:
    """The next message; None where the other side has ended."""
    head = _exactly(channel, _LENGTH.size)
    return None if head is None else _exactly(channel, _LENGTH.unpack(head)[0])


def receive(channel: socket.socket, kind: type[T]) -> T | None:
    """The next message as a record; both ends are ours, so a wrong one is a bug."""
    data = receive_bytes(channel)
    return None if data is None else msgspec.json.decode(data, type=kind)


def _exactly(channel: socket.socket, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        try:
            part = channel.recv(min(size - len(parts), 1 << 20))
        except ConnectionError:
            return None
        if not part:
            return None
        parts += part
    return bytes(parts)


class Judge:
    """The checks of one assignment, loaded once; use it as a context manager."""

    def __init__(self, assignment: Assignment, paths: AssignmentPaths) -> None:
        self.assignment, self._root, self._tests = assignment, paths.bundle.root, paths.tests
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

    def check(self, run: Run, kept: StudentPaths, only: tuple[str, ...] | None = None) -> Checked:
        """The outcomes of every check on the observations kept at ``kept``; flaws of the course are among them."""
        request = CheckRequest(
            run=str(kept.run),
            observations=str(kept.observations),
            dataset=run.dataset,
            seed=run.seed,
            bars=self.assignment.held_out[run.dataset].bars if run.dataset in self.assignment.held_out else {},
            only=only,
        )
        checked = msgspec.json.decode(self._ask(request), type=Checked)
        return Checked(outcomes=[*checked.outcomes, *self.flaws], used=checked.used)

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "gradeprop.pytest_plugin", str(self._root), self.assignment.name]
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        environment |= threads | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        with theirs:
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches the grader alone, which ends this in order
            )
        self._channel = ours
        hello = receive(ours, Hello)
        if hello is None:
            raise CourseError(f"the checks cannot be loaded (exit status {self._process.wait()})", self._tests)
        self.checks = hello.checks
        self.flaws = [*hello.flaws, *_sums(self.assignment, hello.checks, self._tests)]

    def _ask(self, request: Record) -> bytes:
        try:
            send(self._channel, request)
            answer = receive_bytes(self._channel)
        except OSError:
            answer = None
        if answer is None:  # killed, or out of memory: ours; the next request finds a fresh process
            self._channel.close()
            self._process.kill()
            status = self._process.wait()
            self._start()
            raise JailError(f"the process that runs the checks died (exit status {status})")
        return answer


def _sums(assignment: Assignment, checks: list[Check], tests: Path) -> list[Outcome]:
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
                Outcome(
                    check=tests.name,
                    question=name,
                    line="The points add up.",
                    fate="broken",
                    points=0.0,
                    possible=0.0,
                    message=message,
                )
            )
    return flaws
