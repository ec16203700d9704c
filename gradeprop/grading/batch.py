"""Grade a class: find out what each submission needs, do it here or in workers, then the table and the gradebook.

    plan      → a Job for each submission: nothing, the checks alone, or all; and why
    run       each by a Grader, here or in processes side by side
    finish    one table, one gradebook, written by this process alone

A worker that is killed is started again. Ctrl-C lets what is at work come to its end, and writes what there is.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.util import Finalize
from pathlib import Path
from types import FrameType, TracebackType
from typing import Literal

import msgspec

from gradeprop.core import storage
from gradeprop.core.errors import CourseError, JailError, SubmissionError
from gradeprop.core.models import GradeRecord, LatePolicy, Record
from gradeprop.core.paths import AssignmentPaths, CoursePaths, StudentPaths, student_key
from gradeprop.course.config import read_assignment
from gradeprop.grading.fingerprints import Need
from gradeprop.grading.grader import Grader
from gradeprop.guest import syscalls
from gradeprop.results import gradebook, gradebook_db, grades_csv

Tick = Callable[[], None]
How = Literal["changed", "recheck", "force"]
"""Do what has changed; judge everything that was kept; or do everything."""

_WORTH_A_WORKER = 30
"""submissions that another worker must be worth"""
_STARTS = 3
_LONG_S = 15.0
"""a submission that takes longer no longer holds up the short ones"""
_worker: Grader


class Job(Record, frozen=True, kw_only=True):
    """What is to be done for one submission."""

    student: str
    path: str
    """what was handed in; empty where only the checks run again"""
    need: Need
    why: str


Watch = Callable[[Job, GradeRecord], None]


Elsewhere = Callable[[Grader, dict[int, Job], dict[int, GradeRecord], Watch, "Stop"], None]
"""Does jobs on other machines, and moves each from the first to the second dict."""


_SIGNALS = signal.SIGINT, signal.SIGTERM


class Stop:
    """Ctrl-C or SIGTERM, once: whoever looks at ``asked`` comes to an end in order. Twice: at once, as ``kill -9``."""

    def __init__(self, tell: Callable[[str], None] = lambda text: None) -> None:
        self.asked, self._tell = False, tell

    def __enter__(self) -> "Stop":
        self._before = {number: signal.signal(number, self._heard) for number in _SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            os._exit(128 + number)  # what is at work dies with us, and the next run puts it right
        self.asked = True
        self._tell("stopping: what is at work comes to its end (Ctrl-C again: at once)")


def plan(
    grader: Grader, named: Sequence[tuple[Path, str]], how: How = "changed", tick: Tick = lambda: None
) -> list[Job]:
    """What each submission needs, and why; nothing is changed yet.

    Raises:
        SubmissionError: of one that was never graded, the kept observations are to be judged.
        JailError: another grader is at work, or the disk is full.
    """
    jobs = []
    for path, student in named:
        jobs.append(job(grader, path, student, how))
        tick()
    return jobs


def job(grader: Grader, path: Path, student: str, how: How = "changed") -> Job:
    """``plan`` for one submission."""
    need, why = _need(grader, path, student, how)
    return Job(student=student, path="" if need == "checks" else str(path.absolute()), need=need, why=why)


def _need(grader: Grader, path: Path, student: str, how: How) -> tuple[Need, str]:
    if how == "changed":
        return grader.needs(path, student)
    if how == "force":
        return "all", "--force"
    if not grader.kept(student_key(student)).record.is_file():
        raise SubmissionError(f"{student!r} was never graded, so there is nothing to judge again; leave out --recheck.")
    return "checks", "--recheck"


def plan_again(grader: Grader, kept: Sequence[StudentPaths]) -> list[Job]:
    """Judge what was kept of these; of one seed after the other, since the reference runs once for each."""
    old = sorted(
        (storage.read(GradeRecord, each.record) for each in kept), key=lambda record: (record.seed, record.key)
    )
    return [Job(student=record.student, path="", need="checks", why="--recheck") for record in old]


def grade_class(
    grader: Grader, named: Sequence[tuple[Path, str]], tick: Tick, workers: int | None = None
) -> list[GradeRecord]:
    """Grade what has changed of these submissions; ``tick`` is called after each."""
    return run(grader, plan(grader, named), lambda job, record: tick(), workers=workers)


def run(
    grader: Grader,
    jobs: Sequence[Job],
    watch: Watch,
    stop: Stop | None = None,
    workers: int | None = None,
    elsewhere: Elsewhere | None = None,
    db_url: str = "",
) -> list[GradeRecord]:
    """Do every job, ``watch`` each as it ends, and write the table and the gradebook; fewer records where stopped.

    Args:
        workers: processes that grade side by side, each with a jail and checks of its own, which take about 1 GiB and
            the time of a few dozen submissions to start. None: one, and for a large class one for each processor.
        elsewhere: where student code runs, if not here.
        db_url: another gradebook than the course's.
    """
    stop = stop or Stop()
    done: dict[int, GradeRecord] = {}
    for number, job in enumerate(jobs):
        if job.need == "nothing":
            done[number] = storage.read(GradeRecord, grader.kept(student_key(job.student)).record)
            watch(job, done[number])
    left = {number: job for number, job in enumerate(jobs) if number not in done}
    if elsewhere and (out := {number: job for number, job in left.items() if job.need == "all"}):
        left = {number: job for number, job in left.items() if job.need != "all"}
        elsewhere(grader, out, done, watch, stop)
    workers = min(workers or min(len(os.sched_getaffinity(0)), 1 + len(left) // _WORTH_A_WORKER), len(left))
    if workers > 1:
        _side_by_side(grader, left, done, watch, stop, workers)
    else:
        for number, job in left.items():
            if stop.asked:
                break
            done[number] = do(grader, job)
            watch(job, done[number])
    new = [record for number, record in done.items() if jobs[number].need != "nothing"]
    old = [record for number, record in done.items() if jobs[number].need == "nothing"]
    finish(grader, new, old, db_url)
    return [done[number] for number in sorted(done)]


def do(grader: Grader, job: Job) -> GradeRecord:
    """One job, in this process."""
    if job.need == "checks":
        return grader.grade_again(grader.kept(student_key(job.student)))
    return grader.grade_one(Path(job.path), job.student)


def _side_by_side(
    grader: Grader, left: dict[int, Job], done: dict[int, GradeRecord], watch: Watch, stop: Stop, workers: int
) -> None:
    """Move from ``left`` to ``done``. Where a worker is killed, all are started again for what is left.

    Raises:
        JailError: they were killed again and again; what was graded is kept.
    """
    grader.turn.begin()
    for _ in range(_STARTS):
        pools = _Pools(grader, workers)
        try:
            for number, record in pools.map(left, stop):
                done[number] = record
                watch(left.pop(number), record)
            return
        except BrokenProcessPool:
            continue
        finally:
            pools.close()
            grader.recover()
    raise JailError(f"Workers were killed {_STARTS} times; {len(left)} of {len(left) + len(done)} are not graded yet.")


class _Pools:
    """So many places side by side; and one more while each is held by a submission that takes long.

    So those that train for minutes never keep the short ones waiting. Not more than one, since limits are seconds of
    the clock: whoever shares a processor with many would be ended by them.
    """

    def __init__(self, grader: Grader, places: int) -> None:
        self._about = (
            str(grader.paths.course.root), grader.assignment.name, grader.dataset, grader.seed, str(grader.into),
            grader.unsafe,
        )  # fmt: skip
        self._places, self._pools = places, [self._pool(places)]
        self._running: dict[Future[bytes], tuple[int, float, ProcessPoolExecutor]] = {}

    def _pool(self, places: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(places, get_context("spawn"), _begin, self._about)

    def map(self, left: dict[int, Job], stop: Stop) -> Iterator[tuple[int, GradeRecord]]:
        """Number and record of each job as it ends."""
        waiting = list(left)[::-1]
        while (waiting and not stop.asked) or self._running:
            while waiting and not stop.asked and (pool := self._free()):
                with _uninterrupted():  # a worker starts with it, and is not to be met by Ctrl-C before it ignores it
                    future = pool.submit(_work, msgspec.json.encode(left[waiting[-1]]))
                self._running[future] = waiting.pop(), time.monotonic(), pool
            ended, _ = wait(self._running, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in ended:
                number, *_ = self._running.pop(future)
                yield number, msgspec.json.decode(future.result(), type=GradeRecord)

    def _free(self) -> ProcessPoolExecutor | None:
        """Where another submission may run now."""
        at_work = self._running.values()
        all_long = all(time.monotonic() - began > _LONG_S for _, began, _ in at_work)
        if len(at_work) >= self._places + all_long:
            return None
        if sum(pool is self._pools[0] for *_, pool in at_work) < self._places:
            return self._pools[0]
        if len(self._pools) == 1:
            self._pools.append(self._pool(1))
        return self._pools[1]

    def close(self) -> None:
        for pool in self._pools:
            pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(root: str, name: str, dataset: str, seed: int, into: str, unsafe: bool) -> None:
    """In a new worker."""
    global _worker
    syscalls.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which lets each come to an end
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    course = CoursePaths(Path(root))
    _worker = Grader(course, read_assignment(course, name), dataset, seed, Path(into), unsafe, member=True)
    Finalize(None, _worker.__exit__, (None, None, None), exitpriority=1)


def _work(job: bytes) -> bytes:
    return storage.to_json(do(_worker, msgspec.json.decode(job, type=Job)))


def kept_submissions(paths: AssignmentPaths) -> list[StudentPaths]:
    """Everything of an assignment that was graded before.

    Raises:
        CourseError: nothing was.
    """
    kept = [StudentPaths(file.parent) for file in sorted(paths.autograded.glob("*/record.json"))]
    if not kept:
        raise CourseError("nothing has been graded yet", paths.autograded)
    return kept


def finish(grader: Grader, graded: Sequence[GradeRecord], old: Sequence[GradeRecord] = (), db_url: str = "") -> None:
    """The whole class, also those graded before, in one CSV; these records in nbgrader's gradebook, or in ``db_url``.

    Everyone's, where the run before was interrupted: some of its records may be in no gradebook yet. Of ``old`` ones
    those that the gradebook does not have, or has otherwise; all, where a late policy asks for a share of the whole
    score, of which a person may have given a part since.
    """
    everyone = [storage.read(GradeRecord, file) for file in sorted(grader.into.glob("*/record.json"))]
    grades_csv.write_csv(everyone, grader.paths.grades_csv)
    db_url = db_url or gradebook_db.url(grader.paths.course)
    if grader.assignment.late == LatePolicy():
        old = gradebook.records_to_write(old, grader.assignment, db_url)
    records_to_write = everyone if grader.turn.interrupted else [*graded, *old]
    if records_to_write:
        gradebook.write(records_to_write, grader.assignment, db_url)
    grader.turn.end()
