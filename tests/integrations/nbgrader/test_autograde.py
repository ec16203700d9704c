"""``nbgrader autograde`` with our configuration: a class of honest and dishonest submissions, from all sides."""

import contextlib
import os
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.apps.api import NbGraderAPI
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from traitlets.config import PyFileConfigLoader

from gradeprop.core import storage
from gradeprop.core.models import GradeRecord
from gradeprop.core.paths import AssignmentPaths, CoursePaths
from gradeprop.course.config import read_assignment
from gradeprop.course.known_answers import read_known_answers, reference_weights, write_answer
from gradeprop.grading.batch import run
from gradeprop.grading.grader import open_grader
from gradeprop.grading.jobs import plan_recheck
from gradeprop.grading.settings import RunSettings
from gradeprop.grading.store import Store, StudentFolders
from gradeprop.submissions.arrival_time import write_arrival_time
from tests.autograding.attacks import ATTACKS, RESUBMITTED, points, submit_all
from tests.autograding.course import ANSWER, RIGHT, cell, convert, make_course, nbgrader, save, submit
from tests.browser.servers import course_copy
from tests.conftest import REPOSITORY
from tests.grading.runs import grade_all, settings_of

SCRIPT = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> "
    "![x](http://spy) ![y](attachment:none.png) $\\href{javascript:alert(1)}{x}$ "
    "[figure 3](javascript:alert(1)) [table 1][1]\n\n[1]: javascript:alert(1)"
)

pytestmark = [  # nbgrader's own
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Object of type .* not in session"),
]

ALL = "ALL_TESTS" in os.environ
CHOSEN = tuple(ATTACKS) if ALL else ("rewrite_the_tests", "double_the_tests", "raise_the_points", "hand_in_no_json")
SENTENCES = [
    ("tag_the_tests_to_be_skipped", "has tags (skip-execution)"),
    ("rewrite_the_tests", "Cell double of the notebook was changed"),
    ("raise_the_points", "The metadata of cell double was changed (points)"),
    ("delete_the_tests", "Cell held of the notebook is missing"),
    ("strip_the_metadata", "have lost their names"),
    ("double_the_tests", "Cell double occurs 2 times in the notebook"),
    ("turn_the_order_round", "are in a different order"),
    ("make_the_tests_prose", "cell_type"),
    ("link_to_the_solution", "student_code.py"),
    ("forge_an_early_time", "timestamp.txt says 1970-01-01"),
    ("forge_no_time", "timestamp.txt says"),
    ("hand_in_no_json", "is not a notebook"),
    ("hand_in_no_notebook", "toy.ipynb is missing"),
]


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> AssignmentPaths:
    """Two batches: what is handed in again after a good grade, then everybody."""
    toy = make_course(tmp_path_factory.mktemp("course"))
    convert(GenerateAssignment, toy)
    if ALL:
        for attack in RESUBMITTED:
            submit(toy, attack.__name__, RIGHT)
        convert(Autograde, toy)
        assert [points(toy, attack.__name__) for attack in RESUBMITTED] == [10, 10]
    submit_all(toy, CHOSEN)
    folder, book = submit(toy, "mallory", RIGHT, SCRIPT)
    book.cells.append(nbformat.v4.new_markdown_cell(f"And this. {SCRIPT}"))
    save(folder, book)
    for case in read_known_answers(read_assignment(toy.course, "toy"), toy):
        folder = toy.course.root / "submitted" / case.name.replace("/", "-") / "toy"
        write_answer(case, toy, tmp_path_factory.mktemp("weights"), folder)
    convert(Autograde, toy)  # without --force: what has changed is seen
    return toy


def record(toy: AssignmentPaths, student: str) -> GradeRecord:
    return storage.read(GradeRecord, toy.student(student).record)


def autograded(toy: AssignmentPaths, student: str) -> str:
    return (toy.course.root / "autograded_notebooks" / student / "toy" / "toy.ipynb").read_text()


@pytest.mark.parametrize("name", CHOSEN)
def test_cannot_gain_a_point(graded: AssignmentPaths, name: str) -> None:
    assert points(graded, name) == 0
    assert record(graded, name).status == "graded"


