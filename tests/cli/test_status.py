"""What waits, as a table and as JSON; where the course is found; names that the shell completes."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from gradeprop.cli.main import main
from gradeprop.core import storage
from gradeprop.core.models import Held
from gradeprop.core.paths import AssignmentPaths
from tests.cli.test_output import record


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, arguments, env={"COLUMNS": "200", **environment})


@pytest.fixture
def graded(toy: AssignmentPaths) -> AssignmentPaths:
    """ada and bob are graded, but bob has a newer submission; a check broke for cleo; the machine failed for dan."""
    states: dict[str, dict[str, Any]] = {
        "ada": {},
        "bob": {"held": Held(reason="It has two files named student_code.py.", sha256="0", problems=())},
        "cleo": {"status": "needs_review", "reason": "test_toy.py:9: ZeroDivisionError"},
        "dan": {"status": "not_graded", "reason": "No space left on device."},
    }
    for student, fields in states.items():
        storage.write(record(student, **fields), toy.autograded / student / "record.json")
    return toy


def test_each_state_is_counted_and_named(graded: AssignmentPaths) -> None:
    shown = run("--course", str(graded.course.root), "status")
    assert shown.exit_code == 0, shown.output
    row = next(line for line in shown.output.splitlines() if line.startswith("│ toy"))
    assert [cell.strip() for cell in row.split("│")[1:-1]] == [
        *("toy", "15", "no", "2", "2"),
        "1 attention, 1 review, 1 not graded",
    ]
    assert "toy: 1 waiting for attention: look at each submission, then grade again: bob" in shown.output
    assert "gradeprop verify toy names its line: cleo" in shown.output
    assert "the machine failed: grade again: dan" in shown.output


def test_json_has_the_same(graded: AssignmentPaths) -> None:
    shown = run("--course", str(graded.course.root), "status", "toy", "--json")
    assert json.loads(shown.output) == [
        {
            "assignment": "toy",
            "title": "Doubling",
            "points": 15,
            "released": False,
            "graded": 2,
            "written": 2,
            "needs_attention": ["bob"],
            "needs_review": ["cleo"],
            "not_graded": ["dan"],
        }
    ]


def test_the_course_is_found_by_the_environment(
    toy: AssignmentPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run("status").exit_code == 1
    assert "toy" in run("status", GRADEPROP_COURSE=str(toy.course.root)).output


@pytest.mark.parametrize(("typed", "offered"), [("", ["toy"]), ("t", ["toy"]), ("x", [])])
def test_the_shell_completes_names_of_assignments(toy: AssignmentPaths, typed: str, offered: list[str]) -> None:
    shell = ShellComplete(main, {}, "gradeprop", "_GRADEPROP_COMPLETE")
    for command in ("grade", "status"):
        found = shell.get_completions(["--course", str(toy.course.root), command], typed)
        assert [one.value for one in found] == offered
    assert shell.get_completions(["--course", str(toy.course.root.parent), "grade"], typed) == []
