"""The checks of one assignment, kept warm: pytest collects them once, then runs them once per submission, in a fork.

Started by ``judge`` as ``python -m gradeprop.judge.server <root> <assignment> <fd>``: a trusted process that has torch
and the checks loaded and that student code has never run in. It answers requests on the socket ``fd``:

    {"inputs": {dataset, seed}}                        → the held-out inputs, as safetensors
    {"check": {run, observations, probe, …}}           → the outcomes, and which probes each check asked for

A fork answers each, so nothing that a check leaves behind reaches the next submission.
"""

import functools
import itertools
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import msgspec
import pytest
import safetensors
import safetensors.torch
import torch
from _pytest.runner import runtestprotocol
from torch import Tensor

from gradeprop.core import models, storage
from gradeprop.core.errors import JailError
from gradeprop.core.models import CheckResult, DatasetRequirements
from gradeprop.core.paths import AssignmentPaths, CoursePaths
from gradeprop.core.scratch import ScratchDir
from gradeprop.course.config import load_module
from gradeprop.guest import lazy_dynamo, syscalls
from gradeprop.judge import protocol
from gradeprop.judge.accessors import CheckFailed, Observed, Points, Seen, Show
from gradeprop.judge.reference import observe_reference

_UNUSED = "cacheprovider logging faulthandler unraisableexception threadexception doctest junitxml stepwise pastebin"
"""plugins of pytest's own that only cost time here: logging alone a third of it"""

_CHECK_S = 60.0
"""a check that takes longer is the instructor's to mend"""


