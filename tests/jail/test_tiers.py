"""Without a jail nothing runs, except with --unsafe; then everything that shows a grade says so."""

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradeprop.cli.main import main
from gradeprop.core import storage
from gradeprop.core.errors import NoJailError
from gradeprop.core.models import GradeRecord
from gradeprop.core.paths import AssignmentPaths
from gradeprop.jail import open_jail
from tests.factory import RIGHT, WRONG, class_of
from tests.jail.conftest import submit

WARNING = "2 of 2 ran without a jail (--unsafe)"


def run(toy: AssignmentPaths, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["--course", str(toy.course.root), *arguments])
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture
def submissions(tmp_path: Path) -> str:
    return str(class_of(tmp_path / "class", {"ada": RIGHT, "b\x1b[2Job": WRONG}))


def test_without_a_jail_the_command_refuses_and_runs_nothing(
    toy: AssignmentPaths, submissions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADEPROP_TIER", "none")
    status, said = run(toy, "grade", "toy", submissions)
    assert status == 1
    assert "No jail can be started here, so nothing was run." in said
    assert "--unsafe" in said
    assert "Traceback" not in said
    assert not list(toy.autograded.glob("*/record.json"))


def test_unsafe_runs_all_the_same_and_says_so_wherever_a_grade_is_shown(
    toy: AssignmentPaths, submissions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADEPROP_TIER", "none")
    monkeypatch.setenv("COLUMNS", "200")
    status, said = run(toy, "grade", "toy", submissions, "--unsafe", "--seed", "5")
    assert status == 0, said
    assert WARNING in said
    assert said.count("graded, no jail") == 2
    assert "\x1b[2J" not in said, "a name that clears the screen"
    kept = [storage.read(GradeRecord, file) for file in sorted(toy.autograded.glob("*/record.json"))]
    assert [(record.tier, record.points) for record in kept] == [("none (unsafe)", 10), ("none (unsafe)", 2)]
    assert all("run without a jail" in toy.student(record.key).feedback.read_text() for record in kept)
    with toy.grades_csv.open(encoding="utf-8-sig", newline="") as file:
        assert [row["reason"] for row in csv.DictReader(file)] == ["run without a jail"] * 2
    assert run(toy, "grade", "toy", submissions)[0] == 1
    assert sorted(toy.autograded.glob("*/record.json")) == [toy.student(record.key).record for record in kept], "kept"
    monkeypatch.delenv("GRADEPROP_TIER")
    assert WARNING in run(toy, "grade", "toy", "--recheck")[1], "judged again, they were still run without one"


def test_without_a_jail_nothing_is_run() -> None:
    with pytest.raises(NoJailError, match="nothing was run"), open_jail(tier="none"):
        pass


def test_unsafe_says_so() -> None:
    with open_jail(tier="none", unsafe=True) as jail:
        assert submit(jail, "def it(draw): return 1").tier == "none (unsafe)"


@pytest.mark.slow
def test_an_unknown_tier_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADEPROP_TIER", "fulll")
    with pytest.raises(NoJailError, match="Unknown isolation tier: fulll"), open_jail():
        pass
