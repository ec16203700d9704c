"""What is taken off for late work."""

from datetime import datetime

import pytest

from gradeprop.core.assignment import LatePolicy
from gradeprop.core.errors import CourseError
from gradeprop.core.paths import AssignmentPaths
from gradeprop.course.config import read_assignment
from gradeprop.results.late_penalty import Lateness, days_late, penalty, seconds_late, spend_free_days

HOUR_S, DAY_S = 3600, 86400
POLICY = LatePolicy(grace_hours=1, percent_per_day=10, days=3)


@pytest.mark.parametrize(
    ("seconds", "days"),
    [(0, 0), (HOUR_S, 0), (HOUR_S + 1, 1), (HOUR_S + DAY_S, 1), (HOUR_S + DAY_S + 1, 2)],
)
def test_a_day_begins_after_the_grace(seconds: float, days: int) -> None:
    assert days_late(POLICY, seconds) == days


@pytest.mark.parametrize(("days", "taken"), [(0, 0), (1, 2), (3, 6), (4, 20)])
def test_each_day_takes_its_share_and_after_the_last_nothing_is_left(days: int, taken: float) -> None:
    assert penalty(POLICY, 20, days) == taken


def test_nothing_is_taken_without_a_policy_and_never_more_than_there_is() -> None:
    assert penalty(LatePolicy(), 20, 100) == 0
    assert penalty(LatePolicy(percent_per_day=30), 20, 100) == 20
    assert penalty(POLICY, 0, 100) == 0


BERLIN = LatePolicy(timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("due", "arrival", "hours"),
    [
        (datetime(2026, 10, 24, 21, 59), datetime(2026, 10, 25, 22, 59), 24),  # a day of 25 hours
        (datetime(2026, 3, 28, 22, 59), datetime(2026, 3, 29, 22, 59), 24),  # 24 hours, over a day of 23
        (datetime(2026, 5, 1, 12), datetime(2026, 5, 2, 13), 25),
        (datetime(2026, 5, 1, 12), datetime(2026, 5, 1, 11), 0),
    ],
)
def test_a_day_of_the_course_s_clock_is_one_day(due: datetime, arrival: datetime, hours: float) -> None:
    assert seconds_late(BERLIN, due, arrival) == hours * HOUR_S


def test_free_days_are_spent_on_the_first_assignments_and_never_on_what_is_waived() -> None:
    policy = LatePolicy(free_days=3)
    paid = spend_free_days(
        [(policy, Lateness(days=n, waived=waived)) for n, waived in [(2, False), (5, True), (2, False)]]
    )
    assert [(late.free, late.charged) for late in paid] == [(2, 0), (0, 0), (1, 1)]
    assert [late.text for late in paid] == [
        "2 days late, 2 of them free",
        "5 days late, penalty waived",
        "2 days late, 1 of them free",
    ]


def test_an_assignment_may_say_otherwise_than_its_course(toy: AssignmentPaths) -> None:
    course = toy.course.course_toml
    course.write_text(course.read_text() + "\n[late]\npercent-per-day = 10\ndays = 3\n")
    assert read_assignment(toy.course, "toy").late == LatePolicy(percent_per_day=10, days=3)
    toy.toml.write_text(toy.toml.read_text() + "\n[late]\ndays = 1\n")
    assert read_assignment(toy.course, "toy").late == LatePolicy(percent_per_day=10, days=1)


@pytest.mark.parametrize(
    "line", ["percent-per-day = 110", "grace-hours = -1", "days = 1.5", "per-day = 1", "timezone = 'Mars'"]
)
def test_a_policy_that_cannot_hold_is_refused(toy: AssignmentPaths, line: str) -> None:
    toy.toml.write_text(toy.toml.read_text() + f"\n[late]\n{line}\n")
    with pytest.raises(CourseError, match="late|unknown field"):
        read_assignment(toy.course, "toy")
