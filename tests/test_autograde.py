"""``nbgrader autograde`` with our configuration: a class of honest and dishonest submissions, from all sides."""

from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from gradeprop import records
from gradeprop.course import read_assignment
from gradeprop.paths import AssignmentPaths
from gradeprop.pipeline import Grader
from gradeprop.records import GradeRecord
from tests.autograding.attacks import ATTACKS, RESUBMITTED, hand_in_all, points
from tests.autograding.course import ANSWER, RIGHT, hand_in, make_course, nbgrader

SCRIPT = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> "
    "![x](http://spy) ![y](attachment:none.png) $\\href{javascript:alert(1)}{x}$"
)


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> AssignmentPaths:
    """Two batches: what is handed in again after a good grade, then everybody."""
    toy = make_course(tmp_path_factory.mktemp("course"))
    nbgrader(toy, "generate_assignment", "toy")
    for attack in RESUBMITTED:
        hand_in(toy, attack.__name__, RIGHT)
    nbgrader(toy, "autograde", "toy")
    assert [points(toy, attack.__name__) for attack in RESUBMITTED] == [10, 10]
    hand_in_all(toy)
    hand_in(toy, "mallory", RIGHT, SCRIPT)
    nbgrader(toy, "autograde", "toy")  # without --force: what has changed is seen
    return toy


def record(toy: AssignmentPaths, student: str) -> GradeRecord:
    return records.read(GradeRecord, toy.student(student).record)


def autograded(toy: AssignmentPaths, student: str) -> str:
    return (toy.bundle.root / "autograded_notebooks" / student / "toy" / "toy.ipynb").read_text()


@pytest.mark.parametrize("name", ATTACKS)
def test_cannot_gain_a_point(graded: AssignmentPaths, name: str) -> None:
    assert points(graded, name) == 0
    assert record(graded, name).status == "graded"


def test_the_honest_one_among_them_gets_all(graded: AssignmentPaths) -> None:
    assert points(graded, "honest") == 10
    assert record(graded, "honest").problems == ()
    with Gradebook(f"sqlite:///{graded.bundle.gradebook}") as book:
        assert book.find_grade("written", "toy", "toy", "honest").needs_manual_grade


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("tag_the_tests_to_be_skipped", "carries tags (skip-execution)"),
        ("rewrite_the_tests", "The cell double of the notebook was changed"),
        ("raise_the_points", "says of itself was changed (points)"),
        ("delete_the_tests", "The cell held of the notebook is missing"),
        ("strip_the_metadata", "has lost its name"),
        ("double_the_tests", "The cell double of the notebook is there 2 times"),
        ("turn_the_order_round", "stand in another order"),
        ("make_the_tests_prose", "cell_type"),
        ("link_to_the_solution", "student_code.py"),
        ("forge_an_early_time", "timestamp.txt in it says 1970-01-01"),
        ("forge_no_time", "timestamp.txt in it says"),
        ("hand_in_no_json", "is not a notebook"),
        ("hand_in_no_notebook", "toy.ipynb is missing"),
    ],
)
def test_what_was_changed_is_named(graded: AssignmentPaths, name: str, sentence: str) -> None:
    assert any(sentence in problem for problem in record(graded, name).problems), record(graded, name).problems
    assert "About what you handed in" in autograded(graded, name)


def test_the_autograded_notebook_is_the_one_handed_out_with_the_answers(graded: AssignmentPaths) -> None:
    for name in ("honest", "turn_the_order_round", "double_the_tests", "strip_the_metadata", "rewrite_the_tests"):
        book = nbformat.reads(autograded(graded, name), as_version=4)
        named = {c.metadata.nbgrader.grade_id: c for c in book.cells if "nbgrader" in c.metadata}
        assert [*named] == ["scratch", "double", "held", "written"]
        assert named["written"].source == ANSWER
        assert named["double"].source.startswith("import torch\n")
        assert "A number is doubled." in named["double"].outputs[0]["data"]["text/html"]


def test_nothing_hidden_is_in_nbgraders_folders(graded: AssignmentPaths) -> None:
    root = graded.bundle.root
    for place in ("autograded_notebooks", "release"):
        for file in (f for f in (root / place).rglob("*") if f.is_file()):
            assert not file.is_symlink()
            assert not any(secret in file.read_text() for secret in ("secret", "probe_double", "observed")), file


def test_feedback_shows_the_messages_and_runs_nothing_of_a_student(graded: AssignmentPaths) -> None:
    nbgrader(graded, "generate_feedback", "toy", "--student=mallory")
    nbgrader(graded, "generate_feedback", "toy", "--student=raise_the_points")
    page = (graded.bundle.root / "feedback" / "mallory" / "toy" / "toy.html").read_text()
    assert "alert(1)" in page
    assert not any(active in page for active in ("<script>alert", "<img src=x", 'http://spy"', "\\href{"))
    page = (graded.bundle.root / "feedback" / "raise_the_points" / "toy" / "toy.html").read_text()
    assert "Is it added to itself?" in page
    assert "what was handed out counts" in page


def test_the_same_scores_as_gradeprop_grade_and_formgraders_button(graded: AssignmentPaths, tmp_path: Path) -> None:
    assignment = read_assignment(graded.bundle, "toy")
    found = sorted((graded.bundle.root / "submitted").glob("*/toy"))
    with Grader(graded.bundle, assignment, "sample", into=tmp_path) as grader:
        ours = {folder.parent.name: grader.grade_one(folder, folder.parent.name) for folder in found}
    for student, one in ours.items():
        assert one.questions == record(graded, student).questions, student
        assert one.problems == record(graded, student).problems, student
        assert points(graded, student) == one.points