class Checks:
    """The pytest plugin: fixtures, points, and a run loop that serves requests in place of running once."""

    def __init__(self, paths: AssignmentPaths, channel: socket.socket) -> None:
        self.paths, self.channel = paths, channel
        self.flaws: list[CheckResult] = []
        self.scratch = ScratchDir()
        self.request: protocol.CheckRequest
        self.now: Observed
        self.reference_now: Observed

    # ---- fixtures: what a check sees

    @pytest.fixture
    def observed(self) -> Observed:
        """Call it with the name of a probe; see gradeprop.check.Seen."""
        return self.now

    @pytest.fixture
    def points(self) -> Points:
        """Lets a check keep a part of its points."""
        return Points()

    @pytest.fixture
    def show(self) -> Show:
        """Puts tables and curves on the feedback page."""
        return self.showing

    @pytest.fixture
    def answers(self) -> dict[str, Tensor]:
        """What belongs to the held-out inputs and never enters the jail: the labels."""
        return self.held_out(self.request.dataset, self.request.seed)[1]

    @pytest.fixture
    def bars(self) -> dict[str, tuple[float, float]]:
        """Accuracy bars in percent by name of the weights: (pass, full)."""
        return self.request.held.bars

    @pytest.fixture
    def held(self) -> DatasetRequirements:
        """All that assignment.toml asks on the data set: bars, bands and caps."""
        return self.request.held

    @pytest.fixture
    def expected(self) -> Callable[[str], Seen]:
        """As ``observed``, for the reference solution under the same draws."""
        return self.reference_now

    @pytest.fixture
    def reference(self) -> ModuleType:
        """The reference solution."""
        return self.solution

    @functools.cached_property
    def solution(self) -> ModuleType:
        return load_module(self.paths.course.solution, "reference_solution")

    @functools.lru_cache(maxsize=2)  # noqa: B019  (the plugin lives as long as the process)
    def held_out(self, dataset: str, seed: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        if not self.paths.held_out.is_file():
            return {}, {}
        found: tuple[dict[str, Tensor], dict[str, Tensor]] = self.held_out_module.held_out(dataset, seed)
        return found

    @functools.lru_cache(maxsize=2)  # noqa: B019
    def reference_run(self, dataset: str, seed: int) -> Observed:
        home = self.scratch.path / f"{dataset}-{seed}"
        kept = observe_reference(self.paths, self.solution, self.held_out(dataset, seed)[0], seed, home)
        found = _open(kept.run, kept.observations)
        syscalls.prepare_to_fork()
        return found

    @functools.cached_property
    def held_out_module(self) -> ModuleType:
        return load_module(self.paths.held_out, "held_out")

    # ---- hooks

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "points(n, question): what the check is worth, and for which question")

    def pytest_exception_interact(
        self, node: pytest.Item | pytest.Collector, call: pytest.CallInfo[None], report: object
    ) -> None:
        """A file of checks that cannot be loaded is a flaw of the course."""
        if isinstance(report, pytest.CollectReport) and call.excinfo is not None:
            error = call.excinfo.value.__cause__ or call.excinfo.value
            self.flaws.append(_broken(node.nodeid, "", _where(error, self.paths.course.root)))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> NoReturn:
        """Serve until the socket closes."""
        checks = [check for item in session.items if (check := self.describe(item))]
        torch.manual_seed(0)
        _warm()
        protocol.send(self.channel, protocol.Ready(checks=checks, flaws=self.flaws))
        while (message := protocol.receive_bytes(self.channel)) is not None:
            self.serve(session, msgspec.json.decode(message, type=protocol.InputsRequest | protocol.CheckRequest))
        self.scratch.remove()
        os._exit(0)  # nothing to tell, and taking torch apart takes seconds

    # ---- requests

    def describe(self, item: pytest.Item) -> protocol.Check | None:
        """A check's question and points; one without becomes a flaw."""
        marker = item.get_closest_marker("points")
        question = marker.kwargs.get("question") if marker else None
        if marker is None or question is None or len(marker.args) != 1 or not marker.args[0] > 0:
            where = f"{self.paths.course.root / item.location[0]}:{(item.location[1] or 0) + 1}"
            message = f"{where}: {item.name} has no points: mark it with @pytest.mark.points(n, question=…)"
            self.flaws.append(_broken(item.nodeid, "", message))
            return None
        return protocol.Check(name=item.nodeid, question=question, points=marker.args[0], line=_first_line(item))

    def serve(self, session: pytest.Session, request: protocol.InputsRequest | protocol.CheckRequest) -> None:
        if isinstance(request, protocol.InputsRequest):
            try:
                inputs, _ = self.held_out(request.dataset, request.seed)
                protocol.send_bytes(self.channel, b"+" + safetensors.torch.save(inputs))
            except Exception as error:
                protocol.send_bytes(self.channel, b"-" + _where(error, self.paths.course.root).encode())
            return
        try:
            self.reference_run(request.dataset, request.seed)  # here, so that the forks share what it makes
            protocol.send(self.channel, self.answer(session, request))
        except JailError as error:
            protocol.send(self.channel, protocol.CheckResponse(results=[], used={}, fault=str(error)))
        except Exception as error:
            flaw = _broken(self.paths.name, "", _where(error, self.paths.course.root))
            protocol.send(self.channel, protocol.CheckResponse(results=[flaw], used={}))

    def answer(self, session: pytest.Session, request: protocol.CheckRequest) -> protocol.CheckResponse:
        """Fork, run every check in the child, collect the outcomes as they come; say which check never ended."""
        chosen = [i for i in session.items if i.get_closest_marker("points") and request.asks_for(i.nodeid)]
        items = chosen * max(1, len(request.swaps))
        reader, writer = socket.socketpair()
        if (child := os.fork()) == 0:
            syscalls.die_with_parent()
            reader.close()
            self.channel.close()
            self.run(chosen, request, writer)
        writer.close()
        done, gone = _collect(reader, len(items))
        os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if gone and status == -signal.SIGKILL:
            raise JailError("the process that runs the checks was killed")  # by somebody else, or for want of memory
        results = [ended.result for ended in done]
        for number, item in enumerate(items[len(done) :]):
            why = "not run, after the crash above" if number else f"this crashed, or ran longer than {_CHECK_S:.0f} s"
            results.append(_broken(item.nodeid, _question(item), f"{_place(item)}: {why}", item))
        return protocol.CheckResponse(results=results, used={ended.result.check: ended.used for ended in done})

    def run(self, items: list[pytest.Item], request: protocol.CheckRequest, writer: socket.socket) -> None:
        """In the fork: run the checks, send each outcome, never return."""
        status = 1
        try:
            self.request, self.reference_now = request, self.reference_run(request.dataset, request.seed)
            seen = _open(Path(request.run), Path(request.observations))
            for swap, item in itertools.product(request.swaps or (None,), items):
                self.now = seen.swapped(swap.probe, swap.key, swap.value) if swap else seen.swapped()
                result = self.result(item)
                protocol.send(writer, protocol.CheckFinished(result=result, used=sorted(self.now.used)))
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def result(self, item: pytest.Item) -> CheckResult:
        """Run one check by pytest's own protocol; an exception that is not a failed check is the instructor's."""
        torch.default_generator.manual_seed(0)  # torch.manual_seed looks for devices, and takes longer than most checks
        marker = item.get_closest_marker("points")
        assert marker is not None
        possible = float(marker.args[0])
        self.raised: BaseException | None = None
        self.showing = Show()
        reports = runtestprotocol(item, log=False, nextitem=None)
        message, verdict, points = "", "passed", possible
        if self.raised is not None or not all(report.passed for report in reports):
            error = self.raised
            if isinstance(error, CheckFailed):
                message, verdict, points = str(error), error.verdict, max(0.0, min(float(error.points), possible))
            elif isinstance(error, AssertionError):
                message, verdict, points = str(error).strip() or "This does not hold.", "failed", 0.0
            else:
                message = _where(error, self.paths.course.root) if error else f"{_place(item)}: the check was skipped"
                return _broken(item.nodeid, marker.kwargs["question"], message, item)
        return CheckResult(
            check=item.nodeid,
            question=marker.kwargs["question"],
            line=_first_line(item),
            verdict=verdict,  # type: ignore[arg-type]
            points=points,
            possible=possible,
            message=message or self.showing.said,
            exhibits=tuple(self.showing.exhibits),
        )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        if call.excinfo is not None:
            self.raised = call.excinfo.value
        return (yield)


