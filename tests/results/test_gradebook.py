"""What nbgrader reads back is what the records say, and what people gave by hand survives."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from nbgrader.api import Gradebook

from gradeprop.core.assignment import Question
from gradeprop.core.errors import CourseError
from gradeprop.core.paths import student_key
from gradeprop.results import gradebook
from tests.results.gradebooks import HW, PATH, QUESTIONS, give_by_hand, grades, record, rows


def test_nbgrader_reads_the_scores_back(url: str) -> None:
    gradebook.write([record()], HW, url)
    assert grades(url) == {"net": (6, None, False), "loop": (1.5, None, False), "why": (None, None, True)}
    with Gradebook(url) as book:
        submission = book.find_submission("hw", "ada")
        assert (submission.score, submission.max_score, submission.needs_manual_grade) == (7.5, 15, True)
        (formgrader,) = book.submission_dicts("hw")
        assert (formgrader["code_score"], formgrader["max_written_score"]) == (7.5, 5)
        assert book.find_comment("why", "hw", "hw", "ada").comment == "Submission aaaaaaaaaaaa."


def test_writing_the_same_again_changes_nothing(url: str) -> None:
    both = [record(), record("bob", status="needs_review", reason="x.py:3: broken")]
    gradebook.write(both, HW, url)
    give_by_hand(url, "why", 3)
    before = rows(url)
    gradebook.write(both, HW, url)
    assert rows(url) == before


@pytest.mark.parametrize("status", ["needs_review", "not_graded", "needs_attention"])
def test_a_record_that_is_not_graded_leaves_neither_a_zero_nor_an_old_score(url: str, status: str) -> None:
    gradebook.write([record()], HW, url)
    give_by_hand(url, "why", 3)
    gradebook.write([record(net=0, loop=0, status=status, reason="held back")], HW, url)
    assert grades(url) == {"net": (None, None, True), "loop": (None, None, True), "why": (None, 3, True)}
    with Gradebook(url) as book:
        assert book.find_comment("why", "hw", "hw", "ada").comment == "Submission aaaaaaaaaaaa.\nheld back"
    gradebook.write([record(net=5)], HW, url)
    assert grades(url)["net"] == (5, None, False)


@pytest.mark.parametrize(
    ("points", "kept"), [(99, 6), (-3, 0), (float("nan"), None), (float("inf"), None), (5.25, 5.25)]
)
def test_a_score_stays_between_zero_and_the_most(url: str, points: float, kept: float | None) -> None:
    gradebook.write([record(net=points)], HW, url)
    assert grades(url)["net"] == (kept, None, kept is None)


def test_a_question_without_a_score_is_not_a_zero(url: str) -> None:
    without = msgspec.structs.replace(record(), questions=record().questions[:1])
    gradebook.write([without], HW, url)
    assert grades(url)["loop"] == (None, None, True)


def test_a_score_by_hand_is_asked_for_again_only_after_a_new_submission(url: str) -> None:
    gradebook.write([record()], HW, url)
    give_by_hand(url, "why", 3)
    gradebook.write([record(net=2)], HW, url)  # the checks were fixed
    assert grades(url)["why"] == (None, 3, False)
    gradebook.write([record(sha256="b" * 64)], HW, url)
    assert grades(url)["why"] == (None, 3, True)


def test_a_score_that_a_person_overruled_stays_and_is_flagged_when_the_one_below_changes(url: str) -> None:
    gradebook.write([record()], HW, url)
    give_by_hand(url, "loop", 4)
    gradebook.write([record()], HW, url)
    assert grades(url)["loop"] == (1.5, 4, False)
    gradebook.write([record(loop=2)], HW, url)
    gradebook.write([record(loop=2)], HW, url)
    assert grades(url)["loop"] == (2, 4, True)


def test_questions_come_go_and_change_their_points(url: str) -> None:
    gradebook.write([record(), record("bob")], HW, url)
    net = msgspec.structs.replace(QUESTIONS[0], points=3)
    new = Question(name="new", title="", points=2)
    gradebook.write([record()], msgspec.structs.replace(HW, questions=(net, new, QUESTIONS[2])), url)
    with Gradebook(url) as book:
        notebook = book.find_notebook("hw", "hw")
        assert {cell.name: cell.max_score for cell in notebook.grade_cells} == {"net": 3, "new": 2, "why": 5}
        assert book.find_submission("hw", "ada").score == 3
        assert book.find_grade("new", "hw", "hw", "bob").needs_manual_grade
        assert len(book.find_submission_notebook("hw", "hw", "bob").grades) == 3


def test_scores_by_hand_are_never_thrown_away_with_their_question(url: str) -> None:
    gradebook.write([record()], HW, url)
    give_by_hand(url, "why", 3)
    before = rows(url)
    with pytest.raises(CourseError, match="scores given by hand for 'why'"):
        gradebook.write([record()], msgspec.structs.replace(HW, questions=QUESTIONS[:2]), url)
    assert rows(url) == before


@pytest.mark.filterwarnings("ignore:Object of type .* not in session")  # nbgrader's add_submission
def test_the_cells_nbgrader_registered_itself_are_used(url: str) -> None:
    gradebook.write([], msgspec.structs.replace(HW, name="another"), url)
    with Gradebook(url) as book:
        book.add_assignment("hw")
        book.add_notebook("hw", "hw")
        book.add_grade_cell("net", "hw", "hw", max_score=6, cell_type="code")
        book.add_task_cell("why", "hw", "hw", max_score=5, cell_type="markdown")
        book.add_student("ada", first_name="Ada", last_name="Lovelace")
        book.add_submission("hw", "ada", timestamp="2024-01-01 10:00:00")
    gradebook.write([record()], HW, url)
    assert grades(url)["net"] == (6, None, False)
    assert grades(url)["why"] == (None, None, True)
    with Gradebook(url) as book:
        assert book.find_student("ada").last_name == "Lovelace"
        assert book.find_submission("hw", "ada").timestamp.year == 2024
        assert len(book.find_notebook("hw", "hw").grade_cells) == 2


NAMES = ["ada", "O'Neil, Zoë", 'say "hi"', "../../etc", "=1+1", "李雷", "a;b", "x" * 300, "per%cent"]


def test_any_name_goes_through_nbgraders_own_export(url: str, tmp_path: Path) -> None:
    gradebook.write([record(name, net=i % 7) for i, name in enumerate(NAMES)], HW, url)
    command = [sys.executable, "-m", "nbgrader", "export", f"--db={url}", "--to=grades.csv"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, env=os.environ | {"PATH": PATH})
    with (tmp_path / "grades.csv").open(encoding="utf-8") as file:
        exported = {row["student_id"]: row for row in csv.DictReader(file)}
    assert len(exported) == len(NAMES)
    for i, name in enumerate(NAMES):
        row = exported[gradebook.student_id(student_key(name))]
        assert (float(row["score"]), float(row["max_score"])) == (i % 7 + 1.5, 15)
    assert not any(row["student_id"].startswith("=") or None in row for row in exported.values())


def test_a_student_named_like_anothers_id_does_not_get_the_others_row(url: str) -> None:
    ada, eve = (record(name, net=net) for name, net in (("Lovelace, Ada", 6), ("Lovelace%2C Ada", 0)))
    ada, eve = (msgspec.structs.replace(each, key=student_key(each.student)) for each in (ada, eve))
    gradebook.write([ada], HW, url)
    gradebook.write([eve], HW, url)
    assert gradebook.records_to_write([ada, eve], HW, url) == []
    with Gradebook(url) as book:
        assert {each.id: each.score for each in book.students} == {"Lovelace%2C Ada": 7.5, "Lovelace%252C Ada": 1.5}


def test_a_plain_name_stays_as_it_is() -> None:
    assert [gradebook.student_id(name) for name in ("ada", "j.doe-2", "Zoë")] == ["ada", "j.doe-2", "Zoë"]
    assert gradebook.student_id("a,b;c") == "a%2Cb%3Bc"
    assert len({gradebook.student_id(student_key(name)) for name in [*NAMES, "a%3Bb", "%3D1+1"]}) == len(NAMES) + 2


def test_writing_prints_nothing(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    gradebook.write([record()], HW, url)
    gradebook.write([record("bob")], HW, url)
    assert capfd.readouterr() == ("", "")


def test_a_student_that_nbgrader_knows_keeps_the_name(url: str) -> None:
    gradebook.register_submissions({"O'Neil, Zoë": None}, HW, [], url)
    gradebook.write([record("O'Neil, Zoë")], HW, url)
    with Gradebook(url) as book:
        assert [student.id for student in book.students] == ["O'Neil, Zoë"]
        assert book.find_submission("hw", "O'Neil, Zoë").score == 7.5
