"""The table of the source assignments' requirements: every row names what exists, with the points that it earns."""

import re
from dataclasses import dataclass

import nbformat
import pytest

from gradeprop.core.paths import tree
from gradeprop.course.config import read_assignment
from tests.conftest import REPOSITORY
from tests.course_content.test_tasks import heading_ids

PAGE = REPOSITORY.root / "docs" / "assignments" / "sources.md"
COUNTS = {
    "miniplaces_lenet": 28,
    "caltech101_resnet": 28,
    "mnist_regularization": 17,
    "mnist_pooling": 23,
    "mnist_lenet": 13,
}
SECTION = re.compile(r"^## [^\n]*\[(\w+)\]\(\1\.md\)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"`(?:(\w+):)?([^`]+)`")


@dataclass(frozen=True)
class Row:
    """A requirement, and what became of it."""

    assignment: str
    number: int
    requirement: str
    places: list[tuple[str, str]]
    """(assignment, task, cell or file)"""
    questions: list[tuple[str, str]]
    """(assignment, question)"""
    points: float
    note: str

    def __str__(self) -> str:
        return f"{self.assignment}-{self.number}"


def rows() -> list[Row]:
    """Read every row of the page."""
    found = []
    for assignment, section in SECTION.findall(PAGE.read_text(encoding="utf-8")):
        for line in re.findall(r"^\| \d.*\|$", section, re.MULTILINE):
            number, requirement, places, questions, points, note = map(str.strip, line.strip("|").split(" | "))
            names = [
                [(other or assignment, name) for other, name in NAME.findall(cell)] for cell in (places, questions)
            ]
            found.append(Row(assignment, int(number), requirement, *names, float(points), note))
    return found


def known_places(assignment: str) -> set[str]:
    """Tasks and cells of an assignment's notebook, and files of its release."""
    paths = REPOSITORY.assignment(assignment)
    cells = {cell.id for cell in nbformat.read(paths.notebook, as_version=4).cells}
    files = {file.relative_to(paths.release).as_posix() for file in tree(paths.release)}
    return cells | set(heading_ids(assignment)) | files


@pytest.fixture(scope="module")
def places() -> dict[str, set[str]]:
    return {assignment: known_places(assignment) for assignment in COUNTS}


def test_each_of_the_109_requirements_has_a_row() -> None:
    numbers = {name: [row.number for row in rows() if row.assignment == name] for name in COUNTS}
    assert numbers == {name: list(range(1, count + 1)) for name, count in COUNTS.items()}


def test_each_row_names_what_exists(places: dict[str, set[str]]) -> None:
    unknown = [(str(row), name) for row in rows() for other, name in row.places if name not in places[other]]
    assert unknown == []


@pytest.mark.parametrize("row", rows(), ids=str)
def test_the_points_of_a_row_are_those_of_its_questions(row: Row) -> None:
    points = {
        (name, question.name): question.points
        for name in {row.assignment, *(name for name, _ in row.questions)}
        for question in read_assignment(REPOSITORY, name).questions
    }
    assert row.points == sum(points[question] for question in row.questions)
    assert row.questions or row.points == 0


def test_a_row_without_a_place_says_why() -> None:
    assert [str(row) for row in rows() if not row.places and not row.note] == []
