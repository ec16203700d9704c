"""Solutions to hand out after a deadline: complete for one assignment, silent on later ones."""

import ast
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradeprop.cli.main import main
from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import CourseError
from gradeprop.core.paths import AssignmentPaths
from gradeprop.course.config import read_assignment, read_course
from gradeprop.course.known_answers import section
from gradeprop.course.scaffold import new_assignment
from gradeprop.course.solved import ANSWERS, write_solutions
from tests import factory
from tests.conftest import REPOSITORY

NAMES = read_course(REPOSITORY).assignments
STUB = REPOSITORY.stub.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_solutions_end_with_the_assignment(name: str, tmp_path: Path) -> None:
    write_solutions(read_assignment(REPOSITORY, name), REPOSITORY, tmp_path)
    code = (tmp_path / "student_code.py").read_text(encoding="utf-8")
    ast.parse(code)
    before, own, after = section(code, name)
    assert "raise NotImplementedError(" not in before + own
    assert after == section(STUB, name)[2]
    notebook = (tmp_path / f"{name}.ipynb").read_text(encoding="utf-8")
    for text in (code, notebook):
        assert "BEGIN SOLUTION" not in text
    assert not any("nbgrader" in cell["metadata"] for cell in json.loads(notebook)["cells"])


@pytest.mark.parametrize("name", NAMES)
def test_every_written_question_has_its_sample_answers(name: str, tmp_path: Path) -> None:
    assignment = read_assignment(REPOSITORY, name)
    write_solutions(assignment, REPOSITORY, tmp_path)
    text = (tmp_path / ANSWERS).read_text(encoding="utf-8")
    for question in assignment.questions:
        assert (f"## {question.title}\n" in text) == question.manual
        for level in question.rubric:
            assert level.sample in text
            assert f"### {level.points:g} of {question.points:g} points" in text


def test_the_command_names_the_files(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        main, ["--course", str(REPOSITORY.root), "solutions", NAMES[0], "--to", str(tmp_path / "new")]
    )
    assert done.exit_code == 0, done.output
    files = ("student_code.py", f"{NAMES[0]}.ipynb", ANSWERS)
    assert done.output.split() == [str(tmp_path / "new" / file) for file in files]


def test_a_single_assignment_needs_no_section(toy: AssignmentPaths, toy_assignment: Assignment, tmp_path: Path) -> None:
    toy.notebook.write_bytes(factory.notebook())
    write_solutions(toy_assignment, toy.course, tmp_path / "new")
    assert "raise NotImplementedError(" not in (tmp_path / "new" / "student_code.py").read_text()


def test_of_several_assignments_each_needs_a_section(toy: AssignmentPaths, toy_assignment: Assignment) -> None:
    new_assignment(toy.course, "second")
    with pytest.raises(CourseError, match="has no section toy"):
        write_solutions(toy_assignment, toy.course, toy.course.root / "new")
    assert not (toy.course.root / "new").exists()
