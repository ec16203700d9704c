"""Grade a class: every submission by ``grade_one``, here or in workers, then the table and the gradebook."""

import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.util import Finalize
from pathlib import Path

import msgspec

from gradeprop import export, gradebook, records
from gradeprop.course import read_assignment
from gradeprop.errors import CourseError, JailError, SubmissionError
from gradeprop.inside import kernel
from gradeprop.intake import student_name
from gradeprop.paths import AssignmentPaths, Bundle, StudentPaths, student_key
from gradeprop.pipeline import Grader
from gradeprop.records import GradeRecord

Tick = Callable[[], None]
_WORTH_A_WORKER = 30
"""submissions that another worker must be worth"""
_STARTS = 3
_worker: Grader


def submissions(paths: Sequence[Path], student: str | None = None) -> list[tuple[Path, str]]:
    """Each submission with its student: a folder or zip is named for one; one folder of those alone is a class.

    Of several paths none is a class: a student who hands in a folder in a folder must not be called as the inner one.

    Raises:
        SubmissionError: a path that is not there, or two submissions of one student: neither may win by chance.
    """
    found = [each for path in paths for each in _class(path, len(paths) == 1)]
    if student is not None and len(found) != 1:
        raise SubmissionError(f"--student names one student, and there are {len(found)} submissions.")
    named = [(path, student or student_name(path)) for path in found]
    seen: dict[str, Path] = {}
    for path, name in named:
        if (first := seen.setdefault(student_key(name), path)) is not path:
            raise SubmissionError(f"{first} and {path} are both of the student {name!r}; keep one of them.")
    return named


def _class(path: Path, alone: bool) -> list[Path]:
    if not path.exists():
        raise SubmissionError(f"{path} is not there.")
    entries = [each for each in sorted(path.iterdir()) if not each.name.startswith(".")] if path.is_dir() else []
    several = [each for each in entries if each.is_dir() or each.suffix.lower() == ".zip"]
    return several if alone and several and several == entries else [path]


def grade_class(
    grader: Grader, named: Sequence[tuple[Path, str]], tick: Tick, workers: int | None = None
) -> list[GradeRecord]:
    """Grade submissions; ``tick`` is called after each.

    Args:
        workers: processes that grade side by side, each with a jail and checks of its own, which take about 1 GiB and
            the time of a few dozen submissions to start. None: one, and for a large class one for each processor.
    """
    workers = workers or min(len(os.sched_getaffinity(0)), 1 + len(named) // _WORTH_A_WORKER)
    graded = []
    if min(workers, len(named)) > 1:
        graded = _side_by_side(grader, named, tick, min(workers, len(named)))
    else:
        for path, name in named:
            graded.append(grader.grade_one(path, name))
            tick()
    finish(grader, graded)
    return graded


def _side_by_side(grader: Grader, named: Sequence[tuple[Path, str]], tick: Tick, workers: int) -> list[GradeRecord]:
    """Records in the order of ``named``. Where a worker is killed, all are started again for what is left.

    Raises:
        JailError: they were killed again and again; what was graded is kept.
    """
    grader.turn.begin()
    about = str(grader.paths.bundle.root), grader.assignment.name, grader.dataset, grader.seed, str(grader.into)
    left, done = dict(enumerate(named)), dict[int, GradeRecord]()
    for _ in range(_STARTS):
        pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin, (*about, grader.unsafe))
        try:
            waiting = {pool.submit(_grade_one, str(path), name): number for number, (path, name) in left.items()}
            for future in as_completed(waiting):
                number = waiting[future]
                done[number] = msgspec.json.decode(future.result(), type=GradeRecord)
                del left[number]
                tick()
        except BrokenProcessPool:
            continue
        finally:
            pool.shutdown(cancel_futures=True)
            grader.recover()
        return [done[number] for number in sorted(done)]
    raise JailError(f"Workers were killed {_STARTS} times; {len(left)} of {len(named)} are not graded yet.")


def _begin(root: str, name: str, dataset: str, seed: int, into: str, unsafe: bool) -> None:
    """In a new worker."""
    global _worker
    kernel.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which lets each come to an end
    bundle = Bundle(Path(root))
    _worker = Grader(bundle, read_assignment(bundle, name), dataset, seed, Path(into), unsafe, member=True)
    Finalize(None, _worker.__exit__, (None, None, None), exitpriority=1)


def _grade_one(path: str, name: str) -> bytes:
    return records.to_json(_worker.grade_one(Path(path), name))


def kept_submissions(paths: AssignmentPaths) -> list[StudentPaths]:
    """Everything of an assignment that was graded before.

    Raises:
        CourseError: nothing was.
    """
    kept = [StudentPaths(file.parent) for file in sorted(paths.autograded.glob("*/record.json"))]
    if not kept:
        raise CourseError("nothing has been graded yet", paths.autograded)
    return kept


def judge_class_again(grader: Grader, kept: Sequence[StudentPaths], tick: Tick) -> list[GradeRecord]:
    """Judge what was kept again, with the checks as they are now; no student code runs."""
    graded = []
    for student in kept:
        graded.append(grader.grade_again(student))
        tick()
    finish(grader, graded)
    return graded


def finish(grader: Grader, graded: Sequence[GradeRecord]) -> None:
    """The whole class, also those graded before, in one CSV; these records in nbgrader's gradebook.

    Everyone's, where the run before was interrupted: some of its records may be in no gradebook yet.
    """
    everyone = [records.read(GradeRecord, file) for file in sorted(grader.into.glob("*/record.json"))]
    export.write_csv(everyone, grader.paths.grades_csv)
    missing = everyone if grader.turn.interrupted else graded
    gradebook.write(missing, grader.assignment, f"sqlite:///{grader.paths.bundle.gradebook}")
    grader.turn.end()
