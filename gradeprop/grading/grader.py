"""One submission through the whole line: intake, observe, judge, grade.

    with Grader(bundle, assignment, dataset) as grader:
        record = grader.grade_one(Path("submissions/ada"))

Whatever happens to one submission becomes its record; the next is graded all the same. A student's folder is there
whole or not at all, whenever a grader is killed: it is made in ``.grading-…`` and takes its place in one step.

``needs`` says what a submission needs since it was graded last: nothing, the checks alone, or all.
"""

import contextlib
import functools
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import msgspec

from gradeprop.core import storage
from gradeprop.core.errors import CourseError, JailError, NoJailError, SubmissionError
from gradeprop.core.models import Assignment, GradeRecord, JailRun, Submission
from gradeprop.core.paths import STUDENT_CODE, CoursePaths, StudentPaths, student_key
from gradeprop.course.config import label_folders
from gradeprop.course.files import given_files, read_probes
from gradeprop.course.notebook import Cell, read_cells
from gradeprop.grading import fingerprints, scoring
from gradeprop.grading.fingerprints import Need, Parts
from gradeprop.grading.run_lock import RunLock
from gradeprop.jail import Jail, open_jail
from gradeprop.jail.observe import observe, record_without_run
from gradeprop.judge.client import Judge
from gradeprop.results import feedback
from gradeprop.submissions import arrival_time, intake, notebook_answers

_TRIES = 3
"""how often a submission is run when the machine fails"""
_INTERRUPTED = "An earlier run was interrupted before it came to an end with this submission; grade it once more."