def _open(run_file: Path, observations: Path) -> Observed:
    """The observations of one run; the process ends before the file needs closing."""
    run = storage.read(models.JailRun, run_file)
    file = safetensors.safe_open(observations, framework="pt")
    names = frozenset(file.keys())  # type: ignore[no-untyped-call]

    def tensor(name: str) -> Tensor:
        if name not in names:
            raise KeyError(name)
        found: Tensor = file.get_tensor(name)  # type: ignore[no-untyped-call]
        return found

    return Observed(run.probes, run.values, tensor, run.ended)


def _collect(reader: socket.socket, expected: int) -> tuple[list[protocol.CheckFinished], bool]:
    """Outcomes as they come, until all are there, one takes too long, or the other side ends, which the flag says."""
    done: list[protocol.CheckFinished] = []
    with reader:
        while len(done) < expected and _readable(reader, time.monotonic() + _CHECK_S):
            if (ended := protocol.receive(reader, protocol.CheckFinished)) is None:
                return done, True
            done.append(ended)
    return done, False


def _readable(reader: socket.socket, deadline: float) -> bool:
    return bool(select.select([reader], [], [], max(0.0, deadline - time.monotonic()))[0])


def _warm() -> None:
    """What the first check would wait for, done before the first fork; one thread, or a fork's second one hangs."""
    lazy_dynamo.stub_torch_dynamo()
    torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    torch.nn.Conv2d(1, 1, 1)(torch.ones(1, 1, 1, 1)).sum().backward()


def _first_line(item: pytest.Item) -> str:
    doc = getattr(getattr(item, "obj", None), "__doc__", None) or item.name.replace("_", " ")
    return str(doc).strip().splitlines()[0]


def _question(item: pytest.Item) -> str:
    marker = item.get_closest_marker("points")
    return str(marker.kwargs["question"]) if marker else ""


def _place(item: pytest.Item) -> str:
    return f"{item.path}:{(item.location[1] or 0) + 1}"


def _where(error: BaseException, root: Path) -> str:
    """File and line of the course to mend, and the error."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if Path(f.filename).is_relative_to(root) and "site-packages" not in f.filename]
    package = Path(__file__).parents[1]
    ours = [f for f in ours if not Path(f.filename).is_relative_to(package)] or ours
    place = f"{ours[-1].filename}:{ours[-1].lineno}" if ours else str(root)
    return f"{place}: {type(error).__name__}: {error}"


def _broken(check: str, question: str, message: str, item: pytest.Item | None = None) -> CheckResult:
    marker = item.get_closest_marker("points") if item else None
    return CheckResult(
        check=check,
        question=question,
        line=_first_line(item) if item else check,
        verdict="broken",
        points=0.0,
        possible=float(marker.args[0]) if marker else 0.0,
        message=message,
    )


def serve(root: Path, assignment: str, fd: int) -> int:
    """Collect the checks of an assignment and answer requests until the socket closes; returns only if that fails."""
    torch.set_num_threads(1)
    paths = CoursePaths(root).assignment(assignment)
    sys.path.insert(0, str(paths.course.source))  # for ``from given import …`` in checks
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    arguments = [str(paths.tests), f"--rootdir={root}", "-c", os.devnull, "--import-mode=importlib", "--assert=plain"]
    # wrong/ and right/ hold student code: never collected, never imported
    arguments += [
        f"--ignore={paths.wrong}",
        f"--ignore={paths.right}",
        "--capture=no",
        "--continue-on-collection-errors",
    ]
    arguments += [f"-pno:{plugin}" for plugin in _UNUSED.split()]
    arguments += ["-W", "ignore", "-q", "--no-header", "--no-summary"]
    checks = Checks(paths, socket.socket(fileno=fd))
    try:
        return int(pytest.main(arguments, plugins=[checks]))
    finally:
        checks.scratch.remove()


if __name__ == "__main__":
    sys.exit(serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
