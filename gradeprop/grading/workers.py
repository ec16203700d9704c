"""Execute jobs with a warm grader in this process, or in worker processes that run in parallel."""

import contextlib
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.util import Finalize
from types import TracebackType

import msgspec

from gradeprop.core import storage
from gradeprop.core.errors import GradepropError, JailError
from gradeprop.core.models import GradeRecord
from gradeprop.core.warm import end_warm_process
from gradeprop.grading.grader import Grader, open_grader
from gradeprop.grading.interrupt import Stop
from gradeprop.grading.jobs import Job, Results
from gradeprop.grading.settings import RunSettings
from gradeprop.grading.store import Store, StudentFolders
from gradeprop.guest import syscalls

_STARTS = 3
_LONG_S = 15.0
"""a submission that takes longer no longer delays the short ones"""


@dataclass(frozen=True, slots=True)
class Serial:
    """The backend with one grader, in this process."""

    grader: Grader
    stop: Stop = field(default_factory=Stop)

    def run(self, jobs: Sequence[Job]) -> Results:
        for job in jobs:
            if self.stop.requested:
                return
            yield job, self.grader.grade(job)


@dataclass(frozen=True, slots=True)
class Processes:
    """The backend with worker processes; if one is killed, all are started again for the jobs that are left."""

    store: Store
    stop: Stop
    places: int
    """submissions that run in parallel, each in a process with its own jail and judge"""

    def run(self, jobs: Sequence[Job]) -> Results:
        end_warm_process()
        left = {job.key: job for job in jobs}
        for _ in range(_STARTS):
            try:
                with _Pools(self.store.settings, self.places, needs_jail(jobs)) as pools:
                    for job, record in pools.run(list(left.values()), self.stop):
                        del left[job.key]
                        yield job, record
                return
            except BrokenProcessPool:
                self.store.recover()
        raise JailError(f"Workers were killed {_STARTS} times; {len(left)} of {len(jobs)} are not graded yet.")


def needs_jail(jobs: Sequence[Job]) -> bool:
    """Return True if the code of a submission must run."""
    return any(job.need == "all" for job in jobs)


class _Pools:
    """Places for submissions, and one more while each of them is held by a long one.

    So submissions that train for minutes never delay the short ones. There is one extra place and no more, since limits
    are seconds of wall-clock time, and many submissions that share a processor would exceed them.
    """

    def __init__(self, settings: RunSettings, places: int, with_jail: bool) -> None:
        self._about, self._places = (settings, with_jail), places
        self._pools = [self._pool(places)]
        self._running: dict[Future[bytes], tuple[Job, float, ProcessPoolExecutor]] = {}

    def __enter__(self) -> "_Pools":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for pool in self._pools:
            pool.shutdown(cancel_futures=True)

    def _pool(self, places: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(places, get_context("spawn"), _start_worker, self._about)

    def run(self, jobs: Sequence[Job], stop: Stop) -> Results:
        waiting = list(jobs)[::-1]
        while (waiting and not stop.requested) or self._running:
            while waiting and not stop.requested and (pool := self._free_pool()):
                with _without_ctrl_c():  # a worker starts here, and must not meet Ctrl-C before it ignores it
                    future = pool.submit(_work, msgspec.json.encode(waiting[-1]))
                self._running[future] = waiting.pop(), time.monotonic(), pool
            ended, _ = wait(self._running, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in ended:
                job, *_ = self._running.pop(future)
                yield job, msgspec.json.decode(future.result(), type=GradeRecord)

    def _free_pool(self) -> ProcessPoolExecutor | None:
        """Return the pool that can run another submission now, if one can."""
        running = self._running.values()
        all_long = all(time.monotonic() - began > _LONG_S for _, began, _ in running)
        if len(running) >= self._places + all_long:
            return None
        if sum(pool is self._pools[0] for *_, pool in running) < self._places:
            return self._pools[0]
        if len(self._pools) == 1:
            self._pools.append(self._pool(1))
        return self._pools[1]


@contextlib.contextmanager
def _without_ctrl_c() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_grader: Grader | GradepropError
"""the grader of a worker process, or why it has none"""


def _start_worker(settings: RunSettings, with_jail: bool) -> None:
    """Open the grader of a new worker process; an error is reported with its first job."""
    global _grader
    syscalls.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent receives Ctrl-C, and lets the jobs in progress end
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    stack = contextlib.ExitStack()
    Finalize(None, stack.close, exitpriority=1)
    try:
        _grader = stack.enter_context(open_grader(StudentFolders(settings), with_jail))
    except GradepropError as error:
        _grader = error


def _work(job: bytes) -> bytes:
    if isinstance(_grader, GradepropError):
        raise _grader
    return storage.to_json(_grader.grade(msgspec.json.decode(job, type=Job)))
