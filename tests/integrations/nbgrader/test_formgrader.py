"""Formgrader's server goes on answering while its buttons work, and says how far autograding is."""

import asyncio
import contextlib
import json
import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import nbformat
import pytest
from nbformat import v4 as nbf

from gradeprop.core.models import Unattributed
from gradeprop.core.paths import CoursePaths
from gradeprop.integrations.nbgrader.formgrader.commands import Command, Course, Queue
from tests.autograding.course import cell
from tests.browser.servers import Person, Server, course_copy, exchange, jupyter
from tests.conftest import REPOSITORY

SUBMITTED = re.compile(r"/course/submitted/(?P<student>[^/]+)/toy")


def said(student: str) -> str:
    return f"[AutogradeApp | INFO] Sanitizing /course/submitted/{student}/toy/toy.ipynb"


def test_progress_is_read_from_what_nbgrader_says() -> None:
    one = Command("autograde", "toy", ("ada", "bob", "cleo"))
    assert (one.state()["state"], one.state()["done"]) == ("waiting", 0)
    one.started = time.monotonic()
    for line in (said("ada"), "[INFO] Copying /course/submitted/ada/toy/x -> y", said("bob"), said("mallory"), "bob"):
        one.read_line(line, SUBMITTED)
    assert one.state() | {"seconds": 0} == {
        **{"students": 3, "done": 1, "current": "bob", "state": "running"},
        **{"seconds": 0, "success": None},
    }
    one.read_line("[AutogradeApp | INFO] Graded 2 of 3", SUBMITTED)
    assert one.state()["done"] == 2
    one.end(1)
    assert (one.state()["state"], one.state()["done"], one.state()["success"]) == ("ended", 2, False)


def test_only_a_command_behind_another_waits(tmp_path: Path) -> None:
    async def states() -> list[str]:
        queue, course = Queue(), Course(tmp_path, "sqlite:///gradebook.db", SUBMITTED.pattern)
        commands = [Command("-h", "toy", (student,)) for student in ("ada", "bob")]
        tasks = [queue.start(command, course) for command in commands]
        seen = [command.state()["state"] for command in commands]
        await asyncio.gather(*tasks)
        return seen

    assert asyncio.run(states()) == ["running", "waiting"]


def test_a_log_without_end_is_kept_in_part() -> None:
    one = Command("autograde", "toy", ("ada",))
    for _ in range(5_000):
        one.read_line("x" * 10_000, SUBMITTED)
    assert len(one.log) < 5_000_000


def test_a_command_that_fails_tells_why_and_lets_the_next_begin(tmp_path: Path) -> None:
    async def two() -> list[Command]:
        queue, course = Queue(), Course(tmp_path, "sqlite:///gradebook.db", SUBMITTED.pattern)
        gone, fine = Command("autograde", "toy", ("ada",)), Command("autograde", "toy", ("bob", "cleo"), ("-h",))
        first = queue.start(gone, Course(tmp_path / "gone", course.db_url, course.submitted))
        second = queue.start(fine, course)
        assert queue.is_covered(Command("autograde", "toy", ("bob",), ("-h",)))
        assert not queue.is_covered(Command("autograde", "toy", ("mallory",), ("-h",)))
        await asyncio.gather(first, second)
        assert queue.commands("toy") == [fine]
        return [gone, fine]

    gone, fine = asyncio.run(two())
    assert fine.status == 0
    assert "nbgrader" in fine.log
    assert gone.status == 1
    assert "could not be started" in gone.log


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    tmp_path = tmp_path_factory.mktemp("formgrader")
    prof = Person("prof", tmp_path / "prof", exchange(tmp_path / "exchange"))
    prof.settle()
    course = course_copy(tmp_path / "prof" / "course")
    submitted = course / "submitted" / "ada" / "mnist_lenet"
    submitted.mkdir(parents=True)
    book = nbformat.read(REPOSITORY.assignment("mnist_lenet").release / "mnist_lenet.ipynb", as_version=4)
    cell(book, "written_parameters").source = "Most are in conv3, see [figure 3](javascript:alert(1))."
    book.cells.append(nbf.new_markdown_cell("And see <script>alert(2)</script>."))
    (submitted / "mnist_lenet.ipynb").write_text(nbformat.writes(book))
    with jupyter(prof, course) as server:
        yield server


