"""Grade a class: execute the jobs of a plan, then write the table and the gradebook.

    plan      jobs.py: find out what each submission needs
    run       a backend executes the jobs, and this process keeps the records
    finish    one table and one gradebook, written by this process alone

A run that is stopped, or that fails, keeps what it has graded; the same command continues with the rest.
"""

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gradeprop.core.errors import CourseError
from gradeprop.core.models import GradeRecord
from gradeprop.grading.grader import open_grader
from gradeprop.grading.interrupt import Stop
from gradeprop.grading.jobs import Backend, Job, Results
from gradeprop.grading.store import Store
from gradeprop.grading.workers import Parallel, Serial, needs_jail
from gradeprop.results import gradebook, gradebook_db, grades_csv, refresh

_JOBS_PER_GRADER = 8
"""jobs that justify the start of another grader"""

Report = Callable[[Job, GradeRecord], None]
"""called with each job and its record as it ends"""


@dataclass(frozen=True, slots=True)
class Local:
    """The backend of this machine: one grader, or several in parallel for a larger class."""

    store: Store
    stop: Stop = field(default_factory=Stop)
    workers: int | None = None
    """Graders, each with its own jail and judge. None: one, and for a larger class up to one for each processor."""

    def run(self, jobs: Sequence[Job]) -> Results:
        wanted = self.workers or min(len(os.sched_getaffinity(0)), 1 + len(jobs) // _JOBS_PER_GRADER)
        if (places := min(wanted, len(jobs))) > 1:
            yield from Parallel(self.store.folders, places, self.stop).run(jobs)
        elif jobs:
            with open_grader(self.store.folders, needs_jail(jobs)) as grader:
                yield from Serial(grader, self.stop).run(jobs)


def run(
    store: Store,
    jobs: Sequence[Job],
    backend: Backend | None = None,
    report: Report = lambda job, record: None,
    db_url: str = "",
) -> list[GradeRecord]:
    """Execute jobs, and write the table and the gradebook; returns fewer records than jobs if the run is stopped.

    Args:
        backend: without one, this machine executes the jobs.
        db_url: another gradebook than the course's.

    Raises:
        GradepropError: the machine failed, or the gradebook cannot be written; the records are kept.
    """
    store.lock.begin()
    done: dict[str, GradeRecord] = {}
    to_do = [job for job in jobs if job.need != "nothing"]
    for job in jobs:
        if job.need == "nothing" and (record := store.record(job.key)):
            done[job.key] = record
            report(job, record)
    old, before = list(done.values()), store.history(job.key for job in to_do)
    with contextlib.closing((backend or Local(store)).run(to_do)) as results:
        for job, record in results:
            record = store.keep_history(before.get(job.key), record, job.reason)
            store.remember(record)
            done[job.key] = record
            report(job, record)
    finish(store, [done[job.key] for job in to_do if job.key in done], old, db_url)
    return [done[job.key] for job in jobs if job.key in done]


def finish(store: Store, graded: Sequence[GradeRecord], old: Sequence[GradeRecord] = (), db_url: str = "") -> None:
    """Write these records to nbgrader's gradebook, and the scores of the whole class to grades.csv and the pages.

    If the previous run was interrupted, everyone's are written to the gradebook, as it may lack some. Of the ``old``
    records only those that differ from the gradebook.

    Raises:
        CourseError: the gradebook cannot be written; grades.csv has what the records alone say.
    """
    settings, everyone = store.settings, store.records()
    db_url = db_url or gradebook_db.url(settings.course)
    old = gradebook.records_to_write(old, settings.assignment, db_url)
    try:
        if records := everyone if store.lock.interrupted else [*graded, *old]:
            gradebook.write(records, settings.assignment, db_url)
        refresh.refresh(settings.course, settings.assignment, everyone, store.unattributed(), db_url)
    except CourseError:
        graded_alone = refresh.pair(settings.assignment, everyone, None)
        grades_csv.write_csv(graded_alone, settings.paths.grades_csv, store.unattributed())
        raise
    store.lock.complete()
