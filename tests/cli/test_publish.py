"""package: files for another service, written where the instructor said, and never over others."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gradeprop.cli.main import main
from gradeprop.core.paths import AssignmentPaths


def package(toy: AssignmentPaths, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["--course", str(toy.course.root), "package", *map(str, arguments)])


def test_workflows_are_written_and_no_file_is_replaced(toy: AssignmentPaths, tmp_path: Path) -> None:
    arguments = ("github", "toy", "--organisation", "school", "--to", tmp_path / "out")
    first = package(toy, *arguments)
    assert first.exit_code == 0, first.output
    written = {file: file.read_bytes() for file in (tmp_path / "out").rglob("*") if file.is_file()}
    assert sorted(map(str, written)) == sorted(first.output.splitlines()[:-1])
    changed, *others = written
    changed.write_text("mine")
    for file in others:
        file.unlink()
    again = package(toy, *arguments)
    assert again.exit_code == 1
    assert f"{changed} exists already, perhaps with your changes. Name another folder with --to." in again.stderr
    assert [file for file in (tmp_path / "out").rglob("*") if file.is_file()] == [changed]
    assert changed.read_text() == "mine"


def test_a_zip_that_cannot_be_written_is_one_sentence(toy: AssignmentPaths, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = package(toy, "gradescope", "toy", "--to", tmp_path / "file" / "toy.zip")
    assert done.exit_code == 1
    assert "Traceback" not in done.output
    assert str(tmp_path / "file") in done.stderr


def test_the_zip_is_written_where_it_was_asked_for(
    toy: AssignmentPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = package(toy, "gradescope", "toy")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "toy-gradescope.zip").is_file()
    assert "Set the autograder points to 10. Next steps: gradeprop docs gradescope." in done.output
