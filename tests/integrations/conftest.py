"""A course whose gradebook has grades of four students."""

import shutil
from pathlib import Path

import pytest

from gradeprop.core.paths import AssignmentPaths
from tests.conftest import copy_toy
from tests.integrations.lms_course import Course, record


@pytest.fixture(scope="module")
def filled_gradebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gradebook: Ada has all, late; Bob waits for a person; 李雷's record is held back; Zoë has nothing right."""
    folder = tmp_path_factory.mktemp("graded")
    course = Course(copy_toy(folder / "course"), folder)
    held = record("李雷", 0, 0, status="needs_review", reason="broken")
    course.grade(record("ada", 6, 3.5), record("bob", 6, 4), held, record("zoë", 0, 0))
    course.by_hand("ada", 4.25, penalty=2)
    course.by_hand("李雷", 5)
    course.by_hand("zoë", 0, penalty=3)
    return course.paths.gradebook


@pytest.fixture
def course(toy: AssignmentPaths, tmp_path: Path, filled_gradebook: Path) -> Course:
    """A private copy of it, in a course of its own."""
    shutil.copy(filled_gradebook, toy.course.gradebook)
    return Course(toy, tmp_path)
