"""Execute jobs with one grader, or with several that run in parallel."""

import contextlib
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from gradeprop.core.models import GradeRecord
from gradeprop.core.warm import warm_process
from gradeprop.grading.grader import Grader, open_grader
from gradeprop.grading.interrupt import Stop
from gradeprop.grading.jobs import Job, Results
from gradeprop.grading.store import StudentFolders

_LONG_S = 15.0
"""a submission that takes longer no longer delays the short ones"""


@dataclass(frozen=True, slots=True)
class Serial:
    """The backend with one grader."""

    grader: Grader
    stop: Stop = field(default_factory=Stop)

    def run(self, jobs: Sequence[Job]) -> Results:
        for job in jobs:
            if self.stop.requested:
                return
            yield job, self.grader.grade(job)


@dataclass(frozen=True, slots=True)
class Parallel:
    """The backend with several graders, each in a thread, with a jail and a judge of its own.

    The threads read, wait and write; student code and checks run in processes, all of them forks of one warm process,
    which share its memory. One more grader starts while all have long submissions, so that those that train for minutes
    never delay the short ones. There is no second extra one, since limits are seconds of wall-clock time, and many
    submissions that share a processor would exceed them.
    """

    folders: StudentFolders
    places: int
    """submissions that run in parallel"""
    stop: Stop = field(default_factory=Stop)

    def run(self, jobs: Sequence[Job]) -> Results:
        warm_process()  # started by this thread: its forks get a signal when the thread ends that started it
        waiting, running = list(jobs)[::-1], dict[Future[GradeRecord], tuple[Job, float]]()
        with contextlib.ExitStack() as graders, ThreadPoolExecutor(self.places + 1) as threads:
            idle: list[Grader] = []

            def grade(job: Job) -> GradeRecord:
                grader = idle.pop() if idle else graders.enter_context(open_grader(self.folders, needs_jail(jobs)))
                try:
                    return grader.grade(job)
                finally:
                    idle.append(grader)

            while (waiting and not self.stop.requested) or running:
                while waiting and not self.stop.requested and len(running) < self._places(running):
                    job = waiting.pop()
                    running[threads.submit(grade, job)] = job, time.monotonic()
                for future in wait(running, timeout=1.0, return_when=FIRST_COMPLETED).done:
                    job, _ = running.pop(future)
                    yield job, future.result()

    def _places(self, running: dict[Future[GradeRecord], tuple[Job, float]]) -> int:
        return self.places + all(time.monotonic() - began > _LONG_S for _, began in running.values())


def needs_jail(jobs: Sequence[Job]) -> bool:
    """Return True if the code of a submission must run."""
    return any(job.need == "all" for job in jobs)
