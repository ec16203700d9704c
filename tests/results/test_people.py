"""Extensions, waivers, excuses, withdrawals, groups: each changes the score, and survives nbgrader's commands."""

import subprocess
from datetime import datetime, timedelta

import pytest
from nbgrader.api import Gradebook

from gradeprop.core.assignment import LatePolicy
from gradeprop.core.paths import AssignmentPaths
from gradeprop.results import gradebook, gradebook_scores, people
from gradeprop.results.score import StudentScore
from tests.results.gradebooks import HW, PATH, give_by_hand, record

DUE = datetime(2026, 5, 1, 12)
POLICY = LatePolicy(percent_per_day=10)


@pytest.fixture
def book(toy: AssignmentPaths) -> AssignmentPaths:
    """ada is two days late and has 12.5 points; bob is in time, with 7.5 and an answer to grade."""
    url = f"sqlite:///{toy.course.gradebook}"
    gradebook.register_submissions({"ada": DUE + timedelta(days=2), "bob": DUE}, HW, [], url)
    with Gradebook(url) as opened:
        opened.update_or_create_assignment("hw", duedate=DUE)
        opened.add_student("eve")
    gradebook.write([record(), record("bob")], HW, url)
    give_by_hand(url, "why", 5)
    return toy


def scores(toy: AssignmentPaths, policy: LatePolicy = POLICY) -> dict[str, StudentScore]:
    (hw,) = gradebook_scores.read(f"sqlite:///{toy.course.gradebook}", ["hw"], {"hw": policy})
    return {score.student: score for score in hw.scores}


def test_late_days_cost_what_free_days_waivers_and_extensions_leave(book: AssignmentPaths) -> None:
    assert (scores(book)["ada"].total, scores(book)["ada"].late.text) == (10, "2 days late")
    assert scores(book, LatePolicy(percent_per_day=10, free_days=1))["ada"].total == 11.25
    people.extend(book.course, "ada", "hw", timedelta(days=1), "ill")
    assert scores(book)["ada"].total == 11.25
    people.decide(book.course, "waived", ["ada"], "hw", reason="the platform was down")
    assert (scores(book)["ada"].total, scores(book)["ada"].late.text) == (12.5, "1 day late, penalty waived")


def test_an_excused_student_has_no_score_with_or_without_a_submission(book: AssignmentPaths) -> None:
    people.decide(book.course, "excused", ["ada", "eve"], "hw")
    assert [(one, scores(book)[one].total, scores(book)[one].excused) for one in ("ada", "eve")] == [
        ("ada", None, True),
        ("eve", None, True),
    ]
    people.decide(book.course, "excused", ["ada"], "hw", undo=True)
    assert scores(book)["ada"].total == 10


def test_who_has_withdrawn_is_in_no_list_until_it_is_taken_back(book: AssignmentPaths) -> None:
    people.decide(book.course, "withdrawn", ["ada"])
    assert scores(book).keys() == {"bob"}
    people.decide(book.course, "withdrawn", ["ada"], undo=True)
    assert scores(book).keys() == {"ada", "bob"}


def test_a_group_has_the_points_of_the_last_submission_and_each_the_own_waiver(book: AssignmentPaths) -> None:
    people.decide(book.course, "group", ["ada", "bob", "eve"], "hw", value="team")
    people.decide(book.course, "waived", ["eve"], "hw")
    found = scores(book)
    assert {name: (one.total, one.submitted_by) for name, one in found.items()} == {
        "ada": (10, ""),
        "bob": (10, "ada"),
        "eve": (12.5, "ada"),
    }


def test_a_late_submission_of_unknown_time_waits_for_a_person(book: AssignmentPaths) -> None:
    with Gradebook(f"sqlite:///{book.course.gradebook}") as opened:
        opened.find_submission("hw", "ada").timestamp = None
        opened.db.commit()
    assert scores(book)["ada"].total == 12.5
    people.mark_late(book.course, "hw", {"ada": True, "bob": False})
    assert (scores(book)["ada"].total, scores(book)["ada"].ungraded) == (None, ("days late",))
    assert scores(book, LatePolicy())["ada"].total == 12.5, "lateness costs nothing"
    people.set_arrival(book.course, "ada", "hw", DUE + timedelta(hours=3))
    assert scores(book)["ada"].total == 11.25


def test_decisions_survive_nbgrader_s_own_commands(book: AssignmentPaths) -> None:
    people.extend(book.course, "ada", "hw", timedelta(days=1), "ill")
    people.decide(book.course, "excused", ["bob"], "hw", reason="moved here")
    people.extend(book.course, "eve", "hw", timedelta(days=3))
    before = scores(book), people.notes(book.course)
    options = [f"--db=sqlite:///{book.course.gradebook}"]
    for command in (["db", "upgrade"], ["db", "student", "add", "zoe"], ["export", "--to=grades.csv"]):
        subprocess.run(
            ["nbgrader", *command, *options], cwd=book.course.root, env={"PATH": PATH}, check=True, capture_output=True
        )
    assert (scores(book), people.notes(book.course)) == before
    assert "eve" not in before[0], "an extension is no submission"
    gradebook.write([record(), record("bob")], HW, f"sqlite:///{book.course.gradebook}")
    assert scores(book) == before[0]
