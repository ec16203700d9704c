"""The judge's process: pytest collects the checks of one assignment once, then a fork runs them for each submission.

``client`` starts it as a fork of the warm process (``core/warm.py``). It has torch and the checks loaded, and student
code never runs in it. It answers requests on the socket ``fd``:

    InputsRequest   → the held-out inputs as safetensors, after "+"; or the error in held_out.py, after "-"
    CheckRequest    → CheckResponse: the check results, and which probes each check used

A fork answers each CheckRequest, so nothing that a check leaves behind reaches the next submission.
"""

import contextlib
import importlib
import itertools
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest
import safetensors.torch
import torch

from gradeprop.core.errors import CourseError, JailError
from gradeprop.core.models import CheckResult
from gradeprop.core.paths import AssignmentPaths, CoursePaths
from gradeprop.core.scratch import ScratchDir
from gradeprop.guest import lazy_dynamo, syscalls
from gradeprop.judge import plugin, results, self_test
from gradeprop.judge.plugin import CHECK, FLAWS, CheckContext
from gradeprop.judge.protocol import (
    CheckFinished,
    CheckRequest,
    CheckResponse,
    InputsRequest,
    Ready,
    receive,
    receive_bytes,
    send,
    send_bytes,
)
from gradeprop.judge.reference import Reference, ReferenceRun, open_observations

_UNUSED = "cacheprovider logging faulthandler unraisableexception threadexception doctest junitxml stepwise pastebin"
"""plugins of pytest's own that only cost time here: logging alone a third of it"""

_MEMORY_BYTES = 4 << 30
"""that the checks of a submission may take on top of what they share: sizes are known, not all that torch needs"""
_CHECK_S = 60.0
"""wall-clock seconds for one check; a check that takes longer is broken"""


class Server:
    """A pytest plugin whose run loop answers requests, instead of running the checks once."""

    def __init__(self, paths: AssignmentPaths, channel: socket.socket, scratch: ScratchDir) -> None:
        self._paths, self._channel, self._scratch = paths, channel, scratch
        self._reference = Reference(paths, scratch.path)
        self._broken: dict[str, dict[str, CheckFinished]] = {}
        """by data set: the checks that are broken, as the reference shows"""
        self._flaw: CheckResult | None = None
        """why the reference cannot be observed: a probe that hangs would hang for every submission"""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> NoReturn:
        """Serve until the socket closes."""
        torch.manual_seed(0)
        _warm_up()
        checks = [item.stash[CHECK] for item in session.items]
        flaws = [*session.config.stash[FLAWS], *self_test.load_flaws(self._paths)]
        send(self._channel, Ready(checks=checks, flaws=flaws))
        while (message := receive_bytes(self._channel)) is not None:
            request = msgspec.json.decode(message, type=InputsRequest | CheckRequest)
            if isinstance(request, InputsRequest):
                send_bytes(self._channel, self._inputs(request))
                self._prepare_meanwhile(session.items, request)
            else:
                send(self._channel, self._respond(session.items, request))
        self._scratch.remove()
        os._exit(0)  # there is nothing to report, and tearing down torch takes seconds

    def _inputs(self, request: InputsRequest) -> bytes:
        try:
            inputs, _ = self._reference.held_out(request.dataset, request.seed)
            return b"+" + safetensors.torch.save(inputs)
        except Exception as error:
            return b"-" + results.describe(error, self._paths.course.root).encode()

    def _prepare_meanwhile(self, items: list[pytest.Item], request: InputsRequest) -> None:
        """Do what can be done while the jail runs the submission, if there is a processor to spare."""
        if len(os.sched_getaffinity(0)) > 1:
            with contextlib.suppress(Exception):  # the request to check meets the same error, and reports it
                self._self_test(items, request, self._reference.run(request.dataset, request.seed))

    def _respond(self, items: list[pytest.Item], request: CheckRequest) -> CheckResponse:
        if self._flaw:
            return CheckResponse(results=[self._flaw], used={})
        chosen = [item for item in items if request.only is None or item.nodeid in request.only]
        try:
            reference = self._reference.run(request.dataset, request.seed)  # here, so that all forks share it
            broken = self._self_test(items, request, reference)
            finished = self._check_in_fork([item for item in chosen if item.nodeid not in broken], request, reference)
        except JailError as error:
            return CheckResponse(results=[], used={}, machine_error=str(error))
        except CourseError as error:
            self._flaw = results.flaw(self._paths.name, str(error))
            return CheckResponse(results=[self._flaw], used={})
        except Exception as error:
            flaw = results.flaw(self._paths.name, results.describe(error, self._paths.course.root))
            return CheckResponse(results=[flaw], used={})
        everything = [*finished, *(broken[item.nodeid] for item in chosen if item.nodeid in broken)]
        return CheckResponse(
            results=[each.result for each in everything],
            used={each.result.check: each.used for each in everything},
            traces={each.result.check: each.trace for each in everything if each.trace},
        )

    def _self_test(
        self, items: list[pytest.Item], request: InputsRequest | CheckRequest, reference: ReferenceRun
    ) -> dict[str, CheckFinished]:
        """Run all checks on the reference itself, once for each data set; return those that are broken."""
        if request.dataset not in self._broken:
            _import_for_forks()
            own = CheckRequest(
                run=str(reference.files.run),
                observations=str(reference.files.observations),
                dataset=request.dataset,
                seed=request.seed,
                requirements=request.requirements,
            )
            finished = self._check_in_fork(items, own, reference)
            places = {item.nodeid: plugin.place(item) for item in items}
            absent = reference.expected.absent
            self._broken[request.dataset] = self_test.find_broken(finished, absent, places.__getitem__)
        return self._broken[request.dataset]

    def _check_in_fork(
        self, items: list[pytest.Item], request: CheckRequest, reference: ReferenceRun
    ) -> list[CheckFinished]:
        """Run the checks in a fork and collect the results as they come; say which check never ended.

        Raises:
            JailError: something else killed the fork, such as the kernel when memory ran out.
        """
        reader, writer = socket.socketpair()
        if (child := os.fork()) == 0:
            syscalls.die_with_parent()
            reader.close()
            self._channel.close()
            _run_checks(items, request, reference, writer)
        writer.close()
        runs = items * max(1, len(request.swaps))
        finished, gone = _collect(reader, len(runs))
        os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if gone and status == -signal.SIGKILL:
            raise JailError("the process that runs the checks was killed")
        return [*finished, *(_not_finished(item, not number) for number, item in enumerate(runs[len(finished) :]))]


