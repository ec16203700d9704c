"""The commands about students: what they accept, what they say, and what they refuse."""

from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from nbgrader.api import Gradebook

from gradeprop.cli.main import main
from gradeprop.core.paths import AssignmentPaths
from gradeprop.results import people


@pytest.fixture
def course(toy: AssignmentPaths, tmp_path: Path) -> AssignmentPaths:
    """A course in Berlin, with ada and an assignment that is due at noon, UTC."""
    toy.course.course_toml.write_text(f'{toy.course.course_toml.read_text()}\n[late]\ntimezone = "Europe/Berlin"\n')
    (tmp_path / "roster.csv").write_text("Username,Full name\nada,Ada Lovelace\nemmy,Emmy Noether\n")
    assert "2 added, 0 changed, 0 unchanged" in run(toy, "roster", "import", str(tmp_path / "roster.csv"))[1]
    with Gradebook(f"sqlite:///{toy.course.gradebook}") as book:
        book.update_or_create_assignment("toy", duedate=datetime(2026, 5, 1, 12))
    return toy


def run(toy: AssignmentPaths, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["--course", str(toy.course.root), *arguments], env={"COLUMNS": "200"})
    return result.exit_code, result.output


def test_an_extension_until_a_time_is_on_the_clock_of_the_course(course: AssignmentPaths) -> None:
    status, said = run(
        course, "student", "extend", "Ada Lovelace", "toy", "--until", "2026-05-02 15:30", "--reason", "ill"
    )
    assert (status, said.splitlines()[0]) == (0, "ada: extended by 1 day, 1:30:00")
    assert "extended toy (ill)" in run(course, "student", "list")[1]
    assert "the extension is removed" in run(course, "student", "extend", "ada", "toy", "--undo")[1]
    assert "extended" not in run(course, "student", "list")[1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("extend", "ada", "toy"), "Give one of --by, --until and --undo."),
        (("extend", "ada", "toy", "--by", "soon"), "'soon' is not a duration; examples are 2d, 36h and 30m."),
        (("extend", "ada", "toy", "--until", "May"), "'May' is not a time"),
        (("extend", "ada", "toy", "--until", "2026-05-01 13:59"), "is before the due date of everyone"),
        (("extend", "ada", "tow", "--by", "1d"), "there is no assignment 'tow'"),
        (("waive", "adda", "toy"), "there is no student 'adda'; did you mean ada?"),
        (("group", "toy", "ada"), "A group has two or more students."),
    ],
)
def test_a_slip_is_a_sentence_and_changes_nothing(
    course: AssignmentPaths, arguments: tuple[str, ...], says: str
) -> None:
    status, said = run(course, "student", *arguments)
    assert status != 0
    assert says in said
    assert people.notes(course.course) == {}


@pytest.mark.parametrize("name", ["extend", "waive", "excuse", "withdraw", "arrived", "group", "list"])
def test_every_command_has_an_example(name: str) -> None:
    said = CliRunner().invoke(main, ["student", name, "--help"]).output
    assert f"Example:\n    gradeprop student {name}" in said
