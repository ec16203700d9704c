"""The page a student reads: every text escaped, no script, the curve with its text twin."""

from dataclasses import replace

import msgspec
import pytest

from gradeprop.core.assignment import Assignment, RubricLevel
from gradeprop.core.models import CheckResult, Curves, GradeRecord, JailRun, Submission, Table
from gradeprop.core.paths import AssignmentPaths
from gradeprop.course.config import read_assignment
from gradeprop.grading.scoring import grade, needs_review, not_graded
from gradeprop.results.feedback import cell_html, chart, page, points, prose
from gradeprop.results.score import of_record

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
    assert "Not final" in html
    assert '<td class="number">2 / 10</td>' in html
    assert '<td class="number">– / 5</td>\n    <td>not graded yet: Why?</td>' in html
    assert "It stopped." in html


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


# ---- the cause comes first

IMPORT = "student_code.py could not be imported, so nothing was run: SyntaxError: bad\nstudent_code.py, line 12: x ="


def test_one_cause_of_many_checks_is_told_once_and_first(assignment: Assignment) -> None:
    results = [result(check=str(i), verdict="error", message=IMPORT, possible=1) for i in range(6)]
    held = [result(check=str(i), verdict="error", message=IMPORT, possible=1, question="held") for i in range(4)]
    html = page(assignment, graded(assignment, *results, *held))
    assert html.count("could not be imported") == 1
    assert html.index("could not be imported") < html.index("<main>")
    assert "10 checks could not run for this reason." in html
    assert "6 checks could not run for <a" in html
    assert "4 checks could not run for <a" in html
    assert html.count("A number is doubled.") == 10, "each check is still listed"


def test_several_causes_are_sorted_by_points(assignment: Assignment) -> None:
    results = [result(message="first ``x``\nmore of it", possible=1), result(message="second", possible=2)]
    results += [result(message="third", possible=1, check=str(i)) for i in range(3)]
    record = graded(assignment, *results, result(message="fine", points=4, verdict="passed"))
    assert [(cause.message.split()[0], cause.lost, cause.checks) for cause in record.causes] == [
        ("third", 3, 3),
        ("second", 2, 1),
        ("first", 1, 1),
    ]
    html = page(assignment, record)
    top = html[html.index('class="causes"') : html.index("<main>")]
    assert top.index("third") < top.index("second") < top.index("first <code>x</code>")
    assert "more of it" not in top, "the whole message of a single check is at its question"
    assert html.count("more of it") == 1
    assert "3 checks lost points for this reason." in top


def test_a_cause_that_is_also_a_problem_of_the_submission_is_not_repeated(assignment: Assignment) -> None:
    record = graded(assignment, *(result(check=str(i), verdict="crash", message="It stopped.") for i in range(2)))
    assert page(assignment, record).count("It stopped.") == 1


def test_an_exhibit_of_a_check_in_a_group_is_shown(assignment: Assignment) -> None:
    table = Table(caption="your layers", header=("a",), rows=(("1",),))
    record = graded(assignment, result(message="so"), result(message="so", exhibits=(table,)))
    assert page(assignment, record).count("your layers") == 1


def test_a_cell_of_a_notebook_tells_the_reason_itself_once(assignment: Assignment) -> None:
    record = graded(assignment, *(result(check=str(i), verdict="error", message=IMPORT) for i in range(3)))
    html = cell_html(record, "double")
    assert html.count("could not be imported") == 1
    assert "3 checks could not run for this reason" in html
    assert "#reason" not in html


def test_full_points_have_no_cause_and_a_page_on_hold_shows_none(assignment: Assignment) -> None:
    assert "What cost points" not in page(assignment, graded(assignment, result(verdict="passed", points=4)))
    record = graded(assignment, result(message="wrong"), result(verdict="broken", message="test_toy.py:3: KeyError"))
    assert [cause.message for cause in record.causes] == ["wrong"]
    assert "What cost points" not in page(assignment, record)


def test_only_the_costliest_causes_are_at_the_top(assignment: Assignment) -> None:
    html = page(assignment, graded(assignment, *(result(message=f"cause {i}", possible=i + 1) for i in range(14))))
    top = html[html.index('class="causes"') : html.index("<main>")]
    assert top.count('<li id="reason') == 10
    assert "cause 3" not in top
    assert "Less costly: 4 more, below." in top


def test_a_graded_answer_shows_its_level_of_the_rubric_and_the_samples(assignment: Assignment) -> None:
    rubric = (RubricLevel(points=5, text="All <b>of</b> it."), RubricLevel(points=2, text="Half.", sample="x is x"))
    questions = (*assignment.questions[:2], msgspec.structs.replace(assignment.questions[2], rubric=rubric))
    assignment = msgspec.structs.replace(assignment, questions=questions)
    record = graded(assignment, result(verdict="passed", points=4))
    waits = of_record(assignment, record)
    assert "Half." not in page(assignment, record, waits), "nothing of it before a person has graded the answer"
    scored = replace(waits, points={**waits.points, "written": 3.5}, ungraded=(), comments={"written": "Why <i>x</i>?"})
    html = page(assignment, record, scored)
    assert "<strong>7.5</strong> of 15 points" in html
    assert "Half. <strong>(your answer)</strong>" in html
    assert "All &lt;b&gt;of&lt;/b&gt; it." in html
    assert "Sample: x is x" in html
    assert "Why &lt;i&gt;x&lt;/i&gt;?" in html


def test_the_page_of_the_same_grade_is_the_same_whatever_the_run_took(assignment: Assignment) -> None:
    one = needs_review(assignment, ADA, "broken")
    again = msgspec.structs.replace(one, seed=7, wall_s=9.0, cpu_s=8.0, seen="later", ran_with={"torch": "2"})
    assert page(assignment, again) == page(assignment, one)
    assert page(assignment, msgspec.structs.replace(one, problems=("another",))) != page(assignment, one)