def test_the_honest_one_among_them_gets_all(graded: AssignmentPaths) -> None:
    assert points(graded, "honest") == 10
    assert record(graded, "honest").problems == ()
    with Gradebook(f"sqlite:///{graded.course.gradebook}") as book:
        assert book.find_grade("written", "toy", "toy", "honest").needs_manual_grade


@pytest.mark.parametrize(("name", "sentence"), [each for each in SENTENCES if each[0] in CHOSEN])
def test_what_was_changed_is_named(graded: AssignmentPaths, name: str, sentence: str) -> None:
    assert any(sentence in problem for problem in record(graded, name).problems), record(graded, name).problems
    assert "About your submission" in autograded(graded, name)


def test_the_autograded_notebook_is_the_one_handed_out_with_the_answers(graded: AssignmentPaths) -> None:
    for name in {"honest", "turn_the_order_round", "double_the_tests", "strip_the_metadata"} & {"honest", *CHOSEN}:
        book = nbformat.reads(autograded(graded, name), as_version=4)
        named = {c.metadata.nbgrader.grade_id: c for c in book.cells if "nbgrader" in c.metadata}
        assert [*named] == ["scratch", "double", "held", "written"]
        assert named["written"].source == ANSWER.replace("x<y", "x< y")
        assert named["double"].source.startswith("import torch\n")
        assert "A number is doubled." in named["double"].outputs[0]["data"]["text/html"]


def test_nothing_hidden_is_in_nbgraders_folders(graded: AssignmentPaths) -> None:
    root = graded.course.root
    for place in (root / "release", *(root / "autograded_notebooks" / name for name in ("honest", *CHOSEN))):
        for file in (f for f in place.rglob("*") if f.is_file()):
            assert not file.is_symlink()
            assert not any(secret in file.read_text() for secret in ("secret", "probe_double", "observed")), file


def test_feedback_shows_the_messages_and_runs_nothing_of_a_student(graded: AssignmentPaths) -> None:
    convert(GenerateFeedback, graded, "mallory")
    convert(GenerateFeedback, graded, "raise_the_points")
    page = (graded.course.root / "feedback" / "mallory" / "toy" / "toy.html").read_text()
    assert "alert(1)" in page
    assert "Outside the answer cells" in page
    assert "And this." in page
    assert not any(
        active in page for active in ("<script>alert", "<img src=x", 'src="http://spy', "\\href{", 'href="javascript:')
    )
    page = (graded.course.root / "feedback" / "raise_the_points" / "toy" / "toy.html").read_text()
    assert "A number is doubled." in page
    assert "the original metadata is used" in page


@pytest.mark.skipif(not ALL, reason="takes long; make check runs it")
def test_the_same_scores_as_gradeprop_grade_and_formgraders_button(graded: AssignmentPaths, tmp_path: Path) -> None:
    assignment = read_assignment(graded.course, "toy")
    found = sorted((graded.course.root / "submitted").glob("*/toy"))
    folders = StudentFolders(RunSettings(graded.course, assignment, "sample", results_folder=tmp_path))
    with open_grader(folders) as grader:
        ours = {folder.parent.name: grader.grade_one(folder, folder.parent.name) for folder in found}
    assert {"wrong-halves", "right-adds", "stub", "honest"} < ours.keys()
    for student, one in ours.items():
        assert one.questions == record(graded, student).questions, student
        assert one.problems == record(graded, student).problems, student
        assert points(graded, student) == one.points
    for student in ("wrong-halves", "right-adds", "hand_in_no_json", "honest"):
        done = api(graded).autograde("toy", student)
        assert done["success"], done
        assert points(graded, student) == ours[student].points


def test_a_release_may_come_after_the_first_grades(tmp_path: Path) -> None:
    """nbgrader alone refuses to add cells to a notebook that submissions belong to."""
    toy = make_course(tmp_path / "course")
    folder = toy.course.root / "submitted" / "ada"
    folder.mkdir(parents=True)
    (folder / "student_code.py").write_text(RIGHT)
    with Store(settings_of(toy)) as store:
        grade_all(store, [(folder, "ada")])
    convert(GenerateAssignment, toy)
    assert (toy.release / "toy.ipynb").is_file()
    assert points(toy, "ada") == 10