def _not_finished(item: pytest.Item, first: bool) -> CheckFinished:
    why = f"this crashed, or ran longer than {_CHECK_S:.0f} s" if first else "not run, after the crash above"
    return CheckFinished(result=results.broken(item.stash[CHECK], f"{plugin.place(item)}: {why}"), used=[])


def _run_checks(
    items: list[pytest.Item], request: CheckRequest, reference: ReferenceRun, writer: socket.socket
) -> NoReturn:
    """In the fork: run the checks, send each result, never return."""
    status = 1
    try:
        _limit_memory()
        whole = open_observations(Path(request.run), Path(request.observations), reference.expected)
        for swap, item in itertools.product(request.swaps or (None,), items):
            observed = whole.swapped(swap.probe, swap.key, swap.value) if swap else whole.swapped()
            context = CheckContext(observed, reference, request.requirements)
            result = plugin.run_check(item, context)
            trace = context.trace(item.config.rootpath) if result.verdict == "broken" else ""
            send(writer, CheckFinished(result=result, used=sorted(observed.used), trace=trace))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _limit_memory() -> None:
    """Let an allocation fail before the machine runs out of memory, and ends some other process."""
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = pages * os.sysconf("SC_PAGE_SIZE") + _MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _collect(reader: socket.socket, expected: int) -> tuple[list[CheckFinished], bool]:
    """Collect results until all are there, one takes too long, or the other side ends; the flag is True if it ended."""
    finished: list[CheckFinished] = []
    with reader:
        while len(finished) < expected and _readable(reader, time.monotonic() + _CHECK_S):
            if (each := receive(reader, CheckFinished)) is None:
                return finished, True
            finished.append(each)
    return finished, False


def _readable(reader: socket.socket, deadline: float) -> bool:
    return bool(select.select([reader], [], [], max(0.0, deadline - time.monotonic()))[0])


def _warm_up() -> None:
    """Do before the first fork what its first check would wait for; in one thread, or a fork's second one hangs."""
    lazy_dynamo.stub_torch_dynamo()
    torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    torch.nn.Conv2d(1, 1, 1)(torch.ones(1, 1, 1, 1)).sum().backward()


def _import_for_forks() -> None:
    """Import what operations on tensors without values import, half a second with sympy, for all forks at once."""
    importlib.import_module("torch.fx.experimental.symbolic_shapes")


def _arguments(paths: AssignmentPaths) -> list[str]:
    root = paths.course.root
    options = [str(paths.tests), f"--rootdir={root}", "-c", os.devnull, "--import-mode=importlib", "--assert=plain"]
    # wrong/ and right/ hold student code: never collected, never imported
    options += [f"--ignore={paths.wrong}", f"--ignore={paths.right}", "--capture=no", "--continue-on-collection-errors"]
    options += [f"-pno:{name}" for name in _UNUSED.split()]
    return [*options, "-W", "ignore", "-q", "--no-header", "--no-summary"]


def serve(root: str, assignment: str, fd: int) -> int:
    """Collect the checks of an assignment and answer requests until the socket closes; returns only if that fails."""
    paths = CoursePaths(Path(root)).assignment(assignment)
    sys.path.insert(0, str(paths.course.source))  # for ``from given import …`` in checks
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    scratch = ScratchDir()
    try:
        return int(pytest.main(_arguments(paths), plugins=[plugin, Server(paths, socket.socket(fileno=fd), scratch)]))
    finally:
        scratch.remove()
