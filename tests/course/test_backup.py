"""A backup holds everything that cannot be made again, and a course that was restored from it goes on."""

import contextlib
import sqlite3
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradeprop.cli.main import main
from gradeprop.core.paths import AssignmentPaths, CoursePaths
from gradeprop.course.config import read_course


@pytest.fixture
def course(toy: AssignmentPaths) -> AssignmentPaths:
    with contextlib.closing(sqlite3.connect(toy.course.gradebook)) as database, database:
        database.execute("create table student (id text)")
        database.execute("insert into student values ('ada')")
    for file in ("autograded/toy/ada/record.json", "autograded/toy/.lock", "autograded/.arrivals/toy/ada", ".venv/x"):
        (toy.course.root / file).parent.mkdir(parents=True, exist_ok=True)
        (toy.course.root / file).write_text("kept")
    (toy.course.root / "link").symlink_to("/etc/passwd")
    return toy


def run(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_restored_course_has_grades_and_gradebook_and_nothing_that_can_be_made_again(
    course: AssignmentPaths, tmp_path: Path
) -> None:
    file, new = tmp_path / "kept.tar.gz", tmp_path / "new"
    (course.course.root / "submissions").symlink_to(tmp_path)
    (course.course.root / "course-2026-01-31.tar.gz").write_text("an earlier backup")
    said = run("--course", str(course.course.root), "backup", "--to", str(file))
    assert "and the gradebook" in said
    assert "what they lead to is not in the backup: link, submissions" in said
    run("restore", str(file), str(new))
    assert (new / "source" / "student_code.py").read_bytes() == course.course.solution.read_bytes()
    assert (new / "autograded/toy/ada/record.json").read_text() == "kept"
    assert (new / "autograded/.arrivals/toy/ada").read_text() == "kept"
    for name in ("autograded/toy/.lock", ".venv", "link", "course-2026-01-31.tar.gz"):
        assert not (new / name).exists(), name
    with contextlib.closing(sqlite3.connect(new / "gradebook.db")) as database, database:
        assert database.execute("select id from student").fetchall() == [("ada",)]
    assert "toy" in read_course(CoursePaths(new)).assignments


def test_nothing_is_overwritten(course: AssignmentPaths, tmp_path: Path) -> None:
    file = tmp_path / "kept.tar.gz"
    file.write_text("mine")
    result = CliRunner().invoke(main, ["--course", str(course.course.root), "backup", "--to", str(file)])
    assert result.exit_code == 1
    assert "exists already" in result.output
    assert file.read_text() == "mine"
    file.unlink()
    run("--course", str(course.course.root), "backup", "--to", str(file))
    result = CliRunner().invoke(main, ["restore", str(file), str(course.course.root)])
    assert result.exit_code == 1
    assert "is not empty" in result.output


def test_a_backup_that_fails_leaves_no_file(
    course: AssignmentPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tarfile.TarFile.addfile", fail)
    (tmp_path / "to").mkdir()
    arguments = ["--course", str(course.course.root), "backup", "--to", str(tmp_path / "to" / "kept.tar.gz")]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, "No space left on device" in result.output) == (1, True)
    assert not list((tmp_path / "to").iterdir())


def test_a_damaged_backup_is_told(course: AssignmentPaths, tmp_path: Path) -> None:
    file = tmp_path / "kept.tar.gz"
    run("--course", str(course.course.root), "backup", "--to", str(file))
    file.write_bytes(file.read_bytes()[:-200])
    result = CliRunner().invoke(main, ["restore", str(file), str(tmp_path / "new")])
    assert result.exit_code == 1
    assert "cannot be restored" in result.output


def test_an_archive_cannot_write_elsewhere(tmp_path: Path) -> None:
    (outside := tmp_path / "outside.txt").write_text("mine")
    with tarfile.open(tmp_path / "evil.tar.gz", "x:gz") as archive:
        archive.add(outside, "../outside.txt")
    outside.write_text("still mine")
    result = CliRunner().invoke(main, ["restore", str(tmp_path / "evil.tar.gz"), str(tmp_path / "new")])
    assert result.exit_code == 1
    assert outside.read_text() == "still mine"