@pytest.mark.skipif(not ALL, reason="takes long; make check runs it")
def test_an_assignment_of_the_course_gets_the_same_from_the_command_the_button_and_gradeprop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADEPROP_DATASET", "sample")
    paths = CoursePaths(course_copy(tmp_path / "course")).assignment("mnist_lenet")
    monkeypatch.chdir(paths.course.root)
    assignment, reference = (
        read_assignment(paths.course, paths.name),
        reference_weights(REPOSITORY.assignment("mnist_lenet"), "sample"),
    )
    nbgrader(paths, "generate_assignment", paths.name)
    for case in read_known_answers(assignment, paths)[::12]:
        folder = paths.course.root / "submitted" / case.name.replace("/", "-") / paths.name
        write_answer(case, paths, reference, folder)
    nbgrader(paths, "autograde", paths.name)
    found = {folder.parent.name: folder for folder in (paths.course.root / "submitted").glob("*/*")}
    folders = StudentFolders(RunSettings(paths.course, assignment, "sample", results_folder=tmp_path / "ours"))
    with open_grader(folders) as grader:
        ours = {student: grader.grade_one(folder, student) for student, folder in found.items()}
    assert len({one.points for one in ours.values()}) > 4, "a class that is all alike shows little"
    for student, one in ours.items():
        assert one.questions == record(paths, student).questions, student
        assert in_gradebook(paths, student) == {score.name: score.points for score in one.questions}
    for student in list(ours)[:2]:
        done = api(paths).autograde(paths.name, student)
        assert done["success"], done
        assert in_gradebook(paths, student) == {score.name: score.points for score in ours[student].questions}


def in_gradebook(paths: AssignmentPaths, student: str) -> dict[str, float]:
    with Gradebook(f"sqlite:///{paths.course.gradebook}") as book:
        grades = book.find_submission_notebook(paths.name, paths.name, student).grades
        return {grade.name: grade.auto_score for grade in grades if grade.cell.cell_type == "code"}


def api(toy: AssignmentPaths) -> NbGraderAPI:
    """What formgrader's buttons call."""
    config = PyFileConfigLoader("nbgrader_config.py", path=str(toy.course.root)).load_config()
    return NbGraderAPI(CourseDirectory(config=config), config=config)


@pytest.mark.skipif(not ALL, reason="takes long; make check runs it")
def test_a_regrade_keeps_what_a_person_gave_and_takes_off_what_the_policy_says(tmp_path: Path) -> None:
    toy = make_course(tmp_path / "course")
    toy.toml.write_text(toy.toml.read_text() + "\n[late]\npercent-per-day = 10\n")
    convert(GenerateAssignment, toy)
    url, due = f"sqlite:///{toy.course.gradebook}", datetime(2026, 5, 1, 12)
    with Gradebook(url) as book:
        book.update_or_create_assignment("toy", duedate=due)
    folder, _ = submit(toy, "ada")
    (folder / "timestamp.txt").write_text("2026-04-30 12:00:00 UTC")  # her own
    write_arrival_time(toy.arrival("ada"), due + timedelta(hours=30))
    convert(Autograde, toy)
    with Gradebook(url) as book:
        assert book.find_submission("toy", "ada").late_submission_penalty == 2
        grade = book.find_grade("written", "toy", "toy", "ada")
        grade.manual_score, grade.needs_manual_grade = 5, False
        book.find_comment("written", "toy", "toy", "ada").manual_comment = "Well said."
        book.db.commit()
    convert(Autograde, toy, force=True)
    checks = toy.tests / "test_toy.py"
    good = checks.read_text()

    def seen() -> tuple[object, ...]:
        with Gradebook(url) as book:
            cells = [book.find_grade(name, "toy", "toy", "ada") for name in ("double", "written")]
            comment = book.find_comment("written", "toy", "toy", "ada").comment
            return cells[0].auto_score, cells[1].manual_score, book.find_submission("toy", "ada").score, comment

    assert seen() == (6, 5, 15, "Well said.")
    with Gradebook(url) as book:
        assert book.find_submission("toy", "ada").late_submission_penalty == 3
    checks.write_text(good.replace("    seen = ", "    1 / 0\n    seen = ", 1))
    convert(Autograde, toy, force=True)
    assert seen() == (None, 5, 5, "Well said.")
    assert "Your instructor is reviewing this grade" in autograded(toy, "ada")
    checks.write_text(good)
    with Store(settings_of(toy)) as store:
        run(store, plan_recheck(store))
    assert seen() == (6, 5, 15, "Well said.")
    with Gradebook(url) as book:
        assert book.find_submission("toy", "ada").late_submission_penalty == 3, "as nbgrader has it"


