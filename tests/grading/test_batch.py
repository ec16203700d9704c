"""A class in parallel: the same records as alone, processes that are killed, long submissions, and Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from gradeprop.cli.main import main
from gradeprop.core import storage
from gradeprop.core.models import GradeRecord
from gradeprop.core.paths import AssignmentPaths
from gradeprop.grading import batch, workers
from gradeprop.grading.batch import Local
from gradeprop.grading.jobs import plan
from gradeprop.grading.store import Store
from tests.campaigns.chaos import roles
from tests.conftest import copy_toy
from tests.factory import RIGHT, WRONG, class_of, slow
from tests.grading.runs import found, grade_all, settings_of

LONG = pytest.mark.skipif("ALL_TESTS" not in os.environ, reason="takes long; make check runs it")


@pytest.fixture
def class_folder(tmp_path: Path) -> Path:
    return class_of(tmp_path / "class", {"ada": RIGHT, 'bob, "Jr"': WRONG, "=cmd()": RIGHT})


@pytest.mark.parametrize("role", ["judge", "zygote", "warm"] if "ALL_TESTS" in os.environ else ["judge"])
def test_two_workers_of_whom_one_loses_a_process_give_what_one_gives(
    toy: AssignmentPaths, class_folder: Path, tmp_path: Path, role: str
) -> None:
    """They leave nothing else."""
    named, killed = found(settings_of(toy), class_folder), list[int]()
    with Store(settings_of(toy, 7, tmp_path / "one")) as store:
        alone = grade_all(store, named)

    def kill_one(job: object, record: GradeRecord) -> None:
        if not killed:
            killed.append(dict(roles(os.getpid()))[role])
            os.kill(killed[0], signal.SIGKILL)

    with Store(settings_of(toy, 7, tmp_path / "two")) as store:
        graded = batch.run(store, plan(store, named), Local(store, workers=2), kill_one)
    assert killed
    assert [record.student for record in graded] == [name for _, name in named]
    assert {timeless(record) for record in graded} == {timeless(record) for record in alone}
    assert not list((tmp_path / "two").glob(".grading-*"))


@LONG
@pytest.mark.wall_clock
def test_long_ones_on_every_place_do_not_block_the_short(
    toy: AssignmentPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_LONG_S", 1.0)
    toy.toml.write_text(toy.toml.read_text().replace("probe-s = 3.0", "probe-s = 60.0").replace("20.0", "90.0"))
    trains = slow(12)
    class_of(tmp_path / "class", {"a": trains, "b": trains, **dict.fromkeys("cdefgh", RIGHT)})
    ended: list[str] = []
    with Store(settings_of(toy)) as store:
        jobs = plan(store, found(settings_of(toy), tmp_path / "class"))
        backend = Local(store, workers=2)
        graded = batch.run(store, jobs, backend, lambda job, record: ended.append(job.student))
    assert {record.points for record in graded} == {10}
    assert sorted(ended[:6]) == list("cdefgh"), "six short ones passed two that trained"


def timeless(record: GradeRecord) -> bytes:
    """A record but for its times."""
    return msgspec.json.encode(msgspec.structs.replace(record, wall_s=0.0, cpu_s=0.0, seen=""))


@pytest.mark.parametrize("workers", [1, 2] if "ALL_TESTS" in os.environ else [2])
def test_ctrl_c_stops_in_order_and_the_next_run_goes_on(tmp_path: Path, workers: int) -> None:
    toy = copy_toy(tmp_path / "course")
    class_of(tmp_path / "class", {f"s{number:02}": slow(0.2) for number in range(12)})
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
    assert toy.grades_csv.read_text(encoding="utf-8-sig").count('"graded"') == len(done)
    assert (toy.autograded / ".lock").stat().st_size == 0
    result = CliRunner().invoke(main, ["--course", str(toy.course.root), "grade", "toy", str(tmp_path / "class")])
    assert result.exit_code == 0, result.output
    said = result.output
    assert f"unchanged     {len(done):6}  nothing has changed" in said
    assert f"graded        {12 - len(done):6}  not graded before" in said
    assert {name: toy.student(name).record.read_bytes() for name in done} == done
