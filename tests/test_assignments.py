"""Every assignment of the course is proven: known answers get exactly what they must, and junk breaks no check.

One wrong answer in three and one kind of junk in three; ``make check`` (``ALL_TESTS``) takes all.
"""

import os
from pathlib import Path

import pytest

from gradeprop.cases import read_cases
from gradeprop.course import read_assignment, read_course
from gradeprop.pipeline import Grader
from gradeprop.verify import verify
from tests.conftest import REPOSITORY

EVERY = 1 if "ALL_TESTS" in os.environ else 3


@pytest.mark.parametrize("name", read_course(REPOSITORY).assignments)
def test_every_assignment_of_the_course_is_proven(name: str, tmp_path: Path) -> None:
    assignment = read_assignment(REPOSITORY, name)
    with Grader(REPOSITORY, assignment, "sample", seed=20261121, into=tmp_path) as grader:
        verdicts = list(verify(grader, every=EVERY))
    assert [f"{verdict.name}: {verdict.wrong}" for verdict in verdicts if verdict.wrong] == []
    assert sum(verdict.name.startswith("junk") for verdict in verdicts) >= 20


@pytest.mark.parametrize("name", read_course(REPOSITORY).assignments)
def test_every_assignment_brings_enough_known_answers(name: str) -> None:
    names = [case.name for case in read_cases(read_assignment(REPOSITORY, name), REPOSITORY.assignment(name))]
    assert sum(name.startswith("wrong/") for name in names) >= 30
    assert sum(name.startswith("right/") for name in names) >= 8
