"""Observations → check results, by asking the judge's process (``server``), which has the checks loaded.

This side imports no torch, so that the command starts at once and a worker stays small.
"""

import contextlib
import os
import signal
import socket
from pathlib import Path
from types import TracebackType

import msgspec

from gradeprop.core.assignment import Assignment, DatasetRequirements
from gradeprop.core.errors import CourseError, JailError
from gradeprop.core.models import JailRun, Record
from gradeprop.core.paths import AssignmentPaths, StudentPaths
from gradeprop.core.warm import Child, warm_process
from gradeprop.guest.bootstrap import CHANNEL
from gradeprop.judge import questions
from gradeprop.judge.protocol import (
    CheckRequest,
    CheckResponse,
    InputsRequest,
    Ready,
    Swap,
    receive,
    receive_bytes,
    send,
)

END_S = 5.0
_ENVIRONMENT = dict.fromkeys(("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTHONDONTWRITEBYTECODE"), "1")


class Judge:
    """The checks of one assignment, in a process of their own; use it as a context manager.

    Entering starts the process and does not wait, so that the checks load while the caller starts its jail.
    """

    _process: Child
    _channel: socket.socket
    _ready: Ready | None

    def __init__(self, assignment: Assignment, paths: AssignmentPaths) -> None:
        self.assignment, self._root, self._tests = assignment, paths.course.root, paths.tests

    def __enter__(self) -> "Judge":
        self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._channel.close()
        self._process.end(END_S)

    def wait_until_loaded(self) -> Ready:
        """Wait until the checks are loaded; return them in the order of their files, with the flaws of the course.

        Raises:
            CourseError: pytest could not start on the folder of checks.
            JailError: the process was killed; the same can be asked again.
        """
        if self._ready is None:
            ready = receive(self._channel, Ready)
            if ready is None:
                raise self._not_loaded(self._status())
            wrong = questions.find_wrong_points(self.assignment, ready.checks, self._tests)
            self._ready = Ready(checks=ready.checks, flaws=[*ready.flaws, *wrong])
        return self._ready

    def require_sound(self) -> None:
        """Wait until the checks are loaded, and refuse any by which nobody could be graded.

        Raises:
            CourseError: a file of checks cannot be loaded, a question does not exist, or points don't add up.
        """
        with contextlib.suppress(JailError):  # killed: whoever asks next finds a new process
            if flaws := self.wait_until_loaded().flaws:
                listed = "\n".join(f"  {flaw.message}" for flaw in flaws)
                raise CourseError(f"nobody can be graded with these checks:\n{listed}", self._tests)

    def inputs(self, dataset: str, seed: int) -> bytes:
        """Return the held-out inputs as safetensors.

        Raises:
            CourseError: held_out.py failed; the text names file and line.
            JailError: the machine failed; the same can be asked again.
        """
        answer = self._ask(InputsRequest(dataset=dataset, seed=seed, requirements=self._requirements(dataset)))
        if answer[:1] == b"-":
            raise CourseError(f"the held-out inputs cannot be computed: {answer[1:].decode()}", self._tests)
        return answer[1:]

    def check(
        self, run: JailRun, paths: StudentPaths, only: tuple[str, ...] | None = None, swaps: tuple[Swap, ...] = ()
    ) -> CheckResponse:
        """Run the checks on the observations stored at ``paths``; flaws of the course are among the results.

        Args:
            only: names of the checks to run; None for all.
            swaps: run the checks once for each of these, with the one value replaced.

        Raises:
            JailError: the machine failed; the same can be asked again.
        """
        request = CheckRequest(
            run=str(paths.run),
            observations=str(paths.observations),
            dataset=run.dataset,
            seed=run.seed,
            requirements=self._requirements(run.dataset),
            only=only,
            swaps=swaps,
        )
        response = msgspec.json.decode(self._ask(request), type=CheckResponse)
        if response.machine_error:
            raise JailError(response.machine_error)
        results = [*response.results, *self.wait_until_loaded().flaws]
        return msgspec.structs.replace(response, results=results)

    def _requirements(self, dataset: str) -> DatasetRequirements:
        return self.assignment.held_out.get(dataset, DatasetRequirements(bars={}))

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        path = (str(Path(__file__).parents[2]), *os.environ.get("PYTHONPATH", "").split(os.pathsep))
        with theirs:
            self._process = warm_process().fork(
                "gradeprop-judge",
                "gradeprop.judge.server:serve",
                [str(self._root), self.assignment.name, CHANNEL],
                theirs,
                2,
                path=[folder for folder in path if folder],  # not the current folder: a student's may hold a torch.py
                environment={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")} | _ENVIRONMENT,
            )
        self._channel, self._ready = ours, None

    def _ask(self, request: Record) -> bytes:
        self.wait_until_loaded()
        try:
            send(self._channel, request)
            answer = receive_bytes(self._channel)
        except OSError:
            answer = None
        if answer is None:
            raise self._restart(self._status())
        return answer

    def _status(self) -> int:
        """Wait for the end of the process and return its exit status; one that never began counts as killed."""
        try:
            return self._process.wait()
        except JailError:
            return -signal.SIGKILL

    def _not_loaded(self, status: int) -> CourseError | JailError:
        if status < 0:
            return self._restart(status)
        return CourseError(f"the checks cannot be loaded (exit status {status})", self._tests)

    def _restart(self, status: int) -> JailError:
        """Start a fresh process for the next request: this one was killed, or ran out of memory."""
        self._channel.close()
        self._start()
        return JailError(f"the process that runs the checks died (exit status {status})")
