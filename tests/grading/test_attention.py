"""A submission that needs attention: never a zero, never over an older grade, always listed."""

import contextlib
import csv
import dataclasses
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from nbgrader.api import Gradebook

from gradeprop.cli.main import main
from gradeprop.core import storage
from gradeprop.core.models import GradeRecord, Unattributed
from gradeprop.core.paths import AssignmentPaths
from gradeprop.grading.grader import Grader, open_grader
from gradeprop.grading.jobs import plan
from gradeprop.grading.store import Store
from gradeprop.results import class_report, gradebook_scores
from gradeprop.submissions import intake
from tests.conftest import copy_toy
from tests.factory import RIGHT, WRONG, submission
from tests.grading.runs import grade_all, settings_of


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AssignmentPaths, Grader]]:
    toy = copy_toy(tmp_path_factory.mktemp("warm") / "course")
    with Store(settings_of(toy, 7)) as store, open_grader(store.folders) as grader:
        yield toy, grader


@pytest.fixture
def store(warm: tuple[AssignmentPaths, Grader], tmp_path: Path) -> Iterator[Store]:
    toy, _ = warm
    with Store(settings_of(toy, 7, tmp_path / "results")) as store:
        yield store


@contextlib.contextmanager
def grading(warm: tuple[AssignmentPaths, Grader], store: Store, as_is: bool = False) -> Iterator[Grader]:
    settings = dataclasses.replace(store.settings, as_is=as_is)
    yield dataclasses.replace(warm[1], settings=settings, folders=dataclasses.replace(store.folders, settings=settings))


def grade(warm: tuple[AssignmentPaths, Grader], store: Store, path: Path, as_is: bool = False) -> GradeRecord:
    store.settings = dataclasses.replace(store.settings, as_is=as_is)
    with grading(warm, store, as_is) as grader:
        (record,) = grade_all(store, [(path, "ada")], grader)
    return record


def rows(toy: AssignmentPaths) -> list[dict[str, str]]:
    with toy.grades_csv.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_without_code_there_is_no_grade_and_the_reason_stands_everywhere(
    warm: tuple[AssignmentPaths, Grader], store: Store, tmp_path: Path
) -> None:
    toy, _ = warm
    record = grade(warm, store, submission(tmp_path / "ada", "", {"report.pdf": "x"}))
    assert (record.status, record.results) == ("needs_attention", ())
    why = "There is no student_code.py and no other Python file. The submission contains report.pdf."
    assert record.reason == record.attention == why
    (row,) = [row for row in rows(toy) if row["student"] == "ada"]
    assert (row["status"], row["automatic part"], row["reason"]) == ("needs_attention", "", why)
    page = store.folders.student("ada").feedback.read_text()
    assert "This costs you no points." in page
    assert why in page
    with Gradebook(f"sqlite:///{toy.course.gradebook}") as book:
        grades = book.find_submission("toy", "ada").notebooks[0].grades
        assert all(each.auto_score is None and each.needs_manual_grade for each in grades)


def test_an_older_grade_stands_until_a_person_decides(
    warm: tuple[AssignmentPaths, Grader], store: Store, tmp_path: Path
) -> None:
    toy, _ = warm
    good = grade(warm, store, submission(tmp_path / "first"))
    empty = submission(tmp_path / "second", "", {"report.pdf": "x"})
    held = grade(warm, store, empty)
    assert (held.status, held.points, held.sha256) == ("graded", 10, good.sha256)
    assert held.attention.startswith("A newer submission needs attention: There is no student_code.py")
    files = store.folders.student("ada")
    assert [file.name for file in files.held.iterdir()] == ["report.pdf"]
    assert (files.submitted / "student_code.py").read_text() == RIGHT
    assert "The grade below is for the earlier submission." in files.feedback.read_text()
    (row,) = [row for row in rows(toy) if row["student"] == "ada"]
    assert (row["status"], row["automatic part"]) == ("needs_attention", "10")
    (scores,) = gradebook_scores.read(f"sqlite:///{toy.course.gradebook}", ["toy"])
    (score,) = [score for score in scores.scores if score.student == "ada"]
    assert score.total is None, "an export waits for the person"
    assert plan(store, [(empty, "ada")])[0].need == "nothing", "it is the same submission, and still held"
    as_is = grade(warm, store, empty, as_is=True)
    assert (as_is.status, as_is.points, as_is.held) == ("graded", 0, None), "a person's decision"


