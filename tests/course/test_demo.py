"""The sample class has right, wrong, broken and hostile submissions."""

import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradeprop.cli.main import main
from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import CourseError
from gradeprop.core.paths import AssignmentPaths, CoursePaths
from gradeprop.course.demo import demo_class, demo_course
from gradeprop.submissions.discovery import find_submissions
from tests.autograding.course import make_course


def test_the_sample_class_has_every_kind_of_submission(
    toy: AssignmentPaths, toy_assignment: Assignment, tmp_path: Path
) -> None:
    toy.notebook.write_text("{}")
    folder = demo_class(toy_assignment, toy, tmp_path)
    names = {name for _, name in find_submissions([folder], toy_assignment).submissions}
    assert {"reference", "stub", "empty folder", "syntax error", "hostile", "pickled weights", "zipped"} <= names
    assert any(name.startswith("wrong ") for name in names)
    assert any(name.startswith("right ") for name in names)
    assert list((folder / "empty folder").iterdir()) == []
    with zipfile.ZipFile(folder / "zipped.zip") as archive:
        assert archive.read("student_code.py") == (folder / "reference" / "student_code.py").read_bytes()


def test_the_demo_is_a_course_of_its_own_and_made_again_from_scratch(toy: AssignmentPaths) -> None:
    demo = demo_course(toy.course, "toy")
    assert demo.root == toy.course.root / "demo"
    assert demo.solution.read_bytes() == toy.course.solution.read_bytes()
    (demo.root / "left over").mkdir()
    assert not (demo_course(toy.course, "toy").root / "left over").exists()


def test_a_folder_of_somebody_else_is_not_replaced(toy: AssignmentPaths) -> None:
    (mine := toy.course.root / "demo" / "mine").mkdir(parents=True)
    with pytest.raises(CourseError, match="in the way"):
        demo_course(toy.course, "toy")
    assert mine.is_dir()


def test_the_command_ends_well_although_one_submission_needs_attention(tmp_path: Path) -> None:
    toy = make_course(tmp_path / "course")
    result = CliRunner(env={"COLUMNS": "200"}).invoke(main, ["--course", str(toy.course.root), "demo", "toy"])
    assert result.exit_code == 0, result.output
    assert "1 needs attention" in result.output
    assert "The submission contains no file that can be used." in result.output
    demo = AssignmentPaths(CoursePaths(toy.course.root / "demo"), "toy")
    assert demo.report.is_file()
    assert str(demo.report) in result.output
    assert not toy.autograded.exists(), "the grades of the course are as they were"
    assert not toy.course.gradebook.exists()
