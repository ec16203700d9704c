"""What ``gradeprop doctor`` finds besides the jail; tests/cli/test_main.py has the jail."""

import contextlib
import importlib.metadata
import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradeprop.cli.health import course_findings, versions
from gradeprop.cli.main import main
from gradeprop.cli.reports import Finding
from gradeprop.core.paths import AssignmentPaths
from gradeprop.results import gradebook_db


def findings(toy: AssignmentPaths, area: str) -> list[Finding]:
    return [each for each in course_findings(toy.course) if each.area == area]


def test_every_package_that_is_asked_for_is_here() -> None:
    assert [each for each in versions() if each.state != "ok"] == []


def test_packages_that_are_missing_or_old_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["click>=99", "seaborn_of_ada>=1", 'distributed>=99; extra == "cluster"', 'bleach>=99; extra == "grader"']
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: asked)
    found = [each.found for each in versions() if each.state == "problem"]
    assert [text.split()[0] for text in found] == ["click", "seaborn_of_ada", "bleach"]
    assert found[1] == "seaborn_of_ada is not installed, and gradeprop needs >=1"


def test_data_sets_that_grades_require_are_named(toy: AssignmentPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(toy.course.root / "cache"))
    toy.toml.write_text(toy.toml.read_text() + "\n[held-out.photos]\nrequired = true\nbars = {}\n")
    (one,) = findings(toy, "data sets")
    said = "photos is not on this machine; grades of toy require it"
    assert one == Finding("data sets", "note", said, "gradeprop data photos")
    (toy.course.root / "data" / "photos").mkdir(parents=True)
    assert [each.state for each in findings(toy, "data sets")] == ["ok"]


def test_the_gradebook_is_read(toy: AssignmentPaths) -> None:
    assert "does not exist yet" in findings(toy, "gradebook")[0].found
    gradebook_db.prepare_database(address := gradebook_db.url(toy.course))
    with gradebook_db.api.Gradebook(address) as gradebook:
        gradebook.add_student("ada")
    assert findings(toy, "gradebook")[0].found.endswith("gradebook.db has 1 students")
    with contextlib.closing(sqlite3.connect(toy.course.gradebook)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'older'")
    (one,) = findings(toy, "gradebook")
    assert one.state == "problem"
    assert "another version of nbgrader" in one.found
    toy.course.gradebook.write_bytes(b"no database" * 100)
    assert "cannot be read" in findings(toy, "gradebook")[0].found


def test_the_exchange_is_looked_at(toy: AssignmentPaths, tmp_path: Path) -> None:
    assert findings(toy, "exchange")[0].state == "ok"
    config = toy.course.root / "nbgrader_config.py"
    config.write_text(f"c = get_config()\nc.Exchange.root = {str(tmp_path / 'exchange')!r}\n")
    assert [each.to_do.partition(" ")[0] for each in findings(toy, "exchange")] == ["set", "as"]
    (tmp_path / "exchange" / "cnn" / "inbound" / "ada+toy").mkdir(parents=True)
    config.write_text(config.read_text() + "c.CourseDirectory.course_id = 'cnn'\n")
    (one,) = findings(toy, "exchange")
    assert one.found == f"{tmp_path}/exchange/cnn/inbound holds 1 submissions"
    config.write_text("1 / 0")
    assert "ZeroDivisionError" in findings(toy, "exchange")[0].found


def test_json_on_another_system(toy: AssignmentPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    result = CliRunner().invoke(main, ["--course", str(toy.course.root), "doctor", "--json"])
    assert result.exit_code == 1
    said = json.loads(result.stdout)
    assert said["jails"] == []
    (jail,) = (each for each in said["findings"] if each["area"] == "jail")
    assert jail["state"] == "problem"
    assert "needs Linux, and this is darwin" in jail["found"]
