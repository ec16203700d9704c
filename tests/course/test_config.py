"""What instructors write is read, and a slip names the file."""

from pathlib import Path

import pytest

from gradeprop.core.errors import CourseError
from gradeprop.core.paths import AssignmentPaths, CoursePaths
from gradeprop.course.config import read_assignment, read_course
from gradeprop.course.scaffold import new_course
from tests.conftest import REPOSITORY


def test_every_assignment_of_the_course_is_worth_a_hundred_points() -> None:
    """Those to be had automatically, or all, where the points of the letters hold written answers too."""
    for name in read_course(REPOSITORY).assignments:
        assignment = read_assignment(REPOSITORY, name)
        assert 100 in (assignment.points, sum(question.points for question in assignment.questions))


def test_limits_of_the_course_hold_where_the_assignment_has_none(toy: AssignmentPaths) -> None:
    toy.course.course_toml.write_text(toy.course.course_toml.read_text() + "[limits]\nmemory-mib = 77\nprobe-s = 9.0\n")
    limits = read_assignment(toy.course, "toy").limits
    assert (limits.memory_mib, limits.probe_s) == (77, 3.0)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("points = 6", "points = 0", "has 0 points"),
        ("points = 6", "poinst = 6", "poinst"),
        ('name = "held"', 'name = "double"', "'double' occurs twice"),
        ("double = [50, 100]", "double = [100, 50]", "not 0 ≤ pass ≤ full"),
        ("double = [50, 100]", "double = [50, 100]\n[held-out.sample.bands]\nrun = [60, 50]", "the band of run is not"),
        ("double = [50, 100]", "double = [50", "not TOML"),
        ("probe-s = 3.0", 'probe-s = "long"', "float"),
    ],
)
def test_a_slip_in_the_assignment_names_the_file(toy: AssignmentPaths, old: str, new: str, says: str) -> None:
    toy.toml.write_text(toy.toml.read_text().replace(old, new))
    with pytest.raises(CourseError, match="assignment.toml") as error:
        read_assignment(toy.course, "toy")
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("grader", "says"),
    [("python = 3.11", "got `float`"), ("python = '3.11.7'", "matching regex"), ("modules = ['torch']", "got `array`")],
)
def test_a_slip_in_what_grades_names_course_toml(toy: AssignmentPaths, grader: str, says: str) -> None:
    toy.course.course_toml.write_text(f"{toy.course.course_toml.read_text()}\n[grader]\n{grader}\n")
    with pytest.raises(CourseError, match="course.toml") as error:
        read_assignment(toy.course, "toy")
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("", "\n[limits]\nprobe_s = 3.0\n", "there is no setting `probe_s` - at `$.limits`"),
        ("", "\n[limits]\nwall-s = -180.0\n", "`float` > 0.0 - at `$.limits.wall-s`"),
        ("", "\n[limits]\nfiles = 0\n", "`int` >= 1 - at `$.limits.files`"),
        ("", "\n[late]\ndays = -1\n", "at `$.late.days`"),
        ('["toy"]', '["toy", "toy"]', "lists the assignment 'toy' twice"),
        ('["toy"]', "[]", "source/toy is there, but assignments does not list it"),
        ("title", "titel", "there is no setting `titel`"),
    ],
)
def test_a_slip_in_the_course_names_course_toml(toy: AssignmentPaths, old: str, new: str, says: str) -> None:
    text = toy.course.course_toml.read_text()
    toy.course.course_toml.write_text(text.replace(old, new, 1) if old else text + new)
    with pytest.raises(CourseError, match=r"course\.toml") as error:
        read_assignment(toy.course, "toy")
    assert says in str(error.value)


def test_a_mark_that_an_editor_writes_is_no_mistake(toy: AssignmentPaths) -> None:
    before = read_assignment(toy.course, "toy")
    for file in (toy.course.course_toml, toy.toml):
        file.write_text(file.read_text(), encoding="utf-8-sig")
    assert read_assignment(toy.course, "toy") == before
    toy.course.course_toml.write_text(toy.course.course_toml.read_text(encoding="utf-8-sig"), encoding="utf-16")
    with pytest.raises(CourseError, match="course.toml: is not UTF-8 text; save it as UTF-8"):
        read_course(toy.course)


def test_an_unknown_assignment_lists_those_there_are(toy: AssignmentPaths) -> None:
    with pytest.raises(CourseError, match="no assignment 'tow' in this course; it has: toy"):
        read_assignment(toy.course, "tow")


def test_an_assignment_without_a_folder_is_told(toy: AssignmentPaths) -> None:
    toy.toml.unlink()
    with pytest.raises(CourseError, match="source/toy/assignment.toml does not exist"):
        read_course(toy.course)


@pytest.mark.parametrize("name", ["what?", "[2026] nets", "US$"])
def test_a_path_that_sqlite_or_pytest_would_read_otherwise_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="the path of a course must not contain"):
        new_course(tmp_path / name, "Nets")
    assert not (tmp_path / name).exists()
    course = new_course(tmp_path / "C# 50% 'ü' ;", "Nets")
    assert CoursePaths.find(course.given) == course
    course.root.rename(tmp_path / name)
    with pytest.raises(CourseError, match="rename or move the folder"):
        CoursePaths.find(tmp_path / name / "source")


def test_a_folder_outside_a_course_is_told(tmp_path) -> None:
    with pytest.raises(CourseError, match="is this a course"):
        CoursePaths.find(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("points = 6\n", "points = 6\nrubric = [{ points = 1, text = 'x' }]\n", "has a rubric, but is not manual"),
        ("manual = true", "manual = true\nrubric = [{ points = 9, text = 'x' }]", "has a level of 9 points, of 0 to 5"),
    ],
)
def test_a_rubric_that_cannot_hold_is_refused(toy: AssignmentPaths, old: str, new: str, says: str) -> None:
    toy.toml.write_text(toy.toml.read_text().replace(old, new, 1))
    with pytest.raises(CourseError, match=says):
        read_assignment(toy.course, "toy")
