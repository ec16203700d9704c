"""A toy course that every test may copy and change."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradeprop.core.assignment import Assignment
from gradeprop.core.paths import AssignmentPaths, CoursePaths
from gradeprop.course.config import read_assignment
from gradeprop.judge.client import Judge

collect_ignore = ["toy_course"]  # it has checks of its own
REPOSITORY = CoursePaths(Path(__file__).parents[1])


def copy_toy(root: Path) -> AssignmentPaths:
    """A copy of tests/toy_course in ``root``."""
    toy = Path(__file__).parent / "toy_course"
    shutil.copytree(toy, root, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    return CoursePaths(root).assignment("toy")


@pytest.fixture
def toy(tmp_path: Path) -> AssignmentPaths:
    """A private copy of tests/toy_course."""
    return copy_toy(tmp_path / "course")


@pytest.fixture
def toy_assignment(toy: AssignmentPaths) -> Assignment:
    return read_assignment(toy.course, "toy")


@pytest.fixture
def toy_judge(toy: AssignmentPaths, toy_assignment: Assignment) -> Iterator[Judge]:
    with Judge(toy_assignment, toy) as judge:
        yield judge
