"""Plan a class: find out what each submission needs since it was graded last.

To compare a submission with its record, the plan makes the safe copy. If the submission turns out to be a new one, the
job carries that copy, and a grader uses it: each submission is read once, and what was compared is what is graded.
"""

import shutil
import time
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Protocol

import msgspec

from gradeprop.core import storage
from gradeprop.core.errors import CourseError, SubmissionError
from gradeprop.core.models import GradeRecord, JailRun, Record, Submission
from gradeprop.core.paths import StudentPaths, student_key
from gradeprop.grading import staleness
from gradeprop.grading.scoring import unread
from gradeprop.grading.settings import RunSettings, Sources
from gradeprop.grading.staleness import Need
from gradeprop.grading.store import Store
from gradeprop.results.gradebook import student_id
from gradeprop.submissions import arrival_time, intake, notebook_answers, notebook_cells, reader

_SETTLED_S = 2.0
"""how long ago the last change must be for the state of a submission to be trusted"""

How = Literal["changed", "recheck", "force"]
"""grade what has changed; evaluate stored observations again; or grade everything from scratch"""


class Job(Record, frozen=True, kw_only=True):
    """One submission and what it needs."""

    student: str
    path: str
    """the submission; empty if only the checks run again"""
    need: Need
    why: str
    """the reason, as a clause"""
    submission: Submission | None = None
    """what intake says of the safe copy, if the plan has made one; it is in ``StudentFolders.copy_folder``"""
    reason: str = ""
    """why a person has this student graded again; it is kept in the record"""
    owner: int | None = None
    """the user id that owned the submission when it was attributed to the student"""

    @property
    def key(self) -> str:
        return student_key(self.student)


Results = Generator[tuple[Job, GradeRecord], None, None]
"""each job with its record, as it ends; a generator, so that closing it ends the workers"""


class Backend(Protocol):
    """Executes jobs: with one grader, with several in parallel, or on a Dask cluster."""

    def run(self, jobs: Sequence[Job]) -> Results:
        """Yield each job with its record as it ends; fewer if the run is stopped.

        Raises:
            JailError: the machine failed. The jobs that were yielded are complete.
        """
        ...


def take(
    settings: RunSettings, sources: Sources, path: Path, student: str, into: Path, owner: int | None = None
) -> Submission:
    """Make the safe copy of a submission in ``into``, and compare its notebook and time stamp with what we know.

    A submission that cannot be read at all needs attention and has no files; ``into`` then does not exist.

    Raises:
        JailError: the copy cannot be written.
    """
    seen = seen_at(path)
    try:
        submission = intake.take(path, student, settings.assignment, into, owner)
    except SubmissionError as error:
        return msgspec.structs.replace(unread(student, str(error)), seen=seen)
    notebook, more = settings.paths.notebook.name, list[str]()
    if notebook in submission.files:
        more += notebook_answers.find_problems(sources.cells, notebook_cells.read(into / notebook))
    more += arrival_time.timestamp_warnings(path, settings.paths.arrival(student))
    return msgspec.structs.replace(submission, problems=(*submission.problems, *more), seen=seen)


def seen_at(path: Path) -> str:
    """Describe the place and state of a submission; empty if it cannot be read, or has changed just now.

    A change within the resolution of the file system's clock would leave the state as it was.
    """
    try:
        count, size, changed = reader.state(path)
    except SubmissionError:
        return ""
    if time.time() - changed / 1e9 < _SETTLED_S:
        return ""
    return f"{path.absolute()} {count} {size} {changed}"