@pytest.mark.skipif(not ALL, reason="takes long; make check runs it")
def test_a_notebook_that_is_run_shows_its_pictures_and_the_grade_is_the_same(tmp_path: Path) -> None:
    toy = make_course(tmp_path / "course")
    toy.toml.write_text(toy.toml.read_text() + '\n[notebook]\nrun = "sample"\ncell-s = 5\n')
    convert(GenerateAssignment, toy)
    for student, code in (
        ("ada", "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1]); plt.show()"),
        ("eve", f"print(open({str(toy.course.gradebook)!r}, 'rb').read())"),
        ("bob", "while True: pass"),
    ):
        folder, book = submit(toy, student)
        cell(book, "scratch").source = code
        save(folder, book)
    convert(Autograde, toy)
    assert [points(toy, student) for student in ("ada", "bob", "eve")] == [10, 10, 10]
    assert '"image/png"' in autograded(toy, "ada")
    assert "FileNotFoundError" in autograded(toy, "eve")
    assert "a cell took more than 5 s" in autograded(toy, "bob")


@pytest.mark.skipif(not ALL, reason="takes long; make check runs it")
def test_a_notebook_of_the_course_runs_in_the_jail_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADEPROP_DATASET", "sample")
    paths = CoursePaths(course_copy(tmp_path / "course")).assignment("mnist_lenet")
    paths.toml.write_text(paths.toml.read_text() + '\n[notebook]\nrun = "sample"\n')
    reference = reference_weights(REPOSITORY.assignment("mnist_lenet"), "sample")
    nbgrader(paths, "generate_assignment", paths.name)
    right, *_ = read_known_answers(read_assignment(paths.course, paths.name), paths)
    write_answer(right, paths, reference, paths.course.root / "submitted" / "ada" / paths.name)
    nbgrader(paths, "autograde", paths.name)
    where = paths.course.root / "autograded_notebooks" / "ada" / paths.name
    book = nbformat.read(where / f"{paths.name}.ipynb", as_version=4)
    shown = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    said = "\n".join(output.get("text", "") for output in shown)
    assert "Error" not in said
    assert "is packed" in said, "the last cell has come to its end"
    assert sum("image/png" in output.get("data", {}) for output in shown) >= 8


@pytest.mark.skipif(not ALL, reason="takes long; make check runs it")
def test_a_gradebook_that_cannot_be_written_is_a_sentence_and_nothing_is_lost(tmp_path: Path) -> None:
    toy = make_course(tmp_path / "course")
    nbgrader(toy, "generate_assignment", "toy")
    submit(toy, "ada")
    nbgrader(toy, "autograde", "toy")
    with contextlib.closing(sqlite3.connect(toy.course.gradebook)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '167914646830'")
    database.close()
    done = nbgrader(toy, "autograde", "toy", "--force", check=False)
    assert done.returncode == 1
    assert "nbgrader db upgrade" in done.stderr
    assert "Traceback" not in done.stderr
    assert record(toy, "ada").points == 10
    with contextlib.closing(sqlite3.connect(toy.course.gradebook)) as database, database:
        assert database.execute("SELECT sum(auto_score) FROM grade").fetchone() == (10,)
    database.close()
