"""Grading again does what has changed, says why, and keeps no grade that something has changed under."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from gradeprop.cli.main import main
from gradeprop.core import storage
from gradeprop.core.errors import SubmissionError
from gradeprop.core.models import GradeRecord
from gradeprop.core.paths import AssignmentPaths
from gradeprop.course.config import read_assignment
from gradeprop.grading import batch
from gradeprop.grading.fingerprints import differing, judged_with, ran_with
from gradeprop.grading.grader import Grader
from gradeprop.submissions import discovery
from tests.conftest import copy_toy

RIGHT = "def double(x):\n    return x + x\n"
WRONG = "def double(x):\n    return x\n"
Plan = Callable[..., dict[str, tuple[str, str]]]


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> tuple[AssignmentPaths, Path]:
    """A class of three, graded under the seed 7."""
    root = tmp_path_factory.mktemp("graded")
    toy, folder = copy_toy(root / "course"), root / "class"
    for name, code in {"ada": RIGHT, "bob": WRONG, "eve": ""}.items():
        (folder / name).mkdir(parents=True)
        (folder / name / ("student_code.py" if code else "notes.txt")).write_text(code)
    with Grader(toy.course, read_assignment(toy.course, "toy"), "sample", 7) as grader:
        batch.grade_class(grader, discovery.find_submissions([folder]), lambda: None)
    return toy, folder


def plan(graded: tuple[AssignmentPaths, Path], seed: int | None = None, dataset: str = "sample") -> dict[str, str]:
    toy, folder = graded
    with Grader(toy.course, read_assignment(toy.course, "toy"), dataset, seed) as grader:
        return {
            job.student: f"{job.need}: {job.why}" for job in batch.plan(grader, discovery.find_submissions([folder]))
        }


def test_what_is_as_it_was_is_kept_under_its_old_seed(graded: tuple[AssignmentPaths, Path]) -> None:
    assert set(plan(graded).values()) == {"nothing: nothing has changed"}
    assert set(plan(graded, seed=7).values()) == {"nothing: nothing has changed"}
    assert set(plan(graded, seed=8).values()) == {"all: another seed was asked for"}
    assert set(plan(graded, dataset="digits").values()) == {"all: the data set was sample and is digits"}


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("grader_tests/toy/test_toy.py", "checks: test_toy.py has changed"),
        ("grader_tests/toy/probes.py", "all: probes.py has changed"),
        ("grader_tests/toy/held_out.py", "all: held_out.py has changed"),
        ("source/given/helper.py", "all: given has changed"),
        ("source/student_code.py", "checks: solution has changed"),
        ("grader_tests/toy/wrong/halves/wrong.toml", "nothing: nothing has changed"),
    ],
)
def test_a_changed_file_is_named_and_costs_what_it_must(
    graded: tuple[AssignmentPaths, Path], file: str, says: str
) -> None:
    place = graded[0].course.root / file
    before = place.read_bytes()
    place.write_bytes(before + b"\n# changed\n")
    try:
        assert set(plan(graded).values()) == {says}
    finally:
        place.write_bytes(before)


def test_a_new_file_of_checks_points_and_limits_are_changes(graded: tuple[AssignmentPaths, Path]) -> None:
    toy, _ = graded
    one = read_assignment(toy.course, "toy")
    longer = msgspec.structs.replace(one, limits=msgspec.structs.replace(one.limits, wall_s=99.0))
    assert differing(ran_with(one, toy, "sample"), ran_with(longer, toy, "sample")) == "limits has changed"
    assert judged_with(one, toy) == judged_with(longer, toy)
    renamed = msgspec.structs.replace(one, title="Twice")
    assert differing(judged_with(one, toy), judged_with(renamed, toy)) == "assignment.toml has changed"
    assert differing({"torch": "2.8.0", "a": "1"}, {"torch": "2.9.1", "b": "1"}) == (
        "torch was 2.8.0 and is 2.9.1, a is gone, b is new"
    )
    assert differing({}, {"torch": "2"}) != ""


def test_a_submission_that_changed_by_a_byte_or_a_link_is_graded_again(graded: tuple[AssignmentPaths, Path]) -> None:
    _, folder = graded
    code = folder / "ada" / "student_code.py"
    code.write_text(RIGHT + " ")
    (folder / "bob" / "link").symlink_to("/etc/passwd")
    assert plan(graded) == {
        "ada": "all: the submission has changed",
        "bob": "all: the submission has changed",
        "eve": "nothing: nothing has changed",
    }
    code.write_text(RIGHT)
    (folder / "bob" / "link").unlink()
    assert set(plan(graded).values()) == {"nothing: nothing has changed"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"status": "not_graded"}, "all: the machine had failed"),
        ({"status": "needs_review"}, "checks: it needed review"),
        ({"tier": "none (no jail)"}, "all: it ran without a jail"),
        ({"ran_with": {}}, "all: no note was kept of what it was graded with"),
    ],
)
def test_a_record_that_is_no_sound_grade_is_not_kept(
    graded: tuple[AssignmentPaths, Path], change: dict[str, object], says: str
) -> None:
    file = graded[0].student("ada").record
    old = storage.read(GradeRecord, file)
    storage.write(msgspec.structs.replace(old, **change), file)
    try:
        assert plan(graded)["ada"] == says
    finally:
        storage.write(old, file)


def test_what_came_back_or_an_older_record_missing_is_graded_again(graded: tuple[AssignmentPaths, Path]) -> None:
    kept = graded[0].student("ada")
    for file, says in ((kept.observations, "nothing that came back is kept"), (kept.record, "older schema")):
        before = file.read_bytes()
        file.write_bytes(b'{"schema": 0}')
        if file.name == kept.observations.name:
            file.unlink()
        assert says in plan(graded)["ada"]
        file.write_bytes(before)


def run(toy: AssignmentPaths, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["--course", str(toy.course.root), *arguments])
    return result.exit_code, result.output


def test_the_command_says_what_it_did_and_why(graded: tuple[AssignmentPaths, Path], tmp_path: Path) -> None:
    toy, folder = graded
    (tmp_path / "fay").mkdir()
    (tmp_path / "fay" / "student_code.py").write_text(RIGHT)
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
    from gradeprop.results import gradebook

    one = read_assignment(toy.course, "toy")
    there = [storage.read(GradeRecord, toy.student(name).record) for name in ("ada", "bob", "eve")]
    assert gradebook.records_to_write(there, one, f"sqlite:///{toy.course.gradebook}") == [], (
        "a lost gradebook is made again"
    )


def test_judging_again_what_was_never_graded_is_a_sentence(graded: tuple[AssignmentPaths, Path]) -> None:
    toy, folder = graded
    with (
        Grader(toy.course, read_assignment(toy.course, "toy"), "sample") as grader,
        pytest.raises(SubmissionError, match="'zoe' was never graded"),
    ):
        batch.plan(grader, [(folder / "ada", "zoe")], "recheck")
    assert run(toy, "grade", "toy")[0] == 2


@pytest.mark.parametrize("workers", [1, 2] if "ALL_TESTS" in os.environ else [1])
def test_ctrl_c_stops_in_order_and_the_next_run_goes_on(tmp_path: Path, workers: int) -> None:
    toy = copy_toy(tmp_path / "course")
    for number in range(12):
        (tmp_path / "class" / f"s{number:02}").mkdir(parents=True)
        code = f"import time\ntime.sleep(0.2)\n{RIGHT}"
        (tmp_path / "class" / f"s{number:02}" / "student_code.py").write_text(code)
    program = [sys.executable, "-c", "from gradeprop.cli.main import main; main()", "--course", str(toy.course.root)]
    command = [*program, "grade", "toy", str(tmp_path / "class"), f"--workers={workers}"]
    grader = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while len(list(toy.autograded.glob("[!.]*/record.json"))) < 2:
        assert grader.poll() is None
        time.sleep(0.01)
    os.killpg(grader.pid, signal.SIGINT)  # as a terminal does it: to everyone in the foreground
    said, complained = grader.communicate(timeout=60)
    assert grader.returncode == 130, complained
    assert "stopped; run the same command again to continue" in said
    assert "Traceback" not in complained
    done = {file.parent.name: file.read_bytes() for file in toy.autograded.glob("[!.]*/record.json")}
    assert 2 <= len(done) < 12
    assert all(storage.read(GradeRecord, toy.student(name).record).points == 10 for name in done)
    assert toy.grades_csv.read_text(encoding="utf-8-sig").count("graded") == len(done)
    assert (toy.autograded / ".lock").stat().st_size == 0
    status, said = run(toy, "grade", "toy", str(tmp_path / "class"))
    assert status == 0, said
    assert f"unchanged     {len(done):6}  nothing has changed" in said
    assert f"graded        {12 - len(done):6}  not graded before" in said
    assert {name: toy.student(name).record.read_bytes() for name in done} == done