class Grader:
    """A jail and the checks of one assignment, both warm, and what leads from a submission to its record."""

    def __init__(
        self,
        course: CoursePaths,
        assignment: Assignment,
        dataset: str,
        seed: int | None = None,
        into: Path | None = None,
        unsafe: bool = False,
        member: bool = False,
    ) -> None:
        """Keep what belongs to a submission below ``into``; without it, below autograded/.

        Args:
            unsafe: where no jail can be made, run the code all the same; every record says so.
            member: of several that grade one class; the process that started them has the turn.
        """
        self.assignment, self.dataset, self.unsafe, self._member = assignment, dataset, unsafe, member
        self.seed_asked = seed
        self.seed = secrets.randbits(63) if seed is None else seed  # one for the class: unknown before the run
        self.paths = course.assignment(assignment.name)
        self.into = into or self.paths.autograded
        self._aside = self.into / f".grading-{os.getpid()}"
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Grader":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if "turn" in vars(self):
            with contextlib.suppress(JailError, OSError):  # a full disk: who has the next turn will
                self.recover()
        self._stack.close()

    def grade_one(self, path: Path, student: str | None = None) -> GradeRecord:
        """Grade a student's folder or zip; the record and its page are written before it is returned.

        Raises:
            NoJailError: this machine cannot hold untrusted code.
            JailError: what belongs to the submission cannot be kept, or another grader is at work.
        """
        name = student if student is not None else intake.student_name(path)
        with self._replacing(student_key(name)) as kept:
            record = self._graded(path, name, kept)
            self._write(record, kept)
        return record

    def grade_again(self, kept: StudentPaths) -> GradeRecord:
        """Judge the kept observations again, with the checks as they are now; no student code runs."""
        if not self._member:
            _ = self.turn
        old = storage.read(GradeRecord, kept.record)
        if not kept.run.is_file():  # the machine failed before there was anything to judge
            return old
        fields = {name: getattr(old, name) for name in ("student", "key", "files", "sha256", "receipt", "problems")}
        with self._replacing(old.key, again=True) as kept:
            record = self._settle(Submission(**fields), lambda: storage.read(JailRun, kept.run), kept)
            record = msgspec.structs.replace(record, ran_with=old.ran_with, judged_with=self.judged_with)
            self._write(record, kept)
        return record

    def needs(self, path: Path, student: str) -> tuple[Need, str]:
        """What is to be done for a submission since it was graded last, and why; its record is not touched.

        The seed is one of the reasons only where one was asked for: each run draws its own, and a grade under an older
        one is as good.
        """
        kept = self.kept(student_key(student))
        if not kept.record.is_file():
            return "all", "not graded before"
        try:
            old = storage.read(GradeRecord, kept.record)
        except CourseError:
            return "all", "the record is of an older schema"
        if why := self._must_run(old, kept) or self._handed_in_anew(path, student, old):
            return "all", why
        if why := fingerprints.differing(old.judged_with, self.judged_with):
            return "checks", why
        return ("checks", "it needed review") if old.status == "needs_review" else ("nothing", "nothing has changed")

    def _must_run(self, old: GradeRecord, kept: StudentPaths) -> str:
        """Why the code must run again, whatever was handed in."""
        if old.status == "not_graded":
            return "the machine had failed"
        if old.unsafe:
            return "it ran without a jail"
        if not (kept.run.is_file() and kept.observations.is_file()):
            return "nothing that came back is kept"
        if old.dataset != self.dataset:
            return f"the data set was {old.dataset or 'none'} and is {self.dataset}"
        if self.seed_asked is not None and old.seed != self.seed_asked:
            return "another seed was asked for"
        return fingerprints.differing(old.ran_with, self.ran_with)

    def _handed_in_anew(self, path: Path, student: str, old: GradeRecord) -> str:
        """Why a submission is not the one that a record is of: other bytes, or something else is left out of it."""
        if not self._member:
            _ = self.turn
        try:
            submission = self._take(path, student, self._aside / "look" / "submitted")
        except SubmissionError as error:
            submission = _unread(student, str(error))
        finally:
            shutil.rmtree(self._aside, ignore_errors=True)
        told, also = old.problems[: len(submission.problems)], old.problems[len(submission.problems) :]
        if also and also == (storage.read(JailRun, self.kept(old.key).run).ended,):  # said of the run, not of the files
            also = ()
        same = (submission.sha256, submission.problems, ()) == (old.sha256, told, also)
        return "" if same else "the submission has changed"

    @functools.cached_property
    def ran_with(self) -> Parts:
        """What code meets in the jail; read once, as the jail and the judge do."""
        return fingerprints.ran_with(self.assignment, self.paths, self.dataset)

    @functools.cached_property
    def judged_with(self) -> Parts:
        return fingerprints.judged_with(self.assignment, self.paths)

    @functools.cached_property
    def turn(self) -> RunLock:
        """Where records are kept, for this grader alone from the first submission on.

        Raises:
            JailError: another grader is at work there, or the folder cannot be written.
        """
        turn = RunLock(self.into)
        self._stack.callback(turn.close)
        self.recover()
        return turn

    @functools.cached_property
    def judge(self) -> Judge:
        """Returns at once; its process loads the checks while the jail is made."""
        _ = self.ran_with, self.judged_with  # read before: what changes meanwhile is found to differ later
        return self._stack.enter_context(Judge(self.assignment, self.paths))

    @functools.cached_property
    def jail(self) -> Jail:
        """Started for the first submission that is run."""
        _ = self.judge
        return self._stack.enter_context(
            open_jail(self.paths.course.root, *label_folders(self.assignment), unsafe=self.unsafe)
        )

    def kept(self, key: str) -> StudentPaths:
        """Where the files of one student are kept."""
        return StudentPaths(self.into / key)

    @contextlib.contextmanager
    def handing_out(self, path: Path, student: str, slot: str) -> Iterator[tuple[Submission, StudentPaths]]:
        """For another machine to run and judge: the safe copy, and where to put what comes back, the record last.

        ``slot`` tells those apart that are out at the same time.
        """
        with self._replacing(student_key(student), slot=slot) as kept:
            try:
                submission = self._take(path, student, kept.submitted)
            except SubmissionError as error:
                submission = _unread(student, str(error))
            yield submission, kept

    def grade_taken(self, submission: Submission, kept: StudentPaths) -> GradeRecord:
        """Run and judge what was taken in and lies at ``kept`` already."""
        record = self._settled(submission, kept)
        self._write(record, kept)
        return record

    def give_up(self, submission: Submission, reason: str, kept: StudentPaths) -> GradeRecord:
        """Keep that the machine failed on a submission, and nothing else."""
        record = scoring.not_graded(self.assignment, submission, reason)
        self._write(record, kept)
        return record

    @contextlib.contextmanager
    def _replacing(self, key: str, again: bool = False, slot: str = "") -> Iterator[StudentPaths]:
        """Where to make a student's files anew, which then take their place in one step.

        From what is there if it is done ``again``; else from nothing, and what was there goes first: nothing old ever
        stands for a new submission.
        """
        if not self._member:
            self.turn.begin()
        aside = self._aside.with_name(self._aside.name + slot)
        at, new, old = self.kept(key).folder, aside / "new", aside / "old"
        try:
            self._recover(aside)
            aside.mkdir()
            if again:
                shutil.copytree(at, new, copy_function=_link)
            else:
                if at.exists():
                    at.rename(old)
                new.mkdir()
            yield StudentPaths(new)
            if again:
                at.rename(old)
            new.rename(at)
            shutil.rmtree(aside, ignore_errors=True)
        except NoJailError:  # nothing is graded on this machine: what was there stays
            if old.exists():
                old.rename(at)
            shutil.rmtree(aside, ignore_errors=True)
            raise
        except OSError as error:
            raise JailError(f"the files of {key!r} cannot be kept in {self.into}: {error.strerror or error}") from error

    def recover(self) -> None:
        """Put right what killed graders left; for who has the turn."""
        for aside in self.into.glob(".grading-*"):
            self._recover(aside)

    def _recover(self, aside: Path) -> None:
        """Whose old grade had been taken away is not graded, and nobody's zero."""
        new, old = StudentPaths(aside / "new"), StudentPaths(aside / "old")
        with contextlib.suppress(CourseError):  # a record of an older schema
            if old.record.is_file() and not new.record.is_file():
                shutil.rmtree(new.folder, ignore_errors=True)
                student = storage.read(GradeRecord, old.record).student
                self._write(scoring.not_graded(self.assignment, _unread(student), _INTERRUPTED), new)
            if new.record.is_file():  # it was written last, so all is there
                at = self.kept(storage.read(GradeRecord, new.record).key).folder
                if not at.exists():
                    new.folder.rename(at)
        shutil.rmtree(aside, ignore_errors=True)

    def _write(self, record: GradeRecord, kept: StudentPaths) -> None:
        feedback.write_feedback(self.assignment, record, kept.feedback)
        storage.write(record, kept.record)

    def _graded(self, path: Path, name: str, kept: StudentPaths) -> GradeRecord:
        try:
            submission = self._take(path, name, kept.submitted)
        except SubmissionError as error:
            submission = _unread(name, str(error))
        except (JailError, OSError) as error:
            return scoring.not_graded(self.assignment, _unread(name), str(error))
        return self._settled(submission, kept)

    def _settled(self, submission: Submission, kept: StudentPaths) -> GradeRecord:
        record = self._settle(submission, lambda: self._observe(submission, kept), kept)
        return msgspec.structs.replace(record, ran_with=self.ran_with, judged_with=self.judged_with)

    @functools.cached_property
    def cells(self) -> tuple[Cell, ...]:
        """The cells of the instructor's notebook; none where there is no notebook, or none that can be read."""
        try:
            return read_cells(self.paths.notebook)
        except CourseError:  # release and autograde say what is wrong with it
            return ()

    def _take(self, path: Path, student: str, into: Path) -> Submission:
        """The safe copy, and beside what intake says of it what was changed that is not the student's to change."""
        submission = intake.take(path, student, self.assignment, into)
        found = notebook_answers.read(into / self.paths.notebook.name, notebook_answers.cell_ids(self.cells))
        also = (*notebook_answers.find_problems(self.cells, found), *arrival_time.timestamp_warnings(path))
        return msgspec.structs.replace(submission, problems=(*submission.problems, *also))

    def _observe(self, submission: Submission, kept: StudentPaths) -> JailRun:
        if STUDENT_CODE not in submission.files:
            why = next(iter(submission.problems), f"{STUDENT_CODE} is missing, so nothing could be run.")
            return record_without_run(self.assignment, submission, kept, why, self.seed, self.dataset)
        jail, inputs = self.jail, self.judge.inputs(self.dataset, self.seed)
        probes, given = read_probes(self.paths.probes), given_files(self.paths, self.assignment.given)
        return observe(
            self.assignment, self.paths, submission, kept, jail, probes, given, inputs, self.seed, self.dataset
        )

    def _settle(self, submission: Submission, run: Callable[[], JailRun], kept: StudentPaths) -> GradeRecord:
        """The three fates: a grade, or the instructor's to mend, or ours, tried again first."""
        failures: list[str] = []
        while len(failures) < _TRIES:
            try:
                observed = run()
                return scoring.grade(self.assignment, submission, observed, self.judge.check(observed, kept).results)
            except NoJailError:
                raise
            except (JailError, OSError) as error:
                failures.append(str(error))
            except CourseError as error:
                return scoring.needs_review(self.assignment, submission, str(error))
        return scoring.not_graded(self.assignment, submission, f"The machine failed {_TRIES} times: {failures[-1]}")


def _link(source: str, target: str) -> None:
    """A second name for a file that is replaced whole or stays; a copy where the file system has no such names."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _unread(student: str, *problems: str) -> Submission:
    """A submission of which nothing could be taken."""
    return Submission(student=student, key=student_key(student), files=(), sha256="", problems=problems)
