"""Formgrader's Manual Grading after ``gradeprop grade``: a score that is given there is everywhere."""

import json
import os
import shutil
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradeprop.cli.main import main
from gradeprop.core.paths import AssignmentPaths
from gradeprop.results import gradebook_scores
from tests.autograding.course import make_course, submit
from tests.browser.servers import PATIENCE_S, TOKEN, Person, Server, exchange, jupyter

pytestmark = pytest.mark.skipif("ALL_TESTS" not in os.environ, reason="takes long; make check runs it")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> AssignmentPaths:
    """ada's submission came as a folder; nothing was ever collected by nbgrader."""
    toy, folder = make_course(tmp_path_factory.mktemp("course")), tmp_path_factory.mktemp("class")
    rubric = 'rubric = [{ points = 4, text = "Names the reason.", sample = "It is added to itself." }]'
    toy.toml.write_text(toy.toml.read_text().replace("manual = true", f"manual = true\n{rubric}"))
    command = ["--course", str(toy.course.root)]
    assert CliRunner().invoke(main, [*command, "release", "toy"]).exit_code == 0
    shutil.move(submit(toy, "ada")[0], folder / "ada")
    assert CliRunner().invoke(main, [*command, "grade", "toy", str(folder)]).exit_code == 0
    return toy


@pytest.fixture(scope="module")
def server(toy: AssignmentPaths, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("formgrader")
    prof = Person("prof", folder / "prof", exchange(folder / "exchange"))
    prof.settle()
    with jupyter(prof, toy.course.root) as server:
        yield server


def put(server: Server, path: str, body: dict[str, object]) -> None:
    headers = {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"}
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), headers, method="PUT")
    urllib.request.urlopen(request, timeout=PATIENCE_S).close()


def wait_for(text: str, file: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while text not in file.read_text() and time.monotonic() < deadline:
        time.sleep(0.5)
    assert text in file.read_text()


def test_an_answer_is_shown_with_its_rubric_and_its_score_reaches_page_and_table(
    server: Server, toy: AssignmentPaths
) -> None:
    (one,) = json.loads(server.ask("/formgrader/api/submitted_notebooks/toy/toy")[1])
    assert (one["student"], one["needs_manual_grade"]) == ("ada", True)
    status, page = server.ask(f"/formgrader/submissions/{one['id']}/")
    assert status == 200
    for text in ("twice is <strong>more</strong>", "Names the reason.", "It is added to itself."):
        assert text in page
    grades = json.loads(server.ask(f"/formgrader/api/grades?submission_id={one['id']}")[1])
    grade = next(each for each in grades if each["name"] == "written")
    put(server, f"/formgrader/api/grade/{grade['id']}", {"manual_score": 4.5})
    comments = json.loads(server.ask(f"/formgrader/api/comments?submission_id={one['id']}")[1])
    comment = next(each for each in comments if each["name"] == "written")
    put(server, f"/formgrader/api/comment/{comment['id']}", {"manual_comment": "And the shape?"})
    wait_for("And the shape?", toy.student("ada").feedback)
    assert "<strong>14.5</strong> of 15 points" in toy.student("ada").feedback.read_text()
    assert '"ada","ada","graded",14.5,15,10,4.5,0' in toy.grades_csv.read_text(encoding="utf-8-sig")
    (scores,) = gradebook_scores.read_course(toy.course)
    assert scores.scores[0].total == 14.5
