"""A course of 600 students, and our key as a tool."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from gradeprop.core.paths import AssignmentPaths
from gradeprop.integrations.push import lti
from tests.conftest import copy_toy
from tests.integrations.lms_course import Course, record

MANY = [f"s{number:03}" for number in range(600)]
SOME = MANY[:60]


@pytest.fixture(scope="session")
def key() -> str:
    return lti.new_key().decode()


def gradebook_of(names: list[str], folder: Path) -> Path:
    """Students who have different scores out of 15; the written question of nobody is open."""
    course = Course(copy_toy(folder / "course"), folder)
    course.grade(*(record(name, number % 7, number % 5) for number, name in enumerate(names)))
    engine = create_engine(course.url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE grade SET manual_score = 2, needs_manual_grade = 0 WHERE auto_score IS NULL"))
    engine.dispose()
    return course.paths.gradebook


@pytest.fixture(scope="session")
def gradebooks(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    return {len(names): gradebook_of(names, tmp_path_factory.mktemp("graded")) for names in (MANY, SOME)}


@pytest.fixture
def many(toy: AssignmentPaths, tmp_path: Path, gradebooks: dict[int, Path]) -> Course:
    """A private course with 600 students."""
    shutil.copy(gradebooks[len(MANY)], toy.course.gradebook)
    return Course(toy, tmp_path)


@pytest.fixture
def some(toy: AssignmentPaths, tmp_path: Path, gradebooks: dict[int, Path]) -> Course:
    """A private course with 60 students."""
    shutil.copy(gradebooks[len(SOME)], toy.course.gradebook)
    return Course(toy, tmp_path)


def total(name: str) -> float:
    number = int(name[1:])
    return number % 7 + number % 5 + 2.0
