"""Formgrader's server goes on answering while it autogrades, and says how far it is."""

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradeprop.formgrader.autograding import Autograding, Course, Queue
from tests.browser.servers import Person, Server, course_copy, exchange, jupyter

SUBMITTED = re.compile(r"/course/submitted/(?P<student>[^/]+)/toy")


def said(student: str) -> str:
    return f"[AutogradeApp | INFO] Sanitizing /course/submitted/{student}/toy/toy.ipynb"


def test_progress_is_read_from_what_nbgrader_says() -> None:
    one = Autograding("toy", ("ada", "bob", "cleo"))
    assert (one.state()["state"], one.state()["done"]) == ("waiting", 0)
    one.started = time.monotonic()
    for line in (said("ada"), "[INFO] Copying /course/submitted/ada/toy/x -> y", said("bob"), said("mallory"), "bob"):
        one.hear(line, SUBMITTED)
    assert one.state() | {"seconds": 0} == {
        **{"students": 3, "done": 1, "at": "bob", "state": "at work"},
        **{"seconds": 0, "success": None},
    }
    one.hear("[AutogradeApp | INFO] Graded 2 of 3", SUBMITTED)
    assert one.state()["done"] == 2
    one.end(1)
    assert (one.state()["state"], one.state()["done"], one.state()["success"]) == ("ended", 2, False)


def test_a_log_without_end_is_kept_in_part() -> None:
    one = Autograding("toy", ("ada",))
    for _ in range(5_000):
        one.hear("x" * 10_000, SUBMITTED)
    assert len(one.log) < 5_000_000


def test_a_command_that_fails_tells_why_and_lets_the_next_begin(tmp_path: Path) -> None:
    async def two() -> list[Autograding]:
        queue, course = Queue(), Course(tmp_path, "sqlite:///gradebook.db", SUBMITTED.pattern)
        gone, fine = Autograding("toy", ("ada",)), Autograding("toy", ("bob", "cleo"), ("-h",))
        first = queue.start(gone, Course(tmp_path / "gone", course.db_url, course.submitted))
        second = queue.start(fine, course)
        assert queue.waits(Autograding("toy", ("bob",), ("-h",)))
        assert not queue.waits(Autograding("toy", ("mallory",), ("-h",)))
        await asyncio.gather(first, second)
        assert queue.of("toy") == [fine]
        return [gone, fine]

    gone, fine = asyncio.run(two())
    assert fine.status == 0
    assert "nbgrader" in fine.log
    assert gone.status == 1
    assert "could not be started" in gone.log


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    prof = Person("prof", tmp_path / "prof", exchange(tmp_path / "exchange"))
    prof.settle()
    course = course_copy(tmp_path / "prof" / "course")
    submitted = course / "submitted" / "ada" / "mnist_lenet"
    submitted.mkdir(parents=True)
    (submitted / "mnist_lenet.ipynb").write_text("not a notebook")
    with jupyter(prof, course) as server:
        yield server


def test_the_server_answers_while_it_autogrades(server: Server) -> None:
    """What was handed in is graded in no time, being no notebook; nbgrader's start is what takes seconds."""
    status, text = server.ask("/formgrader/api/assignment/mnist_lenet/autograde")
    assert (status, json.loads(text)) == (200, {"new": 1, "runs": []})
    answers: list[str] = []
    click = "/formgrader/api/submission/mnist_lenet/ada/autograde"
    grading = threading.Thread(target=lambda: answers.append(server.ask(click, "POST")[1]))
    began = time.monotonic()
    grading.start()
    waits, states = [], []
    while grading.is_alive():
        asked = time.monotonic()
        state = json.loads(server.ask("/formgrader/api/assignment/mnist_lenet/autograde")[1])
        waits.append(time.monotonic() - asked)
        states += [run["state"] for run in state["runs"]]
        time.sleep(0.1)
    took = time.monotonic() - began
    answer = json.loads(answers[0])
    assert answer["success"], answer["log"]
    assert "Graded 1 of 1" in answer["log"]
    assert "at work" in states
    assert max(waits) < took / 2, (waits, took)
    assert server.ask("/formgrader/api/submission/mnist_lenet/nobody/autograde", "POST")[0] == 404
    assert "Autograde what is new" in server.ask("/formgrader/manage_submissions/mnist_lenet")[1]
