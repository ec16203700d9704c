"""The Python that grades keeps what students are told, or nothing is graded; versions count to the minor one."""

import importlib.metadata
import sys
from pathlib import Path

import pytest

from gradeprop.core.assignment import GraderEnvironment
from gradeprop.core.errors import CourseError
from gradeprop.course import environment

HERE = "{}.{}".format(*sys.version_info)
NUMPY = ".".join(importlib.metadata.version("numpy").split(".")[:2])


@pytest.mark.parametrize("python", ["", HERE, "3.1"])
def test_the_same_or_a_newer_python_grades(python: str) -> None:
    grader = GraderEnvironment(python=python, modules={"numpy": NUMPY, "json": ""})
    assert list(environment.missing(grader)) == []
    environment.require(grader, Path("course.toml"))
    assert bool([*environment.differences(grader)]) == (python == "3.1")


def test_what_is_missing_is_named_and_refused() -> None:
    grader = GraderEnvironment(python="3.99", modules={"seaborn_of_ada": "1.0"})
    assert list(environment.missing(grader)) == ["Python 3.99", "seaborn_of_ada"]
    with pytest.raises(CourseError, match=r"course.toml: .* there is Python 3.99, seaborn_of_ada, which this machine"):
        environment.require(grader, Path("course.toml"))


@pytest.mark.parametrize("version", [NUMPY, f"{NUMPY}.99"])
def test_another_patch_version_is_the_same(version: str) -> None:
    assert list(environment.differences(GraderEnvironment(modules={"numpy": version}))) == []
