"""The command: what it says, and its exit status."""

import contextlib
import csv
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy
import pytest
from click.testing import CliRunner

from gradeprop.cli.main import main
from gradeprop.core import storage
from gradeprop.core.models import GradeRecord
from gradeprop.core.paths import AssignmentPaths
from gradeprop.course.config import read_assignment, resolve_dataset
from gradeprop.grading.verify import CaseResult, PublicResult
from gradeprop.results import gradebook
from tests.conftest import REPOSITORY
from tests.factory import RIGHT, WRONG, class_of, submission


@pytest.fixture
def class_folder(tmp_path: Path) -> Path:
    return class_of(tmp_path / "class", {"ada": RIGHT, 'bob, "Jr"': WRONG, "=cmd()": RIGHT})


def run(toy: AssignmentPaths, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["--course", str(toy.course.root), *arguments])
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("grade", "tow", "."), "no assignment 'tow'"),
        (("grade", "toy", "/nowhere"), "does not exist"),
        (("grade", "toy", ".", "--data", "imagenet"), "no bars for the data set 'imagenet'"),
        (("grade", "toy", "--recheck"), "nothing has been graded yet"),
        (("check", "--folder", "/"), "student_code.py is not in /"),
    ],
)
def test_a_slip_is_one_sentence_and_a_status(toy: AssignmentPaths, arguments: tuple[str, ...], says: str) -> None:
    status, said = run(toy, *arguments)
    assert status == 1
    assert says in said.replace("\n", " ")
    assert "Traceback" not in said


def test_a_data_set_is_chosen_where_one_of_its_files_lies(
    toy: AssignmentPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADEPROP_DATA", str(tmp_path))
    toy.toml.write_text(toy.toml.read_text() + '\n[held-out.photos]\nfiles = ["images"]\nbars = {}\n')
    (tmp_path / "photos").mkdir()
    one = read_assignment(toy.course, "toy")
    one = msgspec.structs.replace(one, held_out=dict(reversed(one.held_out.items())))
    assert resolve_dataset(one, "auto") == "sample"
    (tmp_path / "photos" / "images").mkdir()
    assert resolve_dataset(one, "auto") == "photos"


def test_public_checks_run_from_the_command(tmp_path: Path) -> None:
    release = REPOSITORY.assignment("mnist_lenet").release
    result = CliRunner().invoke(main, ["check", "count", "--folder", str(release)])
    assert result.exit_code == 1


def test_public_checks_that_refuse_a_right_answer_are_a_failure(
    toy: AssignmentPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = PublicResult(passed=False, failures=("✗ It doubles a number.",), why="")
    monkeypatch.setattr("gradeprop.core.warm.warm_process", lambda: None)
    monkeypatch.setattr("gradeprop.grading.grader.open_grader", lambda _: contextlib.nullcontext())
    result = CaseResult(name="reference", points=10, expected=10, public=public)
    monkeypatch.setattr("gradeprop.grading.verify.verify", lambda *_: iter([result]))
    status, output = run(toy, "verify", "toy")
    assert status == 1
    assert "the public checks do not accept reference, which is right:" in output


def test_the_doctor_tries_what_each_jail_stops() -> None:
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 0, result.output
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.output.splitlines() if "│" in line]
    stopped = {attempt: found for attempt, *found in rows}
    assert "use the network" in stopped
    tiers = dict(line.split(": ", 1) for line in result.output.splitlines() if ": " in line)
    assert [*tiers][:3] == ["full", "restricted", "none"]
    assert tiers["jail"].startswith("submissions run in the ")
    assert "--unsafe" in tiers["none"]
    missed = {attempt: found for attempt, found in stopped.items() if found != ["stopped", "stopped"]}
    assert missed == {"find out which files exist": ["stopped", "NOT stopped"]} or "–" in str(missed)


def test_the_doctor_compares_this_python_with_what_students_are_told(toy: AssignmentPaths) -> None:
    modules = "{ numpy = '0.1', seaborn_of_ada = '1.0' }"
    toy.course.course_toml.write_text(
        f"{toy.course.course_toml.read_text()}\n[grader]\npython = '3.1'\nmodules = {modules}\n"
    )
    said = run(toy, "doctor")[1]
    assert "tells students of seaborn_of_ada, which this machine lacks; it will not grade\n" in said
    assert "Python is {}.{}, and students are told 3.1".format(*sys.version_info) in said
    assert f"numpy is {numpy.__version__}, and students are told 0.1" in said


def test_a_class_is_graded_from_the_command_and_judged_again(toy: AssignmentPaths, class_folder: Path) -> None:
    # --unsafe changes nothing where a jail can be made
    status, said = run(toy, "grade", "toy", str(class_folder), "--seed", "7", "--unsafe")
    assert status == 0, said
    assert "without a jail" not in said
    with toy.grades_csv.open(encoding="utf-8-sig", newline="") as file:
        assert {row["automatic part"] for row in csv.DictReader(file)} == {"10", "2"}
    assert all(toy.student(name).feedback.is_file() for name in ("ada", "=cmd()"))
    checks = toy.tests / "test_toy.py"
    checks.write_text(checks.read_text().replace("    seen = ", "    1 / 0\n    seen = ", 1))
    status, said = run(toy, "grade", "toy", "--recheck")
    assert status == 1
    assert "3 of 3 on hold" in said
    assert "test_toy.py:9: ZeroDivisionError" in said.replace("\n", "")


def test_the_command_says_what_it_did_and_why(toy: AssignmentPaths, tmp_path: Path) -> None:
    folder = class_of(tmp_path / "class", {"ada": RIGHT, "bob": WRONG})
    submission(folder / "eve", "x = 1\n", {"notes.txt": ""})
    assert run(toy, "grade", "toy", str(folder), "--seed", "7")[0] == 0
    submission(tmp_path / "fay")
    before = {name: toy.student(name).record.read_bytes() for name in ("ada", "bob", "eve")}
    checks = toy.tests / "test_toy.py"
    checks.write_text(checks.read_text().replace("Is it added to itself?", "Add it to itself."))
    status, said = run(toy, "grade", "toy", str(folder / "bob"), str(tmp_path / "fay"))
    assert status == 0, said
    assert "re-evaluated       1  test_toy.py has changed" in said
    assert "graded             1  not graded before" in said
    assert "Add it to itself." in toy.student("bob").feedback.read_text()
    assert storage.read(GradeRecord, toy.student("bob").record).seed == 7
    assert toy.student("ada").record.read_bytes() == before["ada"], "it was not named"
    assert "unchanged          1  nothing has changed" in run(toy, "grade", "toy", str(folder / "bob"))[1]
    assert "re-evaluated       4  --recheck" in run(toy, "grade", "toy", "--recheck")[1]
    assert "graded             1  --force" in run(toy, "grade", "toy", str(folder / "eve"), "--force")[1]
    (toy.course.gradebook).unlink()
    status, said = run(toy, "grade", "toy", str(folder))
    assert "unchanged          3  nothing has changed" in said
    one = read_assignment(toy.course, "toy")
    there = [storage.read(GradeRecord, toy.student(name).record) for name in ("ada", "bob", "eve")]
    assert gradebook.records_to_write(there, one, f"sqlite:///{toy.course.gradebook}") == [], (
        "a lost gradebook is made again"
    )


def test_the_number_of_a_stream_that_came_closed_is_given_to_no_file() -> None:
    code = "import os; from gradeprop.cli.main import _open_streams as call; call(); os._exit(os.open(os.devnull, 0))"
    assert subprocess.run(["sh", "-c", f"exec {sys.executable} -c '{code}' <&- >&- 2>&-"], check=False).returncode > 2
