"""One submission through the whole line: intake, observe, judge, grade.

    with Grader(bundle, assignment, dataset) as grader:
        record = grader.grade_one(Path("submissions/ada"))

Whatever happens to one submission becomes its record; the next is graded all the same.
"""

import contextlib
import functools
import importlib.util
import secrets
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from gradeprop import grade, intake, records
from gradeprop.errors import CourseError, JailError, NoJailError, SubmissionError
from gradeprop.jail import Jail, open_jail
from gradeprop.judge import Judge
from gradeprop.observe import not_run, observe
from gradeprop.paths import STUDENT_CODE, Bundle, StudentPaths, student_key
from gradeprop.records import Assignment, GradeRecord, Run, Submission

_TRIES = 3
"""how often a submission is run when the machine fails"""


class Grader:
    """A jail and the checks of one assignment, both warm, and what leads from a submission to its record."""

    def __init__(
        self, bundle: Bundle, assignment: Assignment, dataset: str, seed: int | None = None, into: Path | None = None
    ) -> None:
        """Keep what belongs to a submission below ``into``; without it, below autograded/."""
        self.assignment, self.dataset = assignment, dataset
        self.seed = secrets.randbits(63) if seed is None else seed  # one for the class: unknown before the run
        self.paths = bundle.assignment(assignment.name)
        self.into = into or self.paths.autograded
        self._stack = contextlib.ExitStack()
        self.judge = self._stack.enter_context(Judge(assignment, self.paths))

    def __enter__(self) -> "Grader":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def grade_one(self, path: Path, student: str | None = None) -> GradeRecord:
        """Grade a student's folder or zip; the record is written before it is returned.

        Raises:
            NoJailError: this machine cannot hold untrusted code.
        """
        name = student if student is not None else intake.student_name(path)
        kept = self.kept(student_key(name))
        for file in (kept.record, kept.run, kept.feedback):  # nothing old ever stands for a new submission
            file.unlink(missing_ok=True)
        try:
            submission = intake.take(path, name, self.assignment, kept.submitted)
            record = self._settle(submission, lambda: self._observe(submission, kept), kept)
        except SubmissionError as error:
            submission = _unread(name, str(error))
            record = self._settle(submission, lambda: self._observe(submission, kept), kept)
        except NoJailError:
            raise
        except JailError as error:
            record = grade.not_graded(self.assignment, _unread(name), str(error))
        records.write(record, kept.record)
        return record

    @functools.cached_property
    def jail(self) -> Jail:
        """Started for the first submission that is run; the judge loads its checks meanwhile."""
        return self._stack.enter_context(open_jail(self.paths.bundle.root, *_labels()))

    def kept(self, key: str) -> StudentPaths:
        """Where the files of one student are kept."""
        return StudentPaths(self.into / key)

    def grade_again(self, kept: StudentPaths) -> GradeRecord:
        """Judge the kept observations again, with the checks as they are now; no student code runs."""
        old = records.read(GradeRecord, kept.record)
        if not kept.run.is_file():  # the machine failed: there is nothing to judge
            return old
        fields = {name: getattr(old, name) for name in ("student", "key", "files", "sha256", "problems")}
        record = self._settle(Submission(**fields), lambda: records.read(Run, kept.run), kept)
        records.write(record, kept.record)
        return record

    def _observe(self, submission: Submission, kept: StudentPaths) -> Run:
        if STUDENT_CODE not in submission.files:
            why = next(iter(submission.problems), f"{STUDENT_CODE} is missing, so nothing could be run.")
            return not_run(self.assignment, submission, kept, why, self.seed, self.dataset)
        jail, inputs = self.jail, self.judge.inputs(self.dataset, self.seed)
        return observe(self.assignment, self.paths, submission, kept, jail, inputs, self.seed, self.dataset)

    def _settle(self, submission: Submission, run: Callable[[], Run], kept: StudentPaths) -> GradeRecord:
        """The three fates: a grade, or the instructor's to mend, or ours, tried again first."""
        failures: list[str] = []
        while len(failures) < _TRIES:
            try:
                observed = run()
                return grade.grade(self.assignment, submission, observed, self.judge.check(observed, kept).outcomes)
            except NoJailError:
                raise
            except JailError as error:
                failures.append(str(error))
            except CourseError as error:
                return grade.needs_review(self.assignment, submission, str(error))
        return grade.not_graded(self.assignment, submission, f"The machine failed {_TRIES} times: {failures[-1]}")


def _labels() -> list[Path]:
    """Answers that come with a library: scikit-learn's digits, which are the embedded sample."""
    found = importlib.util.find_spec("sklearn")
    return [Path(place) / "datasets" / "data" for place in (found.submodule_search_locations or () if found else ())]


def _unread(student: str, *problems: str) -> Submission:
    """A submission of which nothing could be taken."""
    return Submission(student=student, key=student_key(student), files=(), sha256="", problems=problems)
