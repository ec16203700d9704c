"""Every assignment of the course is proven: known answers get exactly what they must, and junk breaks no check.

The longest test by far; its file comes first so that it starts first.
"""

from pathlib import Path

import pytest

from gradeprop.course import read_assignment, read_course
from gradeprop.pipeline import Grader
from gradeprop.verify import verify
from tests.conftest import REPOSITORY


@pytest.mark.parametrize("name", read_course(REPOSITORY).assignments)
def test_every_assignment_of_the_course_is_proven(name: str, tmp_path: Path) -> None:
    assignment = read_assignment(REPOSITORY, name)
    with Grader(REPOSITORY, assignment, "sample", seed=20261121, into=tmp_path) as grader:
        verdicts = list(verify(grader))
    assert [f"{verdict.name}: {verdict.wrong}" for verdict in verdicts if verdict.wrong] == []
    names = [verdict.name for verdict in verdicts]
    assert sum(name.startswith("wrong/") for name in names) >= 25
    assert sum(name.startswith("right/") for name in names) >= 6
    assert sum(name.startswith("junk") for name in names) >= 20
