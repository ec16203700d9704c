"""The pages of docs/reference are what the code says, and leave nothing out."""

import re
from pathlib import Path

import msgspec
import pytest

from gradeprop.check import __all__ as exported
from gradeprop.core.paths import CoursePaths
from gradeprop.course.config import read_assignment
from gradeprop.course.known_answers import read_known_answers
from gradeprop.guest.draw import Draw
from gradeprop.integrations.push.settings import read_settings
from tests.conftest import REPOSITORY
from tests.reference import checks, commands, configuration
from tests.reference.__main__ import FOLDER, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_is_generated(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name](), "run make reference-docs"


def test_every_command_is_on_the_page() -> None:
    assert commands.documented() == set(commands.load_commands())


@pytest.mark.parametrize(("path", "lines"), commands.examples().items())
def test_a_command_has_an_example_that_it_accepts(path: str, lines: list[str]) -> None:
    assert lines
    assert [line for line in lines if not line.startswith(path)] == []
    assert [line for line in lines if not commands.parses(line)] == []


def test_an_example_with_a_wrong_option_is_noticed() -> None:
    assert commands.parses("gradeprop grade mnist_lenet --recheck")
    assert not commands.parses("gradeprop grade")
    assert not commands.parses("gradeprop submit now")
    with pytest.raises(Exception, match="No such option"):
        commands.parses("gradeprop grade mnist_lenet --reckeck")


@pytest.mark.parametrize("file", configuration.TABLES)
def test_every_key_has_a_meaning_and_is_in_an_example(file: str) -> None:
    found: dict[str, set[str]] = {}
    for example in configuration.examples(file):
        for table, keys in configuration.tables_in(example).items():
            found.setdefault(table, set()).update(keys)
    for table, record in configuration.TABLES[file].items():
        rows = list(configuration.keys(record))
        assert [key for key, _, _, meaning in rows if not meaning] == []
        assert found[table] == {key for key, *_ in rows}


def test_the_examples_are_read(tmp_path: Path) -> None:
    course = CoursePaths(tmp_path)
    for example, place in (
        ("course.toml", course.course_toml),
        ("assignment.toml", course.assignment("mnist_lenet").toml),
        ("assignment.toml", course.assignment("my_assignment").toml),
        ("wrong.toml", course.assignment("mnist_lenet").wrong / "no_step" / "wrong.toml"),
        ("right.toml", course.assignment("mnist_lenet").right / "in_place" / "right.toml"),
        ("push.toml", course.push_toml),
    ):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text((configuration.EXAMPLES / example).read_text(encoding="utf-8"), encoding="utf-8")
    assignment = read_assignment(course, "mnist_lenet")
    assert (assignment.limits.wall_s, assignment.limits.probe_s) == (600, 30)
    assert (assignment.late.free_days, assignment.late.days) == (0, 5)
    assert [answer.name for answer in read_known_answers(assignment, course.assignment("mnist_lenet"))][2:] == [
        "right/in_place",
        "wrong/no_step",
    ]
    assert None not in msgspec.structs.astuple(read_settings(course))


def test_every_variable_of_the_code_is_on_the_page() -> None:
    files = [
        *(REPOSITORY.root / "gradeprop").rglob("*.py"),
        *REPOSITORY.source.rglob("*.py"),
        *REPOSITORY.source.rglob("*.ipynb"),
    ]
    texts = [file.read_text(encoding="utf-8") for file in files]
    used = {name for text in texts for name in re.findall(r"\bGRADEPROP_[A-Z]+\b", text)}
    assert used == {name for name in configuration.VARIABLES if name.startswith("GRADEPROP_")}
    others = configuration.VARIABLES.keys() - used
    assert [name for name in others if not any(f'"{name}"' in text for text in texts)] == []


def test_the_reference_of_checks_leaves_nothing_out() -> None:
    text = checks.page()
    members = [name for name in vars(Draw) if not name.startswith("_")]
    assert [name for name in members if f"`draw.{name}" not in text] == []
    assert [name for name in exported if f"`{name}" not in text] == ["Observed", "Points", "Seen", "Show"]
