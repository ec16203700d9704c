"""A new assignment works as it is made, and nothing is made twice or under a name that cannot be one."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradeprop.cli import main
from gradeprop.course import read_assignment
from gradeprop.errors import CourseError
from gradeprop.new import new
from gradeprop.paths import AssignmentPaths
from gradeprop.pipeline import Grader
from gradeprop.release import release
from gradeprop.verify import verify
from tests.conftest import REPOSITORY


def test_a_new_assignment_is_proven_and_released_as_it_is_made(toy: AssignmentPaths, tmp_path: Path) -> None:
    for name in ("__init__.py", "check.py", "submit.py"):
        shutil.copy(REPOSITORY.given / name, toy.bundle.given)
    made = CliRunner().invoke(main, ["--course", str(toy.bundle.root), "new", "convolution_sizes"])
    assert made.exit_code == 0, made.output
    assignment = read_assignment(toy.bundle, "convolution_sizes")
    with Grader(toy.bundle, assignment, "", into=tmp_path / "out") as grader:
        verdicts = {verdict.name: verdict for verdict in verify(grader)}
    assert [f"{verdict.name}: {verdict.wrong}" for verdict in verdicts.values() if verdict.wrong] == []
    assert {"reference", "stub", "right/in_whole_steps", "wrong/a_fraction", "junk in stride.cases"} <= set(verdicts)
    folder = release(assignment, toy.bundle)
    assert "relationship 6" in (folder / "student_code.py").read_text()
    assert "// stride" not in (folder / "student_code.py").read_text()
    assert not any(
        "my_assignment" in file.read_text() for file in folder.rglob("*") if file.suffix in (".py", ".ipynb")
    )


@pytest.mark.parametrize("name", ["Size", "2d", "a-b", "../a", ""])
def test_a_name_that_cannot_be_one_makes_nothing(toy: AssignmentPaths, name: str) -> None:
    before = sorted(toy.bundle.root.rglob("*"))
    with pytest.raises(CourseError, match="cannot be a name"):
        new(toy.bundle, name)
    assert sorted(toy.bundle.root.rglob("*")) == before


def test_what_is_there_stays(toy: AssignmentPaths) -> None:
    with pytest.raises(CourseError, match="is there already"):
        new(toy.bundle, "toy")
    toy.bundle.course_toml.write_text('title = "Lists are made elsewhere"')
    with pytest.raises(CourseError, match="no list of assignments"):
        new(toy.bundle, "other")
    assert not toy.bundle.assignment("other").source.exists()