def test_a_good_submission_ends_the_waiting(warm: tuple[AssignmentPaths, Grader], store: Store, tmp_path: Path) -> None:
    grade(warm, store, submission(tmp_path / "first", WRONG))
    grade(warm, store, submission(tmp_path / "second", "", {"report.pdf": "x"}))
    third = grade(warm, store, submission(tmp_path / "third"))
    assert (third.points, third.held) == (10, None)
    assert not store.folders.student("ada").held.exists()


def test_checks_that_change_judge_the_older_grade_again_and_it_stays_held(
    warm: tuple[AssignmentPaths, Grader], store: Store, tmp_path: Path
) -> None:
    grade(warm, store, submission(tmp_path / "first", WRONG))
    grade(warm, store, submission(tmp_path / "second", "", {"report.pdf": "x"}))
    with grading(warm, store) as grader:
        again = grader.check_again("ada")
    assert (again.points, again.held is not None) == (2, True)


def test_what_has_not_changed_is_not_even_opened(
    warm: tuple[AssignmentPaths, Grader], store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = submission(tmp_path / "ada")
    time.sleep(2.1)  # a change in the same tick of the clock would not be seen
    assert grade(warm, store, folder).seen
    monkeypatch.setattr(intake, "take", lambda *_: pytest.fail("it was read"))
    assert plan(store, [(folder, "ada")])[0].need == "nothing"
    monkeypatch.undo()
    before = (folder / "student_code.py").stat()
    (folder / "student_code.py").write_text(WRONG.replace("x\n", "y\n"))
    os.utime(folder / "student_code.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert plan(store, [(folder, "ada")])[0].why == "the submission has changed", "a time can not be set back"


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_a_file_that_we_cannot_read_is_not_the_students_zero(
    warm: tuple[AssignmentPaths, Grader], store: Store, tmp_path: Path
) -> None:
    good = grade(warm, store, submission(tmp_path / "first"))
    folder = submission(tmp_path / "second")
    (folder / "student_code.py").chmod(0)
    record = grade(warm, store, folder)
    assert (record.points, record.sha256) == (10, good.sha256)
    assert "student_code.py cannot be read (Permission denied)" in record.attention


def test_the_command_lists_what_needs_attention_and_fails(toy: AssignmentPaths, tmp_path: Path) -> None:
    folder = tmp_path / "class"
    submission(folder / "ada")
    submission(folder / "bob", "", {"report.pdf": "x"})
    for name in ("eve", "eve.zip"):
        submission(folder / name)
    (folder / "roster.csv").write_text("x")
    result = CliRunner(env={"COLUMNS": "200"}).invoke(
        main, ["--course", str(toy.course.root), "grade", "toy", str(folder)]
    )
    assert result.exit_code == 1
    assert "roster.csv is neither a folder nor a zip; it is left out." in result.output
    assert "4 need attention" not in result.output
    assert "3 need attention; no zero was given, and no older grade changed." in result.output
    assert "one of several submissions for eve" in result.output
    assert {row["student"]: row["automatic part"] for row in rows(toy)} == {"ada": "10", "bob": "", "": ""}
    aside = storage.read_private(toy.unattributed)
    assert aside
    assert b"eve.zip" in aside
    page = class_report.write_class_report(settings_of(toy).assignment, toy).read_text()
    assert "one of several submissions for eve" in page
    (folder / "eve.zip").rename(tmp_path / "eve.zip")
    result = CliRunner().invoke(main, ["--course", str(toy.course.root), "grade", "toy", str(folder), "--as-is"])
    assert result.exit_code == 0, result.output
    assert {row["student"]: row["automatic part"] for row in rows(toy)} == {"ada": "10", "bob": "0", "eve": "10"}


def test_what_was_found_elsewhere_stays_listed(store: Store, tmp_path: Path) -> None:
    def at(name: str) -> Unattributed:
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        return Unattributed(path=str(tmp_path / name), reason=name)

    store.set_unattributed([at("one/eve"), at("one/bob")], tmp_path / "one")
    store.set_unattributed([at("two/eve")], tmp_path / "two")
    assert [each.reason for each in store.unattributed()] == ["one/bob", "one/eve", "two/eve"]
    store.set_unattributed([], tmp_path / "one")
    (tmp_path / "two" / "eve").rmdir()
    store.set_unattributed([], tmp_path / "one")
    assert store.unattributed() == ()
