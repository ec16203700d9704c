"""Grade single submissions: intake, observe, judge, score.

    with Store(settings) as store, open_grader(store.folders) as grader:
        record = grader.grade_one(Path("submissions/ada"))

Whatever happens to one submission becomes its record, and the next is graded all the same.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from gradeprop.core import storage
from gradeprop.core.errors import CourseError, JailError, NoJailError
from gradeprop.core.models import GradeRecord, JailRun, Submission
from gradeprop.core.paths import STUDENT_CODE, StudentPaths
from gradeprop.core.warm import warm_process
from gradeprop.course import environment
from gradeprop.course.config import label_folders
from gradeprop.course.files import given_files, grader_file, read_probes
from gradeprop.grading import scoring
from gradeprop.grading.jobs import Job, take
from gradeprop.grading.settings import RunSettings, Sources
from gradeprop.grading.store import StudentFolders, write_result
from gradeprop.jail import Jail, open_jail
from gradeprop.jail.observe import observe, record_without_run
from gradeprop.judge.client import Judge
from gradeprop.submissions.identity import claimed_student

_TRIES = 3
"""runs of a submission on which the machine fails"""


@contextlib.contextmanager
def open_grader(folders: StudentFolders, with_jail: bool = True) -> Iterator["Grader"]:
    """Open a grader: start to import torch, read the fingerprints, start the judge, start the jail.

    The fingerprints come first, so that a file that changes during the start is found stale by the next run. The judge
    loads the checks in its own process while the jail becomes ready.

    Args:
        with_jail: without a jail, the grader can only evaluate stored observations.

    Raises:
        NoJailError: this machine cannot hold untrusted code.
        CourseError: this machine lacks a module that students were told they may use, or its Python is older; or the
            checks cannot be loaded, or their points do not add up, so that nobody could be graded.
    """
    settings = folders.settings
    warm_process()
    sources = Sources.read(settings)
    if with_jail:
        environment.require(settings.assignment.grader, settings.course.course_toml)
    with contextlib.ExitStack() as stack:
        judge, jail = stack.enter_context(Judge(settings.assignment, settings.paths)), None
        if with_jail:
            jail = stack.enter_context(
                open_jail(settings.course.root, *label_folders(settings.assignment), unsafe=settings.unsafe)
            )
        judge.require_sound()
        yield Grader(settings, sources, folders, judge, jail)


@dataclass(frozen=True, slots=True)
class Grader:
    """A judge and a jail, both warm, and the steps from a submission to its record."""

    settings: RunSettings
    sources: Sources
    folders: StudentFolders
    judge: Judge
    jail: Jail | None

    def grade(self, job: Job) -> GradeRecord:
        """Do what a submission needs; its record and page are written before the record is returned.

        Raises:
            NoJailError: this machine cannot hold untrusted code.
            JailError: the student's folder cannot be written.
        """
        return self.check_again(job.key) if job.need == "checks" else self._grade(job)

    def grade_one(self, path: Path, student: str | None = None) -> GradeRecord:
        """Grade a student's folder or zip, which is named for the student unless ``student`` is given."""
        name = student if student is not None else claimed_student(path)
        return self._grade(Job(student=name, path=str(path), need="all", why=""))

    def check_again(self, key: str) -> GradeRecord:
        """Evaluate a student's stored observations with the checks as they are now; no student code runs."""
        files = self.folders.student(key)
        old = storage.read(GradeRecord, files.record)
        if not files.run.is_file():  # there was never anything to judge
            return old
        names = ("student", "key", "files", "sha256", "receipt", "problems", "seen")
        fields = {name: getattr(old, name) for name in names}
        with self.folders.replace(old.key, copy_old=True) as files:
            record = self._settle(Submission(**fields), files, lambda: storage.read(JailRun, files.run))
            record = msgspec.structs.replace(record, ran_with=old.ran_with, held=old.held)
            write_result(self.settings.assignment, record, files)
        return record

    def run_and_judge(self, submission: Submission, files: StudentPaths) -> GradeRecord:
        """Grade a safe copy that is in ``files`` already; the record and the page are written there, too."""
        record = self._settle(submission, files, lambda: self._observe(submission, files))
        write_result(self.settings.assignment, record, files)
        return record

    def _grade(self, job: Job) -> GradeRecord:
        copy = self.folders.copy_folder(job.key)
        try:
            submission = self._take(job, copy)
        except (JailError, OSError) as error:
            with self.folders.replace(job.key) as files:
                record = scoring.not_graded(self.settings.assignment, scoring.unread(job.student), str(error))
                write_result(self.settings.assignment, record, files)
            return record
        if self.settings.holds(submission):
            return self.folders.hold(submission)
        with self.folders.replace(job.key) as files:
            if copy.is_dir():
                copy.rename(files.submitted)
            return self.run_and_judge(submission, files)

    def _take(self, job: Job, copy: Path) -> Submission:
        """Use the safe copy that the plan has made; read the submission if there is none, or a killed worker had it."""
        if job.submission is not None and copy.is_dir():
            return job.submission
        return take(self.settings, self.sources, Path(job.path), job.student, copy, job.owner)

    def _observe(self, submission: Submission, files: StudentPaths) -> JailRun:
        assignment, paths, seed, dataset = (
            self.settings.assignment, self.settings.paths, self.settings.draw_seed(), self.settings.dataset,
        )  # fmt: skip
        if STUDENT_CODE not in submission.files:
            why = submission.attention or f"{STUDENT_CODE} is missing, so nothing could be run."
            return record_without_run(assignment, submission, files, why, seed, dataset)
        assert self.jail is not None
        inputs = self.judge.inputs(dataset, seed)
        probes = read_probes(paths.probes)
        given = given_files(paths, assignment.given) | grader_file(assignment)
        return observe(assignment, paths, submission, files, self.jail, probes, given, inputs, seed, dataset)

    def _settle(self, submission: Submission, files: StudentPaths, run: Callable[[], JailRun]) -> GradeRecord:
        """Reach an outcome: graded, needs review (an error in the course) or not graded (the machine failed)."""
        record = self._score(submission, files, run)
        return msgspec.structs.replace(record, ran_with=self.sources.ran_with, judged_with=self.sources.judged_with)

    def _score(self, submission: Submission, files: StudentPaths, run: Callable[[], JailRun]) -> GradeRecord:
        assignment, failures = self.settings.assignment, list[str]()
        while len(failures) < _TRIES:
            try:
                observed = run()
                return scoring.grade(assignment, submission, observed, self.judge.check(observed, files).results)
            except NoJailError:
                raise
            except (JailError, OSError) as error:
                failures.append(str(error))
            except CourseError as error:
                return scoring.needs_review(assignment, submission, str(error))
        return scoring.not_graded(assignment, submission, f"The machine failed {_TRIES} times: {failures[-1]}")
