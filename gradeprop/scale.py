"""Grade a class: every submission by ``grade_one``, each with its page, then the table and the gradebook."""

from collections.abc import Callable, Sequence
from pathlib import Path

from gradeprop import export, gradebook, records
from gradeprop.errors import CourseError, SubmissionError
from gradeprop.intake import student_name
from gradeprop.paths import AssignmentPaths, StudentPaths, student_key
from gradeprop.pipeline import Grader
from gradeprop.records import GradeRecord

Tick = Callable[[], None]


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


def grade_class(grader: Grader, named: Sequence[tuple[Path, str]], tick: Tick) -> list[GradeRecord]:
    """Grade submissions one after the other; ``tick`` is called after each."""
    graded = []
    for path, name in named:
        graded.append(grader.grade_one(path, name))
        tick()
    finish(grader, graded)
    return graded


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
