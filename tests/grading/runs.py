"""Grade a class in one line, with a grader that stays warm from test to test."""

from collections.abc import Sequence
from pathlib import Path

from gradeprop.core.models import GradeRecord
from gradeprop.core.paths import AssignmentPaths
from gradeprop.course.config import read_assignment
from gradeprop.grading.batch import run
from gradeprop.grading.grader import Grader
from gradeprop.grading.jobs import plan
from gradeprop.grading.settings import RunSettings
from gradeprop.grading.store import Store
from gradeprop.grading.workers import Serial
from gradeprop.submissions.discovery import find_submissions


def settings_of(toy: AssignmentPaths, seed: int | None = None, results: Path | None = None) -> RunSettings:
    """The settings of a run over a copy of the toy course, on the sample."""
    return RunSettings(toy.course, read_assignment(toy.course, toy.name), "sample", seed, results)


def found(settings: RunSettings, *paths: Path) -> list[tuple[Path, str]]:
    """The submissions in some paths, each with its student."""
    return list(find_submissions(paths, settings.assignment).submissions)


def grade_all(store: Store, named: Sequence[tuple[Path, str]], grader: Grader | None = None) -> list[GradeRecord]:
    """Grade what has changed; without a grader, with one that is opened for it."""
    return run(store, plan(store, named), Serial(grader) if grader else None)
