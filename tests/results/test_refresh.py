"""Late penalties in the gradebook follow the policy, the arrival times, and the extensions."""

from datetime import datetime, timedelta

import msgspec
import pytest
from nbgrader.api import Gradebook

from gradeprop.core.assignment import LatePolicy
from gradeprop.results import gradebook, refresh
from tests.results.gradebooks import HW, give_by_hand, record

DUE = datetime(2026, 5, 1, 12)
POLICIES = {"hw": LatePolicy(grace_hours=1, percent_per_day=10, days=3)}


@pytest.fixture
def late(url: str) -> str:
    """A gradebook with ada, who is 30 hours late, bob, who is in time, and eve, whose time is unknown."""
    arrivals = {"ada": DUE + timedelta(hours=30), "bob": DUE, "eve": None}
    gradebook.register_submissions(arrivals, HW, ["scratch"], url)
    with Gradebook(url) as book:
        book.update_or_create_assignment("hw", duedate=DUE)
    gradebook.write([record(), record("bob"), record("eve")], HW, url)
    return url


def settled(url: str) -> list[float | None]:
    """Settle the penalties, and return what nbgrader then has."""
    refresh.settle_penalties(url, POLICIES)
    with Gradebook(url) as book:
        return [book.find_submission(*("hw", name)).late_submission_penalty for name in ("ada", "bob", "eve")]


def test_late_work_costs_what_the_policy_says_and_no_more_when_in_time(late: str) -> None:
    assert settled(late) == [1.5, 0, 0]
    gradebook.register_submissions({"ada": DUE}, HW, [], late)
    assert settled(late) == [0, 0, 0]


def test_without_a_policy_a_penalty_of_somebody_else_stays_and_every_reading_has_it(late: str) -> None:
    settled(late)
    for _ in range(2):
        (hw,) = refresh.settle_penalties(late, {"hw": LatePolicy()})
        assert [score.penalty for score in hw.scores] == [1.5, 0, 0]


def test_a_written_answer_counts_for_the_penalty_as_soon_as_it_is_graded(late: str) -> None:
    settled(late)
    give_by_hand(late, "why", 5)
    assert settled(late) == [2.5, 0, 0]


def test_an_extension_of_nbgrader_moves_the_due_date(late: str) -> None:
    with Gradebook(late) as book:
        book.find_submission("hw", "ada").extension = timedelta(hours=29)
        book.db.commit()
    assert settled(late) == [0, 0, 0]


def test_free_days_are_spent_on_the_assignment_that_is_due_first(late: str) -> None:
    second = msgspec.structs.replace(HW, name="hw2")
    gradebook.register_submissions({"ada": DUE + timedelta(hours=5)}, second, [], late)
    with Gradebook(late) as book:
        book.update_or_create_assignment("hw2", duedate=DUE - timedelta(days=1))
    gradebook.write([record()], second, late)
    policy = LatePolicy(percent_per_day=10, free_days=3)
    scores = refresh.settle_penalties(late, {"hw": policy, "hw2": policy})
    assert {one.name: one.scores[0].late.text for one in scores} == {
        "hw": "2 days late, 1 of them free",
        "hw2": "2 days late, 2 of them free",
    }
    assert {one.name: one.scores[0].penalty for one in scores} == {"hw": 0.75, "hw2": 0}
