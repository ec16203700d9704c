"""The connection to nbgrader's database: locked, damaged, new, of another version, or misconfigured."""

import contextlib
import sqlite3
import threading
from pathlib import Path

import pytest
from nbgrader.api import get_alembic_version

from gradeprop.core.errors import CourseError
from gradeprop.core.paths import CoursePaths
from gradeprop.results import gradebook, gradebook_db, gradebook_scores
from tests.results.gradebooks import HW, PATH, grades, record, rows, set_version


def test_a_database_that_stays_locked_is_said_so(url: str) -> None:
    gradebook.write([record()], HW, url)
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as other, other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(CourseError, match="stays locked by another program"):
            gradebook.write([record(net=1)], HW, f"{url}?timeout=0.05", patience_s=0.3)
        with pytest.raises(CourseError, match="stays locked by another program"):
            gradebook.register_notebook_cells(HW, (), f"{url}?timeout=0.05", patience_s=0.3)
    other.close()
    gradebook.write([record(net=1)], HW, url)
    assert grades(url)["net"] == (1, None, False)


def test_a_database_that_is_free_again_in_time_is_written(url: str) -> None:
    gradebook.write([record()], HW, url)
    other = sqlite3.connect(url.removeprefix("sqlite:///"), check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    threading.Timer(0.5, other.close).start()
    gradebook.write([record(net=1)], HW, f"{url}?timeout=0.05")
    assert grades(url)["net"] == (1, None, False)


@pytest.mark.parametrize("content", [b"this is no database, whatever its name says" * 30, None])
def test_what_is_no_database_is_said_to_be_none(url: str, content: bytes | None, tmp_path: Path) -> None:
    file = Path(url.removeprefix("sqlite:///"))
    file.write_bytes(content) if content else file.mkdir()
    with pytest.raises(CourseError, match=r"gradebook\.db: the gradebook cannot be written: "):
        gradebook.write([record()], HW, url)


def test_a_new_database_has_the_version_that_nbgrader_would_give_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gradebook.write([], HW, url)
    monkeypatch.setenv("PATH", PATH)
    assert f"VALUES('{get_alembic_version()}')" in "\n".join(rows(url))


def test_a_gradebook_of_another_version_is_left_as_it_is(url: str) -> None:
    gradebook.write([record()], HW, url)
    set_version(url)
    before = rows(url)
    for write in (
        lambda: gradebook.write([record(net=1)], HW, url),
        lambda: gradebook.register_submissions({"ada": None}, HW, [], url),
        lambda: gradebook_scores.read(url),
    ):
        with pytest.raises(
            CourseError, match="another version of nbgrader.*have 167914646830, expected .*nbgrader db upgrade"
        ):
            write()
    assert rows(url) == before


def test_a_version_table_that_a_killed_process_left_empty_is_filled(url: str) -> None:
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database, database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    database.close()
    gradebook.write([record()], HW, url)
    assert grades(url)["net"] == (6, None, False)


def test_tables_of_another_program_are_not_read(url: str) -> None:
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database, database:
        database.execute("CREATE TABLE grade (points INTEGER)")
    database.close()
    with pytest.raises(CourseError, match="its tables have no version"):
        gradebook_scores.read(url)


def test_the_course_names_the_gradebook_and_no_message_names_its_password(tmp_path: Path) -> None:
    config = tmp_path / "nbgrader_config.py"
    assert gradebook_db.url(CoursePaths(tmp_path)) == f"sqlite:///{tmp_path / 'gradebook.db'}"
    config.write_text("c = get_config()\nc.CourseDirectory.db_url = 'sqlite:///other.db'\n")
    assert gradebook_db.url(CoursePaths(tmp_path)) == "sqlite:///other.db"
    config.write_text("1 / 0\n")
    with pytest.raises(CourseError, match=r"nbgrader_config\.py: ZeroDivisionError"):
        gradebook_db.url(CoursePaths(tmp_path))
    assert gradebook_db.hide_password("postgresql://prof:secret@db/book") == "postgresql://prof:***@db/book"
    assert gradebook_db.hide_password("not a url") == "db_url in nbgrader_config.py"
