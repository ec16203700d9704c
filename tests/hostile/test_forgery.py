"""A submission that knows all checks of an assignment and implements nothing gets next to nothing."""

import os

import pytest

from gradeprop.course.config import read_course
from tests.campaigns import forgery
from tests.conftest import REPOSITORY

ASSIGNMENTS = read_course(REPOSITORY).assignments


@pytest.mark.parametrize("name", ASSIGNMENTS if "ALL_TESTS" in os.environ else ASSIGNMENTS[1:2])
def test_invented_observations_get_next_to_nothing(name: str) -> None:
    assert forgery.percent(forgery.forge(REPOSITORY, name)) <= forgery.FLOOR
