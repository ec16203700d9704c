"""The scores that are read from the gradebook: given by hand, late, or still to be graded."""

from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from gradeprop.core.errors import CourseError
from gradeprop.results import gradebook, gradebook_scores
from tests.results.gradebooks import HW, give_by_hand, record


def test_a_total_is_points_by_hand_too_less_the_penalty_and_none_while_a_question_is_ungraded(url: str) -> None:
    gradebook.write([record(), record("bob"), record("eve", status="needs_review", reason="broken")], HW, url)
    for student in ("ada", "eve"):
        give_by_hand(url, "why", 4, student)
    with Gradebook(url) as book:
        book.find_submission_notebook("hw", "hw", "ada").late_submission_penalty = 2
        book.db.commit()
    (hw,) = gradebook_scores.read(url)
    assert (hw.name, hw.max_points) == ("hw", {"net": 6, "loop": 4, "why": 5})
    assert [(score.student, score.total, score.ungraded) for score in hw.scores] == [
        ("ada", 9.5, ()),
        ("bob", None, ("why",)),
        ("eve", None, ("loop", "net")),
    ]
    assert hw.scores[0].points == {"loop": 1.5, "net": 6, "why": 4}


def test_a_score_by_hand_that_asks_for_a_person_again_is_ungraded(url: str) -> None:
    gradebook.write([record()], HW, url)
    give_by_hand(url, "loop", 4)
    give_by_hand(url, "why", 4)
    gradebook.write([record(loop=2)], HW, url)
    assert gradebook_scores.read(url)[0].scores[0].ungraded == ("loop",)


def test_a_penalty_never_leads_below_zero(url: str) -> None:
    gradebook.write([record(net=0, loop=0)], HW, url)
    give_by_hand(url, "why", 0)
    with Gradebook(url) as book:
        book.find_submission_notebook("hw", "hw", "ada").late_submission_penalty = 3
        book.db.commit()
    assert gradebook_scores.read(url)[0].scores[0].total == 0


def test_a_student_has_the_other_ids_that_the_gradebook_knows(url: str) -> None:
    gradebook.write([], HW, url)
    with Gradebook(url) as book:
        book.add_student("ada", email="ada@uni.edu", lms_user_id="31415")
    gradebook.write([record()], HW, url)
    assert gradebook_scores.read(url)[0].scores[0].other_ids == ("31415", "ada@uni.edu")


def test_an_assignment_without_submissions_is_read_only_if_it_is_asked_for(url: str) -> None:
    gradebook.write([], HW, url)
    assert gradebook_scores.read(url) == []
    assert [one.scores for one in gradebook_scores.read(url, ["hw"])] == [()]


def test_what_is_not_there_is_named(url: str, tmp_path: Path) -> None:
    with pytest.raises(CourseError, match=r"gradebook\.db: there is no gradebook yet"):
        gradebook_scores.read(url)
    assert not (tmp_path / "gradebook.db").exists()
    gradebook.write([record()], HW, url)
    with pytest.raises(CourseError, match="the gradebook has no grades for hw9; it has: hw"):
        gradebook_scores.read(url, ["hw9"])
    (tmp_path / "gradebook.db").write_bytes(b"SQLite format 2")
    with pytest.raises(CourseError, match="the gradebook cannot be read: "):
        gradebook_scores.read(url)