@dataclass(frozen=True, slots=True)
class Planner:
    """Finds out what single submissions need; changes no student's folder."""

    store: Store
    sources: Sources

    def job(self, path: Path, student: str, how: How = "changed", owner: int | None = None) -> Job:
        """Find out what one submission needs, and why.

        Raises:
            SubmissionError: ``how`` is "recheck", and the submission was never graded.
            JailError: its safe copy cannot be written.
        """
        if how == "force":
            return msgspec.structs.replace(_job(path, student, "all", "--force"), owner=owner)
        if how == "changed":
            return msgspec.structs.replace(self._changed(path, student, owner), owner=owner)
        if not self.store.folders.student(student_key(student)).record.is_file():
            raise SubmissionError(f"{student!r} was never graded, so it cannot be re-evaluated; omit --recheck.")
        return _job(path, student, "checks", "--recheck")

    def _changed(self, path: Path, student: str, owner: int | None) -> Job:
        key, settings = student_key(student), self.store.settings
        files = self.store.folders.student(key)
        try:
            old = self.store.record(key)
        except CourseError:
            return _job(path, student, "all", "the record is of an older schema")
        if old is None:
            return _job(path, student, "all", "not graded before")
        observations_exist = files.run.is_file() and files.observations.is_file()
        if why := staleness.reason_to_run(old, self.sources.ran_with, settings, observations_exist):
            return _job(path, student, "all", why)
        unchanged = staleness.is_as_seen(old, seen_at(path))
        if not unchanged and (job := self._resubmission(old, path, student, owner)):
            return job
        if why := staleness.reason_to_check(old, self.sources.judged_with):
            return _job(path, student, "checks", why)
        return _job(path, student, "nothing", "nothing has changed")

    def _resubmission(self, old: GradeRecord, path: Path, student: str, owner: int | None) -> Job | None:
        """Read a submission, and compare it with the one that was graded; None if it is the same."""
        settings, files = self.store.settings, self.store.folders.student(old.key)
        copy = self.store.folders.copy_folder(old.key)
        submission = take(settings, self.sources, path, student, copy, owner)
        is_the_same = submission.problems == old.problems or not files.run.is_file()
        ended = "" if is_the_same else storage.read(JailRun, files.run).ended
        if staleness.is_resubmission(old, submission, ended):
            job = _job(path, student, "all", "the submission has changed")
            return msgspec.structs.replace(job, submission=submission)
        shutil.rmtree(copy, ignore_errors=True)
        return None


def _job(path: Path, student: str, need: Need, why: str) -> Job:
    return Job(student=student, path="" if need == "checks" else str(path.absolute()), need=need, why=why)


def plan(
    store: Store,
    submissions: Sequence[tuple[Path, str]],
    how: How = "changed",
    tick: Callable[[], None] = lambda: None,
    owners: Mapping[Path, int] = MappingProxyType({}),
) -> list[Job]:
    """Plan a class.

    Args:
        store: of the class.
        submissions: (folder or archive, student).
        how: what to grade.
        tick: called after each submission.
        owners: the user ids by which they were attributed; nothing that another user has put there since is read.

    Raises:
        SubmissionError: ``how`` is "recheck", and one of them was never graded.
        JailError: the disk is full.
    """
    planner = Planner(store, Sources.read(store.settings))
    jobs = []
    for path, student in submissions:
        jobs.append(planner.job(path, student, how, owners.get(path)))
        tick()
    return jobs


def plan_recheck(store: Store, students: Collection[str] = ()) -> list[Job]:
    """Evaluate the stored observations of everyone, or of one student.

    Args:
        store: of the class.
        students: all names of the one student; everyone without it.

    Raises:
        CourseError: nothing has been graded yet.
        SubmissionError: the student was never graded.
    """
    graded_students(store.settings.results)
    records = [
        one for one in store.records() if not students or {one.student, one.key, student_id(one.key)} & {*students}
    ]
    if not records:
        raise SubmissionError(f"{min(students)!r} was never graded, so it cannot be re-evaluated.")
    return [Job(student=record.student, path="", need="checks", why="--recheck") for record in records]


def graded_students(results: Path) -> list[StudentPaths]:
    """Return the folder of everyone who has a grade record in a folder of results.

    Raises:
        CourseError: nothing has been graded yet.
    """
    folders = [StudentPaths(file.parent) for file in sorted(results.glob("*/record.json"))]
    if not folders:
        raise CourseError("nothing has been graded yet", results)
    return folders
