"""The page a student reads: every text escaped, no script, the curve with its text twin."""

import pytest

from gradeprop.core.models import Assignment, CheckResult, Curves, GradeRecord, JailRun, Submission, Table
from gradeprop.core.paths import AssignmentPaths
from gradeprop.course.config import read_assignment
from gradeprop.grading.scoring import grade, needs_review, not_graded
from gradeprop.results.feedback import chart, page, points, prose

RUN = JailRun(
    assignment="toy", student="", seed=7, dataset="sample", tier="full", probes=(), values={}, ended="It stopped."
)
ADA = Submission(
    student="<b>Ada</b>", key="ada", files=("student_code.py",), sha256="0", problems=("A <i>problem</i>.",)
)


def result(**changes: object) -> CheckResult:
    fields = {
        "check": "t",
        "question": "double",
        "line": "A number is doubled.",
        "verdict": "failed",
        "points": 0,
        "possible": 4,
    }
    return CheckResult(**(fields | changes))


def graded(assignment: Assignment, *results: CheckResult) -> GradeRecord:
    return grade(assignment, ADA, RUN, results)


@pytest.fixture
def assignment(toy: AssignmentPaths) -> Assignment:
    return read_assignment(toy.course, "toy")


def test_everything_from_a_submission_is_escaped(assignment: Assignment) -> None:
    evil = "<script>alert(1)</script>"
    table = Table(caption=evil, header=(evil,), rows=((evil, "1", "2"),))
    curves = Curves(caption=evil, x_label=evil, y_label=evil, series={evil: (1.0, 2.0)})
    html = page(assignment, graded(assignment, result(message=evil, exhibits=(table, curves))))
    assert "<script" not in html
    assert "<b>Ada" not in html
    assert "<i>problem" not in html
    assert html.count("&lt;script&gt;") >= 8


def test_the_page_says_points_problems_and_why_the_run_ended(assignment: Assignment) -> None:
    html = page(assignment, graded(assignment, result(), result(verdict="passed", points=2, possible=2)))
    assert "<strong>2</strong> of 10 points" in html
    assert "It stopped." in html
    assert "Why? (5 points)" in html.replace("\n    ", " ")


def test_a_record_held_back_shows_no_grade_and_no_secret(assignment: Assignment) -> None:
    broken = result(verdict="broken", message="/home/prof/grader_tests/test_toy.py:3: KeyError")
    for record in (graded(assignment, broken), needs_review(assignment, ADA, "x"), not_graded(assignment, ADA, "y")):
        html = page(assignment, record)
        assert record.status != "graded"
        assert "of 10 points" not in html
        assert "/home/prof" not in html


def test_a_curve_has_a_text_twin_and_survives_odd_lengths() -> None:
    both = Curves(caption="", x_label="epoch", y_label="loss", series={"train": (2.0, 1.0), "test": (3.0,), "none": ()})
    svg = chart(both)
    assert "loss over epoch: train goes from 2 to 1; test goes from 3 to 3." in svg
    assert chart(Curves(caption="", x_label="", y_label="", series={})) == ""


def test_names_between_backticks_are_set_as_code() -> None:
    assert prose("call ``a<b`` & go") == "call <code>a&lt;b</code> &amp; go"


def test_only_a_row_that_differs_from_what_is_expected_is_marked(assignment: Assignment) -> None:
    table = Table(caption="", header=("layer", "yours", "expected"), rows=(("a", "1", "1"), ("b", "1", "2")))
    other = Table(caption="", header=("name", "shape", "number"), rows=(("a", "1", "2"),))
    assert page(assignment, graded(assignment, result(exhibits=(table, other)))).count('<tr class="differs">') == 1


def test_points_are_written_as_people_write_them() -> None:
    assert [points(4.0), points(2.5), points(0), points(1 / 3)] == ["4", "2.5", "0", "0.33"]
