"""Grade what arrives in a folder: each submission once, in order of arrival, and of each student the latest.

``submissions.inbox`` looks at the folder; ``Watch`` grades. The records say what was graded, so a watch that was
stopped or killed continues where it was.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from gradeprop.core.errors import GradepropError, NoJailError, SubmissionError
from gradeprop.core.models import GradeRecord
from gradeprop.core.paths import student_key
from gradeprop.course.notebook import writable
from gradeprop.grading import batch
from gradeprop.grading.grader import Grader, open_grader
from gradeprop.grading.interrupt import Stop
from gradeprop.grading.jobs import Planner
from gradeprop.grading.settings import RunSettings
from gradeprop.grading.store import Store
from gradeprop.results import gradebook, gradebook_db
from gradeprop.submissions.identity import IdsOf, no_ids
from gradeprop.submissions.inbox import Arrival, Inbox, Say
from gradeprop.submissions.reader import State

LOOK_S = 1.0
_WRITE_S = 10.0  # between two updates of the table and the gradebook, while there is more to grade
_RETRY_S = 30.0  # after the machine, or the gradebook, failed


@dataclass(slots=True)
class Watch:
    """Grades what arrives in an inbox, and keeps the table and the gradebook up to date."""

    store: Store
    grader: Grader
    inbox: Inbox
    show: Callable[[GradeRecord], None]
    """receives each new record"""
    still_s: float = 2.0
    """how long nothing must have changed; an NFS client may show an old size for a while"""
    patience_s: float = 60.0
    """how long it may stay incomplete; then it is graded as it is, and the record says what is wrong with it"""
    _still: dict[Path, tuple[State, float]] = field(default_factory=dict)
    """the state of each, and when it was first seen in it"""
    _unwritten: list[GradeRecord] = field(default_factory=list)
    """records that are not in the gradebook yet"""
    _times: dict[str, datetime] = field(default_factory=dict)
    """by student: arrival times through the exchange, for late days"""
    _listed: set[str] = field(default_factory=set)
    """paths in the list of unattributed submissions on disk"""
    _retry_at: float = 0.0
    _written_at: float = 0.0

    def run(self, stop: Stop, once: bool = False) -> None:
        """Grade until a stop is requested; with ``once``, until nothing is left to wait for.

        Raises:
            NoJailError: this machine cannot hold untrusted code.
            SubmissionError: the folder cannot be read.
            CourseError: at the end, the gradebook still cannot be written.
        """
        self.inbox.check()
        self._listed = {one.path for one in self.store.unattributed()}
        self.store.lock.begin()
        while not stop.requested:
            for arrival in filter(self._is_ready, self.inbox.latest()):
                if not stop.requested and time.monotonic() >= self._retry_at:
                    self._grade(arrival)
                    self._update(_WRITE_S)
            self._update()
            if once and not self.inbox.latest():
                break
            time.sleep(LOOK_S)
        self._write()
        self.store.lock.complete()

    def _is_ready(self, arrival: Arrival) -> bool:
        """Return True if nothing has changed for a while, and nothing more is expected or it is overdue."""
        now = time.monotonic()
        state, since = self._still.get(arrival.path, (None, now))
        if state != arrival.state:
            self._still[arrival.path] = arrival.state, now
            return False
        return now - since >= (self.still_s if arrival.is_complete else self.patience_s)

    def _grade(self, arrival: Arrival) -> None:
        """Do what a submission needs; if the machine fails, say so and wait."""
        try:
            job = Planner(self.store, self.grader.sources).job(arrival.path, arrival.student, owner=arrival.owner)
            if job.need != "nothing":
                old = self.store.history([job.key]).get(job.key)
                record = self.store.keep_history(old, self.grader.grade(job), "")
                self.store.remember(record)
                self._unwritten.append(record)
                self.show(record)
            if arrival.name_time:  # a copy in any other folder does not say when it was submitted
                self._times[arrival.student] = arrival.time
            self.inbox.mark_graded(arrival)
        except NoJailError:
            raise
        except (GradepropError, OSError) as error:
            self.store.forget(student_key(arrival.student))
            self._retry_at = time.monotonic() + _RETRY_S
            self.inbox.say(f"{arrival.student}: {error} Trying again in {_RETRY_S:.0f} s.")

    def _update(self, after_s: float = 0.0) -> None:
        """Write what is new, at the earliest ``after_s`` after the last time; if that fails, say so and wait."""
        now = time.monotonic()
        if self._is_unwritten and now >= max(self._retry_at, self._written_at + after_s):
            try:
                self._write()
            except GradepropError as error:
                self._retry_at = now + _RETRY_S
                self.inbox.say_once(str(error))
            self._written_at = now
            self.store.lock.begin()  # still running

    @property
    def _is_unwritten(self) -> bool:
        is_new = not self._listed >= self.inbox.unattributed.keys()
        return bool(self._unwritten) or self.store.lock.interrupted or is_new

    def _write(self) -> None:
        """Write the table and the gradebook, also what an interrupted run left out."""
        if not self._is_unwritten:
            return
        settings = self.store.settings
        self.store.set_unattributed(self.inbox.unattributed.values(), self.inbox.folder)
        self._listed = {*self.inbox.unattributed}
        cells, db_url = writable(self.grader.sources.cells), gradebook_db.url(settings.course)
        if cells or self._times:
            gradebook.register_submissions(self._times, settings.assignment, cells, db_url)
        batch.finish(self.store, self._unwritten)
        self._unwritten.clear()
        self._times.clear()


def watch_folder(
    settings: RunSettings,
    folder: Path,
    say: Say,
    show: Callable[[GradeRecord], None],
    stop: Stop,
    once: bool = False,
    ids_of: IdsOf = no_ids,
) -> None:
    """Watch a folder until a stop is requested; with ``once``, until nothing is left to wait for.

    Raises:
        JailError: another run is in progress for this assignment, or this machine can make no jail.
        SubmissionError: the folder cannot be read, or contains the course.
        CourseError: at the end, the gradebook still cannot be written.
    """
    if settings.course.root.resolve().is_relative_to(folder.resolve()):
        raise SubmissionError(f"{folder} contains the course itself; name the folder that submissions arrive in.")
    students = gradebook_db.students(gradebook_db.url(settings.course))
    inbox = Inbox(folder, settings.assignment.name, say, students, ids_of)
    inbox.check()
    with Store(settings) as store, open_grader(store.folders) as grader:
        Watch(store, grader, inbox, show).run(stop, once)
