"""The gradebook in a real PostgreSQL, which nbgrader's own ``db_url`` names: one server for the tests, started here."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from sqlalchemy import event
from sqlalchemy.engine import Engine

from gradeprop.core.errors import CourseError
from gradeprop.core.paths import AssignmentPaths
from gradeprop.course.config import read_assignment
from gradeprop.grading.batch import run
from gradeprop.grading.jobs import plan
from gradeprop.grading.settings import RunSettings
from gradeprop.grading.store import Store
from gradeprop.results import gradebook
from tests.factory import submission
from tests.results.gradebooks import HW, grades, record

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
pytestmark = pytest.mark.skipif(PROGRAMS is None, reason="needs PostgreSQL: apt-get install postgresql")
pytest.importorskip("psycopg2", reason="needs its driver: pip install 'gradeprop[postgres]'")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server of an ordinary user's, which listens on a socket in its own folder."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    ordinary = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
    if ordinary:
        shutil.chown(folder, "nobody", "nogroup")
    assert PROGRAMS
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, **ordinary}
    make = ["initdb", "--pgdata=data", "--username=teacher", "--auth=trust", "--no-sync", "--encoding=UTF8"]
    subprocess.run([PROGRAMS / make[0], *make[1:]], check=True, **quiet)
    serve = ["postgres", "-D", "data", "-k", str(folder), "-c", "listen_addresses=", "-c", "fsync=off"]
    process = subprocess.Popen([PROGRAMS / serve[0], *serve[1:]], **quiet)
    try:
        while not (folder / ".s.PGSQL.5432").exists():
            assert process.poll() is None
            threading.Event().wait(0.02)
        yield str(folder)
    finally:
        process.send_signal(signal.SIGINT)  # at once; SIGTERM waits for everyone to go
        process.wait()
        shutil.rmtree(folder)


@pytest.fixture
def url(server: str, request: pytest.FixtureRequest) -> str:
    """A fresh database."""
    name = "".join(c for c in request.node.name if c.isalnum())[-40:]
    deadline = 200
    while subprocess.run([PROGRAMS / "createdb", "-h", server, "-U", "teacher", name], check=False).returncode:
        deadline -= 1
        assert deadline, "the server does not come up"
        threading.Event().wait(0.05)
    return f"postgresql+psycopg2://teacher:secret@/{name}?host={server}"


def test_what_nbgrader_reads_back_is_what_the_records_say(url: str) -> None:
    gradebook.write([record(), record("李小龍", net=2)], HW, url)
    gradebook.write([record(net=4)], HW, url)
    assert grades(url)["net"] == (4, None, False)
    assert grades(url, "李小龍")["net"] == (2, None, False)
    assert grades(url)["why"] == (None, None, True)
    assert gradebook.records_to_write([record(net=4), record("eve"), record("李小龍", net=1)], HW, url) == [
        record("eve"),
        record("李小龍", net=1),
    ]


def test_two_who_write_at_once_to_a_new_database_lose_nothing(url: str) -> None:
    wrong: list[BaseException] = []

    def write(students: range) -> None:
        try:
            gradebook.write([record(f"s{number}") for number in students], HW, url)
        except BaseException as error:
            wrong.append(error)

    writers = [threading.Thread(target=write, args=[range(10 * n, 10 * n + 15)]) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert wrong == []
    with Gradebook(url) as book:
        assert {student.id for student in book.students} == {f"s{number}" for number in range(35)}


def test_rows_that_another_adds_between_two_queries_are_no_error(url: str) -> None:
    gradebook.write([record()], HW, url)
    seen: list[str] = []

    def add_another(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "FROM submitted_assignment" in statement and not seen:
            seen.append(statement)
            gradebook.write([record("eve")], HW, url)

    event.listen(Engine, "after_cursor_execute", add_another)
    try:
        gradebook.write([record(net=2), record("bob")], HW, url)
    finally:
        event.remove(Engine, "after_cursor_execute", add_another)
    assert seen
    with Gradebook(url) as book:
        assert {student.id for student in book.students} == {"ada", "bob", "eve"}


def test_a_class_is_graded_into_the_database_that_the_course_names(
    url: str, toy: AssignmentPaths, tmp_path: Path
) -> None:
    config = toy.course.root / "nbgrader_config.py"
    config.write_text(f"c = get_config()\nc.CourseDirectory.db_url = {url!r}\n")
    submission(tmp_path / "ada")
    one = read_assignment(toy.course, "toy")
    with Store(RunSettings(toy.course, one, "sample")) as store:
        run(store, plan(store, [(tmp_path / "ada", "ada")]))
    assert not toy.course.gradebook.exists()
    with contextlib.closing(Gradebook(url)) as book:
        assert book.find_grade("double", "toy", "toy", "ada").auto_score == 6


def test_a_server_that_is_not_there_is_a_sentence_without_a_password() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        gone = f"postgresql+psycopg2://teacher:secret@127.0.0.1:{free.getsockname()[1]}/book"
    with pytest.raises(CourseError, match="cannot be written: .*refused") as found:
        gradebook.write([record()], HW, gone)
    assert "secret" not in str(found.value)
    with pytest.raises(CourseError, match="cannot be written"):
        gradebook.write([record()], HW, "no url at all")