@pytest.mark.skipif("ALL_TESTS" not in os.environ, reason="takes long; make check runs it")
def test_the_server_answers_while_it_generates_and_collects(server: Server) -> None:
    """Before anything is graded: nbgrader then accepts no more cells. Errors are in its own words."""
    server.ask("/formgrader/api/assignments")  # makes the gradebook, as opening the page does
    answer, seen = pressed(server, "assignment/mnist_lenet/assign", "/formgrader/api/assignments")
    assert answer["success"], answer["log"]
    names = [one["name"] for one in json.loads(seen[-1])]
    assert "mnist_lenet" in names
    assert "given" not in names, "the folder that all assignments share is none"
    answer, _ = pressed(server, "assignment/mnist_lenet/collect", "/formgrader/api/status")
    assert not answer["success"]
    assert "nbgrader collect failed" in answer["log"]
    answer, _ = pressed(server, "assignment/given/assign", "/formgrader/api/status")
    assert not answer["success"]


def test_the_server_answers_while_it_autogrades(server: Server) -> None:
    """What was handed in is graded in no time, being without code; nbgrader's start is what takes seconds."""
    progress = "/formgrader/api/assignment/mnist_lenet/autograde"
    status, text = server.ask(progress)
    assert (status, json.loads(text)) == (200, {"new": 1, "runs": []})
    answer, seen = pressed(server, "submission/mnist_lenet/ada/autograde", progress)
    assert answer["success"], answer["log"]
    assert "Graded 1 of 1" in answer["log"]
    assert "running" in [run["state"] for state in seen for run in json.loads(state)["runs"]]
    assert server.ask("/formgrader/api/submission/mnist_lenet/nobody/autograde", "POST")[0] == 404
    assert "Autograde new submissions" in server.ask("/formgrader/manage_submissions/mnist_lenet")[1]

    if "ALL_TESTS" not in os.environ:
        return
    feedback = "assignment/mnist_lenet/ada/generate_feedback"
    answer, _ = pressed(server, feedback, "/formgrader/api/submissions/mnist_lenet")
    assert answer["success"], answer["log"]
    answer, _ = pressed(server, "assignment/mnist_lenet/generate_feedback", "/formgrader/api/status")
    assert answer["success"], answer["log"]


def test_the_page_for_manual_grading_shows_all_text_and_runs_none(server: Server) -> None:
    """On the course's own configuration: a click on a link of a student's once wrote files as the grader."""
    (one,) = json.loads(server.ask("/formgrader/api/submitted_notebooks/mnist_lenet/mnist_lenet")[1])
    status, page = server.ask(f"/formgrader/submissions/{one['id']}/")
    assert status == 200
    for text in ("figure 3", "Outside the answer cells", "text that the student wrote in a new cell", "And see"):
        assert text in page
    assert "<script>alert" not in page
    assert 'href="javascript' not in page
    assert 'id="LeNet-5-against' not in page, "the second wall is up: it leaves out the anchors of headings"


def test_submissions_that_belong_to_nobody_are_listed(server: Server) -> None:
    page = "/formgrader/manage_submissions/mnist_lenet"
    assert "belongs to no student yet" not in server.ask(page)[1]
    paths = CoursePaths(server.log.parent / "prof" / "course").assignment("mnist_lenet")
    paths.unattributed.parent.mkdir(parents=True, exist_ok=True)
    entry = Unattributed(path="/drop/<b>eve</b>.zip", reason="eve.zip belongs to the account mallory, and not to eve.")
    paths.unattributed.write_bytes(msgspec.json.encode([entry]))
    text = server.ask(page)[1]
    assert "1 submission belongs to no student yet" in text
    assert "eve.zip belongs to the account mallory" in text
    assert "&lt;b&gt;eve" in text


def test_a_gradebook_that_another_program_holds_is_a_sentence(server: Server) -> None:
    server.ask("/formgrader/api/assignments")
    with contextlib.closing(sqlite3.connect(server.log.parent / "prof" / "course" / "gradebook.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        status, said = server.ask("/formgrader/api/assignment/mnist_lenet/autograde")
    assert status == 500
    assert said.startswith("The gradebook cannot be read: it is locked by another program")
    assert server.ask("/formgrader/api/assignment/mnist_lenet/autograde")[0] == 200


def pressed(server: Server, button: str, meanwhile: str) -> tuple[dict[str, Any], list[str]]:
    """A button's answer, and what another page was told while it was at work, well before its end."""
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(server.ask(f"/formgrader/api/{button}", "POST")[1]))
    began = time.monotonic()
    thread.start()
    waits, seen = list[float](), list[str]()
    while thread.is_alive():
        asked = time.monotonic()
        seen.append(server.ask(meanwhile)[1])
        waits.append(time.monotonic() - asked)
        time.sleep(0.1)
    took = time.monotonic() - began
    print(f"{button}: {took:.1f} s, others waited {max(waits):.2f} s")
    assert max(waits) < took / 2, (waits, took)
    answer: dict[str, Any] = json.loads(answers[0])
    return answer, seen
