"""One score: the same on the terminal, in grades.csv, on pages, in the report, the gradebook and every export."""

import csv
import re
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from nbgrader.api import Gradebook

from gradeprop.cli.main import main
from gradeprop.core.paths import AssignmentPaths
from tests.autograding.course import ANSWER, RIGHT, WRONG, make_course, submit

DUE = datetime(2026, 5, 1, 12)
EXPORTS = {"canvas": ("SIS Login ID", ","), "moodle": ("Username", ",")}

pytestmark = [  # nbgrader's own
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Object of type .* not in session"),
]


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> AssignmentPaths:
    """ada has 10 automatic points and bob none; each has a written answer."""
    folder = tmp_path_factory.mktemp("class")
    toy = make_course(tmp_path_factory.mktemp("course"))
    toy.course.course_toml.write_text(f"{toy.course.course_toml.read_text()}\n[late]\npercent-per-day = 10\n")
    run(toy, "release", "toy")
    for student, code in (("ada", RIGHT), ("bob", WRONG)):
        shutil.move(submit(toy, student, code, ANSWER)[0], folder / student)
    said = run(toy, "grade", "toy", str(folder), "--seed", "7")
    assert "2 written answers of 2 students to grade by hand: written 2." in said
    return toy


def run(toy: AssignmentPaths, *arguments: str) -> str:
    result = CliRunner().invoke(main, ["--course", str(toy.course.root), *arguments], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


def by_hand(toy: AssignmentPaths, cell: str, points: float, student: str = "ada") -> None:
    """Give points as formgrader does."""
    with Gradebook(f"sqlite:///{toy.course.gradebook}") as book:
        grade = book.find_grade(cell, "toy", "toy", student)
        grade.manual_score, grade.needs_manual_grade = points, False
        book.db.commit()


def submitted_at(toy: AssignmentPaths, time: datetime) -> None:
    with Gradebook(f"sqlite:///{toy.course.gradebook}") as book:
        book.update_or_create_assignment("toy", duedate=DUE)
        book.find_submission("toy", "ada").timestamp = time
        book.db.commit()


def rows(file: Path, column: str, delimiter: str = ",") -> dict[str, dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return {row[column]: row for row in csv.DictReader(opened, delimiter=delimiter)}


def places(toy: AssignmentPaths, tmp_path: Path) -> dict[str, str]:
    """The score of ada in every place; "–" where there is none."""
    found = {}
    shown = [[cell.strip() for cell in line.split("│")] for line in run(toy, "scores", "toy").splitlines()]
    found["terminal"] = next(row[2] for row in shown if row[1:2] == ["ada"]).split(" /")[0]
    found["grades.csv"] = rows(toy.grades_csv, "student")["ada"]["points"]
    page = toy.student("ada").feedback.read_text()
    found["page"] = match[1] if (match := re.search(r"<strong>(.*?)</strong> of 15 points", page)) else "–"
    run(toy, "report", "toy")
    row = re.search(r'>ada</a></td>\s*<td class="number">(.*?)</td>', toy.report.read_text())
    found["report"] = row[1] if row else "nowhere"
    for platform, (column, delimiter) in EXPORTS.items():
        run(toy, "export", platform, "toy", "--to", str(tmp_path / platform))
        found[platform] = rows(tmp_path / platform, column, delimiter)["ada"]["Doubling"]
    with Gradebook(f"sqlite:///{toy.course.gradebook}") as book:
        one = book.find_submission("toy", "ada")
        total = max(0.0, one.score - one.late_submission_penalty)
        found["gradebook"] = "–" if one.needs_manual_grade else f"{total:g}"
    return {place: "–" if text in ("", "-", "excused", "EX") else text for place, text in found.items()}


def test_every_place_has_the_same_score_after_each_kind_of_change(graded: AssignmentPaths, tmp_path: Path) -> None:
    toy = graded
    expected = iter(["–", "14.5", "14.5", "13.05", "14.5", "13.05", "14.5", "13.5", "–", "13.5"])
    changes = {
        "graded": lambda: None,
        "by hand": lambda: by_hand(toy, "written", 4.5),
        "in time": lambda: submitted_at(toy, DUE),
        "late": lambda: submitted_at(toy, DUE + timedelta(hours=20)),
        "extended": lambda: run(toy, "student", "extend", "ada", "toy", "--by", "1d", "--reason", "ill"),
        "no longer": lambda: run(toy, "student", "extend", "ada", "toy", "--undo"),
        "waived": lambda: run(toy, "student", "waive", "ada", "toy"),
        "overridden": lambda: by_hand(toy, "double", 5),
        "excused": lambda: run(toy, "student", "excuse", "ada", "toy", "--reason", "moved here"),
        "not excused": lambda: run(toy, "student", "excuse", "ada", "toy", "--undo"),
    }
    for change, make in changes.items():
        make()
        found, score = places(toy, tmp_path), next(expected)
        if change == "excused":  # nbgrader has no word for it
            del found["gradebook"]
        assert {change: found} == {change: dict.fromkeys(found, score)}


def test_a_regrade_of_one_student_keeps_the_reason_and_nobody_else_is_touched(graded: AssignmentPaths) -> None:
    before = graded.student("bob").record.read_bytes()
    said = run(graded, "grade", "toy", "--student", "ada", "--recheck", "--reason", "test 3 was unfair")
    assert "re-evaluated       1" in said
    assert graded.student("bob").record.read_bytes() == before
    assert '"reason": "test 3 was unfair"' in graded.student("ada").record.read_text()
    assert "test 3 was unfair (10 → 10 automatic points)" in graded.student("ada").feedback.read_text()
    run(graded, "grade", "toy", "--recheck")
    assert "test 3 was unfair" in graded.student("ada").record.read_text(), "a later run keeps it"


def test_a_regrade_of_a_name_that_nobody_has_is_a_sentence(graded: AssignmentPaths) -> None:
    result = CliRunner().invoke(
        main, ["--course", str(graded.course.root), "grade", "toy", "--recheck", "--student", "emil"]
    )
    assert result.exit_code == 1
    assert "'emil' was never graded" in result.output


def test_formgrader_finds_the_notebook_of_everyone_who_was_graded(graded: AssignmentPaths) -> None:
    for student in ("ada", "bob"):
        notebook = graded.course.root / "autograded_notebooks" / student / "toy" / "toy.ipynb"
        assert "twice is **more**" in notebook.read_text()
