"""A class: whose each submission is, two of one student refused, everyone in the table."""

import csv
import os
import signal
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from gradeprop.cli.main import main
from gradeprop.core import storage
from gradeprop.core.errors import SubmissionError
from gradeprop.core.models import GradeRecord
from gradeprop.core.paths import AssignmentPaths
from gradeprop.course.config import read_assignment, resolve_dataset
from gradeprop.grading import batch
from gradeprop.grading.batch import grade_class
from gradeprop.grading.grader import Grader
from gradeprop.submissions.discovery import find_submissions
from tests.conftest import REPOSITORY

LONG = pytest.mark.skipif("ALL_TESTS" not in os.environ, reason="takes long; make check runs it")
RIGHT = "def double(x):\n    return x + x\n"


@pytest.fixture
def class_folder(tmp_path: Path) -> Path:
    for name, code in {"ada": RIGHT, 'bob, "Jr"': "def double(x):\n    return x\n", "=cmd()": RIGHT}.items():
        (tmp_path / "class" / name).mkdir(parents=True)
        (tmp_path / "class" / name / "student_code.py").write_text(code)
    return tmp_path / "class"


def test_a_folder_of_folders_is_a_class_and_a_folder_of_files_a_submission(class_folder: Path) -> None:
    assert [name for _, name in find_submissions([class_folder])] == ["=cmd()", "ada", 'bob, "Jr"']
    assert find_submissions([class_folder / "ada"]) == [(class_folder / "ada", "ada")]
    assert find_submissions([class_folder / "ada"], "Ada L.") == [(class_folder / "ada", "Ada L.")]


def test_two_submissions_of_one_student_are_refused(class_folder: Path) -> None:
    with pytest.raises(SubmissionError, match="remove one of them"):
        find_submissions([class_folder / "ada", class_folder / ".." / class_folder.name / "ada"])


def test_a_missing_path_and_a_name_for_many_are_refused(class_folder: Path) -> None:
    with pytest.raises(SubmissionError, match="does not exist"):
        find_submissions([class_folder / "eve"])
    with pytest.raises(SubmissionError, match="there are 3 submissions"):
        find_submissions([class_folder], "ada")


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


def test_the_doctor_tries_what_each_jail_stops() -> None:
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 0, result.output
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.output.splitlines() if "│" in line]
    stopped = {attempt: found for attempt, *found in rows}
    assert "use the network" in stopped
    tiers = dict(line.split(": ", 1) for line in result.output.splitlines() if ": " in line)
    assert [tier.split(",")[0] for tier in tiers] == ["full", "restricted", "none"]
    assert "--unsafe" in tiers["none"]
    missed = {attempt: found for attempt, found in stopped.items() if found != ["stopped", "stopped"]}
    assert missed == {"find out which files exist": ["stopped", "NOT stopped"]} or "–" in str(missed)


def test_a_class_is_graded_from_the_command_by_workers_too_and_judged_again(
    toy: AssignmentPaths, class_folder: Path, tmp_path: Path
) -> None:
    # --unsafe changes nothing where a jail can be made
    status, said = run(toy, "grade", "toy", str(class_folder), "--seed", "7", "--unsafe")
    assert status == 0, said
    assert "without a jail" not in said
    with toy.grades_csv.open(encoding="utf-8-sig", newline="") as file:
        assert {row["points"] for row in csv.DictReader(file)} == {"10", "2"}
    assert all(toy.student(name).feedback.is_file() for name in ("ada", "=cmd()"))
    alone = [storage.read(GradeRecord, file) for file in toy.autograded.glob("*/record.json")]
    if "ALL_TESTS" in os.environ:
        by_two_workers_of_whom_one_is_killed(toy, class_folder, tmp_path / "two", alone)
    checks = toy.tests / "test_toy.py"
    checks.write_text(checks.read_text().replace("    seen = ", "    1 / 0\n    seen = ", 1))
    status, said = run(toy, "grade", "toy", "--recheck")
    assert status == 1
    assert "3 of 3 on hold" in said
    assert "test_toy.py:9: ZeroDivisionError" in said.replace("\n", "")


def by_two_workers_of_whom_one_is_killed(
    toy: AssignmentPaths, class_folder: Path, into: Path, alone: list[GradeRecord]
) -> None:
    """They give the records that one gave, and leave nothing else."""
    killed: list[int] = []

    def kill_one() -> None:
        mine = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        spawned = [int(pid) for pid in mine if b"spawn_main" in Path("/proc", pid, "cmdline").read_bytes()]
        if not killed:
            killed.append(spawned[0])
            os.kill(spawned[0], signal.SIGKILL)

    named = find_submissions([class_folder])
    with Grader(toy.course, read_assignment(toy.course, "toy"), "sample", seed=7, into=into) as grader:
        graded = grade_class(grader, named, kill_one, 2)
    assert killed
    assert [record.student for record in graded] == [name for _, name in named]
    assert {timeless(record) for record in graded} == {timeless(record) for record in alone}
    assert not list(into.glob(".grading-*"))


@LONG
def test_long_ones_on_every_place_do_not_block_the_short(
    toy: AssignmentPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_LONG_S", 1.0)
    toy.toml.write_text(toy.toml.read_text().replace("probe-s = 3.0", "probe-s = 60.0").replace("20.0", "90.0"))
    trains = f"import time\ntime.sleep(12)\n{RIGHT}"
    for name, code in {"a": trains, "b": trains, **dict.fromkeys("cdefgh", RIGHT)}.items():
        (tmp_path / "class" / name).mkdir(parents=True)
        (tmp_path / "class" / name / "student_code.py").write_text(code)
    ended: list[str] = []
    with Grader(toy.course, read_assignment(toy.course, "toy"), "sample") as grader:
        jobs = batch.plan(grader, find_submissions([tmp_path / "class"]))
        graded = batch.run(grader, jobs, lambda job, record: ended.append(job.student), workers=2)
    assert {record.points for record in graded} == {10}
    assert sorted(ended[:6]) == list("cdefgh"), "six short ones passed two that trained"


def timeless(record: GradeRecord) -> bytes:
    """A record but for its times."""
    return msgspec.json.encode(msgspec.structs.replace(record, wall_s=0.0, cpu_s=0.0))
