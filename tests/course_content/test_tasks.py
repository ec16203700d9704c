"""Ids of tasks are unique in the course, begin with the assignment's number, and are found in its notebook."""

import re

import nbformat
import pytest

from gradeprop.course.config import read_course
from gradeprop.course.known_answers import section
from tests.conftest import REPOSITORY

ASSIGNMENTS = read_course(REPOSITORY).assignments
STUB = REPOSITORY.stub.read_text(encoding="utf-8")
HEADING = re.compile(r"^### Tasks? ([\d., and]+):", re.MULTILINE)


def stub_ids(text: str) -> list[str]:
    return re.findall(r"raise NotImplementedError\(.Task ([\d.]+): ", text)


def heading_ids(name: str) -> list[str]:
    notebook = nbformat.read(REPOSITORY.assignment(name).notebook, as_version=4)
    headings = [heading for cell in notebook.cells for heading in HEADING.findall(cell.source)]
    return [task for heading in headings for task in re.split(", | and ", heading)]


def test_no_id_occurs_twice_in_the_course() -> None:
    ids = stub_ids(STUB)
    assert len(ids) == STUB.count("raise NotImplementedError(")
    assert sorted(ids) == sorted(set(ids))
    headings = [task for name in ASSIGNMENTS for task in heading_ids(name)]
    assert sorted(headings) == sorted(set(headings))


@pytest.mark.parametrize(("number", "name"), list(enumerate(ASSIGNMENTS, 1)))
def test_the_tasks_of_an_assignment_carry_its_number_and_stand_in_its_notebook(number: int, name: str) -> None:
    tasks = stub_ids(section(STUB, name)[1])
    assert tasks
    assert {task.split(".")[0] for task in [*tasks, *heading_ids(name)]} == {str(number)}
    assert [task for task in tasks if task not in heading_ids(name)] == []
