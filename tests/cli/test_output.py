"""Results of a run on the terminal: the table, the files written, submissions on hold; progress and summary."""

import io
from typing import Any

import click
import pytest
from rich.console import Console

from gradeprop.cli import output
from gradeprop.cli.progress import ProgressDisplay, summary
from gradeprop.core.assignment import Assignment
from gradeprop.core.models import CheckResult, GradeRecord, QuestionScore
from gradeprop.core.paths import AssignmentPaths
from gradeprop.grading.jobs import Job
from gradeprop.grading.scoring import find_causes


def record(student: str = "ada", **fields: Any) -> GradeRecord:
    scores = (QuestionScore(name="double", title="Twice as much", points=8, possible=10),)
    about = {"status": "graded", "points": 8, "possible": 10, "questions": scores, "results": ()} | fields
    return GradeRecord(gradeprop="0", assignment="toy", student=student, key=student, **about)


def result(points: float, message: str) -> CheckResult:
    about = {"check": "test_toy.py::test", "question": "double", "line": "A line.", "verdict": "failed"}
    return CheckResult(points=points, possible=5, message=message, **about)


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_the_table_shows_points_status_and_the_costliest_mistake(
    wide: None, toy: AssignmentPaths, toy_assignment: Assignment, capsys: pytest.CaptureFixture[str]
) -> None:
    results = (result(4, "nearly"), result(0, "Is it doubled?\nx 1"))
    output.print_results(toy.course, toy_assignment, [record(results=results, causes=find_causes(results))])
    shown = capsys.readouterr().out
    assert [cell.strip() for cell in shown.splitlines()[4].split("│")[1:-1]] == [
        "ada",
        "– / 15",
        "8 / 10",
        "– / 5",
        "graded",
        "Is it doubled?",
    ]
    assert f"pages     {toy.autograded}/*/feedback.html\ntable     {toy.grades_csv}\ngradebook sqlite:///" in shown


def test_a_large_class_lists_what_has_changed(
    wide: None, toy: AssignmentPaths, toy_assignment: Assignment, capsys: pytest.CaptureFixture[str]
) -> None:
    graded = [record(f"s{number:02}") for number in range(41)]
    output.print_results(toy.course, toy_assignment, graded, unchanged={f"s{number:02}" for number in range(40)})
    shown = capsys.readouterr().out
    assert "│ s40 " in shown
    assert "│ s00 " not in shown
    assert "40 unchanged grades are not listed; gradeprop scores toy has all\n" in shown


def test_a_submission_on_hold_is_an_error_with_its_reason(
    wide: None, toy: AssignmentPaths, toy_assignment: Assignment, capsys: pytest.CaptureFixture[str]
) -> None:
    on_hold = record("bob", status="needs_review", reason="test_toy.py:9:\nZeroDivisionError")
    with pytest.raises(click.ClickException) as error:
        output.print_results(toy.course, toy_assignment, [record(), on_hold])
    assert error.value.message == "1 of 2 on hold. The first: test_toy.py:9: ZeroDivisionError"
    assert "needs review" in capsys.readouterr().out


def test_markup_and_control_characters_are_shown_and_not_obeyed(wide: None, capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(("case", "status"), [("[red]x[/red] [/]", "a\x1b[2J\nb")])
    output.print_line("[bold]\u202e")
    output.warn("a\x07")
    shown = capsys.readouterr()
    assert "[red]x[/red] [/]" in shown.out
    assert "a\ufffd[2J b" in shown.out
    assert "[bold]" in shown.out
    assert "a\ufffd" in shown.err


def jobs() -> list[Job]:
    needs = [("all", "not graded before")] * 2 + [("checks", "--recheck"), ("nothing", "nothing has changed")]
    return [Job(student="ada", path="", need=need, why=why) for need, why in needs]  # type: ignore[arg-type]


def test_the_summary_counts_what_was_done_and_why() -> None:
    assert summary(jobs(), [record()] * 3) == [
        "graded             2  not graded before",
        "re-evaluated       1  --recheck",
        "unchanged          1  nothing has changed",
        "left               1  stopped; run the same command again to continue",
    ]


def test_without_a_terminal_progress_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    display = ProgressDisplay(jobs(), Console(file=text, width=100))
    with display.running():
        display.job_finished(jobs()[3], record())
        assert text.getvalue() == "", "ten seconds have not passed"
        monkeypatch.setattr("gradeprop.cli.progress._EVERY_S", -1.0)
        display.job_finished(jobs()[3], record())
        display.job_finished(jobs()[0], record(status="not_graded"))
    first, second = text.getvalue().splitlines()
    assert first == "2 of 4 done, 0 not graded, 0 to review, 0 need attention, 0/min, time left unknown"
    assert second.startswith("3 of 4 done, 1 not graded, 0 to review, ")
    assert second.endswith(" s left")
