"""Verify known answers while their author edits: after each edit, those that it affects.

    the answer, probes, given files, public checks    the answer is graded again
    checks, points                                    its stored observations are evaluated again

torch stays imported meanwhile.
"""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from gradeprop.core.paths import AssignmentPaths, student_key, tree
from gradeprop.course import known_answers
from gradeprop.course.known_answers import KnownAnswer
from gradeprop.grading import fingerprints
from gradeprop.grading.fingerprints import Fingerprints
from gradeprop.grading.grader import Grader, open_grader
from gradeprop.grading.interrupt import Stop
from gradeprop.grading.public_checks import PublicChecks
from gradeprop.grading.settings import RunSettings, Sources
from gradeprop.grading.store import StudentFolders
from gradeprop.grading.verify import CaseResult, compare, grade_case, student_of

_LOOK_S = 0.1


class VerifyWatch:
    """Repeats the known answers whose name contains ``only``; use it as a context manager.

    Args:
        settings: reads the settings again; assignment.toml may be edited, too.
    """

    def __init__(self, paths: AssignmentPaths, only: str, settings: Callable[[], RunSettings]) -> None:
        self._paths, self._only, self._settings = paths, only, settings
        self._files: dict[Path, int] = {}
        self._done: dict[str, tuple[Fingerprints, Fingerprints]] = {}
        """what each known answer ran with and was judged with"""
        self._sources: Sources | None = None
        """what the open grader has read"""
        self._open, self._open_public = contextlib.ExitStack(), contextlib.ExitStack()

    def __enter__(self) -> "VerifyWatch":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()
        self._open_public.close()
        self._sources = None

    def results(self) -> Iterator[CaseResult]:
        """Yield results of the known answers that the edits since the last call affect; the first time, of all.

        A second result of the same answer has the verdict of the public checks.

        Raises:
            GradepropError: the course has an error, which the next edit may remove.
        """
        self._files = self._look()
        settings = self._settings()
        sources = Sources.read(settings)
        try:
            if sources != self._sources:
                self._open_again(settings, sources)
            paths = self._paths
            made_of = (paths.course.solution, paths.notebook, paths.public_checks, paths.reference)
            ran = sources.ran_with | {"answers": fingerprints.of_files(made_of)}
            for case in known_answers.read_known_answers(settings.assignment, paths):
                if self._only in case.name:
                    own = fingerprints.of_files([Path(case.folder)]) if case.folder else ""
                    yield from self._result(case, ran | {case.name: own}, sources.judged_with)
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def wait(self, stop: Stop) -> None:
        """Wait until a file of the assignment changes, or a stop is requested."""
        while not stop.requested and self._look() == self._files:
            time.sleep(_LOOK_S)

    def _look(self) -> dict[Path, int]:
        """Return when each file of the assignment was last changed."""
        course = self._paths.course
        files = (*tree(self._paths.source), *tree(course.given), *tree(self._paths.tests), course.solution)
        return {file: file.stat().st_mtime_ns for file in (*files, course.course_toml) if file.exists()}

    def _open_again(self, settings: RunSettings, sources: Sources) -> None:
        """Open a grader that reads the course as it is now."""
        given = self._sources.ran_with["given"] if self._sources else ""
        self._open.close()
        if given != sources.ran_with["given"]:
            self._open_public.close()
            self._public = self._open_public.enter_context(PublicChecks(self._paths))
        self._grader: Grader = self._open.enter_context(open_grader(StudentFolders(settings)))
        self._sources = sources

    def _result(self, case: KnownAnswer, ran: Fingerprints, judged: Fingerprints) -> Iterator[CaseResult]:
        old_ran, old_judged = self._done.get(case.name, (None, None))
        if (ran, judged) == (old_ran, old_judged):
            return
        yield from self._judge(case) if ran == old_ran else self._grade(case)
        self._done[case.name] = ran, judged

    def _judge(self, case: KnownAnswer) -> Iterator[CaseResult]:
        record = self._grader.check_again(student_key(student_of(case)))
        yield compare(self._grader, case, record)

    def _grade(self, case: KnownAnswer) -> Iterator[CaseResult]:
        weights = known_answers.reference_weights(self._paths, self._grader.settings.dataset)
        with tempfile.TemporaryDirectory() as scratch:
            folder = known_answers.write_answer(case, self._paths, weights, Path(scratch) / "answer")
            yield from grade_case(
                self._grader, case, folder, self._public if self._public.exist and case.is_complete else None
            )
