"""A scheduler and its workers, each a process of its own: lost, late, of another version, without our files."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from gradeprop.core.errors import JailError
from gradeprop.core.models import GradeRecord
from gradeprop.core.paths import AssignmentPaths
from gradeprop.grading import batch
from gradeprop.grading.interrupt import Stop
from gradeprop.grading.jobs import Job, Results, plan
from gradeprop.grading.store import Store
from tests.conftest import REPOSITORY, copy_toy
from tests.factory import HANGS, RIGHT, slow, submission
from tests.grading.runs import found, grade_all, settings_of

dask = pytest.importorskip("dask", reason="needs Dask: pip install 'gradeprop[cluster]'")
pytest.importorskip("distributed", reason="needs Dask: pip install 'gradeprop[cluster]'")

from gradeprop.grading import dask_client  # noqa: E402  (needs Dask)

LONG = pytest.mark.skipif("ALL_TESTS" not in os.environ, reason="takes long; make check runs it")
SLOW = slow(0.3)


class Machines:
    """Starts schedulers and workers, and ends them all."""

    def __init__(self, home: Path) -> None:
        self.home, self.started = home, list[subprocess.Popen[str]]()

    def scheduler(self) -> str:
        process = self._start("scheduler", "--port", "0", "--no-dashboard", "--host", "127.0.0.1")
        return self._says(process, r"Scheduler at:\s+(tcp://\S+)")

    def worker(self, scheduler: str, name: str, *options: str, tree: Path = REPOSITORY.root) -> subprocess.Popen[str]:
        where = ["--local-directory", str(self.home), "--no-dashboard", "--nanny-port", "0"]
        process = self._start(
            "worker", scheduler, "--name", name, "--nthreads", "1", "--no-nanny", *where, *options, tree=tree
        )
        self._says(process, r"(Registered to)")
        return process

    def _start(self, what: str, *arguments: str, tree: Path = REPOSITORY.root) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "distributed.cli.dask_" + what, *arguments]
        environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment, cwd=self.home
        )
        self.started.append(process)
        return process

    def _says(self, process: subprocess.Popen[str], pattern: str) -> str:
        assert process.stderr
        heard = []
        for line in process.stderr:
            heard.append(line)
            if found := re.search(pattern, line):
                return found[1]
        raise AssertionError("".join(heard))

    def end(self) -> None:
        for process in reversed(self.started):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.communicate()


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    found = Machines(tmp_path)
    yield found
    found.end()


def submit(folder: Path, *codes: str) -> Path:
    """Write a class: s00, s01 and so on."""
    for number, code in enumerate(codes):
        submission(folder / f"s{number:02}", "", {"student_code.py": code})
    return folder


def grade(
    toy: AssignmentPaths, folder: Path, scheduler: str, watch: Callable[[int], None] = lambda n: None, **more: float
) -> tuple[list[GradeRecord], list[str]]:
    told: list[str] = []
    done: list[str] = []

    def each(job: Job, record: GradeRecord) -> None:
        done.append(record.student)
        watch(len(done))

    often = dask.config.set({"distributed.client.scheduler-info-interval": "5ms"})  # what one second hides in a crowd
    with often, Store(settings_of(toy, 7)) as store:
        cluster = dask_client.Cluster(store, scheduler, Nobody(), Stop(), told.append, **more)
        graded = batch.run(store, plan(store, found(store.settings, folder)), cluster, each)
    return graded, told


class Nobody:
    """The local backend: no student code may run here."""

    def run(self, jobs: Sequence[Job]) -> Results:
        assert not jobs
        yield from ()


def timeless(record: GradeRecord) -> GradeRecord:
    return msgspec.structs.replace(record, wall_s=0.0, cpu_s=0.0, seen="")


@LONG
def test_three_workers_of_whom_one_is_killed_and_one_comes_late_give_what_one_process_gives(
    machines: Machines, tmp_path: Path
) -> None:
    toy, alone = copy_toy(tmp_path / "course"), copy_toy(tmp_path / "alone")
    codes = [SLOW, "def double(x):\n    return x\n", HANGS, "def double(x)\n", *[SLOW] * 12, ""]
    folder = submit(tmp_path / "class", *codes)
    scheduler = machines.scheduler()
    first, _ = machines.worker(scheduler, "one"), machines.worker(scheduler, "two")

    def disturb(number: int) -> None:
        if number == 3:
            first.kill()
            machines.worker(scheduler, "late")

    graded, told = grade(toy, folder, scheduler, disturb)
    assert any("worker one at tcp" in line and "is lost" in line for line in told)
    assert [record.points for record in graded[:4]] == [10, 2, 0, 0]
    with Store(settings_of(alone, 7)) as store:
        expected = grade_all(store, found(store.settings, folder))
    assert [timeless(record) for record in graded] == [timeless(record) for record in expected]
    for record in graded:
        kept, must = toy.student(record.key), alone.student(record.key)
        assert {f.name for f in kept.folder.iterdir()} == {f.name for f in must.folder.iterdir()}
        assert kept.observations.read_bytes() == must.observations.read_bytes()
        assert kept.feedback.read_bytes() == must.feedback.read_bytes()
    assert toy.grades_csv.read_bytes() == alone.grades_csv.read_bytes()
    assert not list(toy.autograded.glob(".grading*"))
    with Store(settings_of(toy)) as store:
        assert {job.need for job in plan(store, found(store.settings, folder))} == {"nothing"}


@LONG
def test_a_worker_that_sees_none_of_our_files_pulls_them(machines: Machines, tmp_path: Path) -> None:
    """The worker lives where our temporary folder cannot be seen: the same path leads elsewhere for it."""
    toy, folder = copy_toy(tmp_path / "course"), submit(tmp_path / "class", RIGHT, SLOW, "")
    (tmp_path / "class" / "zoe.zip").write_bytes(b"PK\3\4 not really")
    scheduler = machines.scheduler()
    elsewhere = tmp_path / "node"
    elsewhere.mkdir()
    if os.getuid() != 0:
        pytest.skip("hiding a folder from a process takes root")
    hide = "mount --make-rprivate / && mount -t tmpfs none {0}/course && mount -t tmpfs none {0}/class && exec {1}"
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", scheduler, "--name", "far", "--nthreads", "1"]
    worker += ["--no-nanny", "--no-dashboard", "--local-directory", str(elsewhere)]
    process = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", hide.format(tmp_path, " ".join(worker))],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=elsewhere,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY.root)},
    )  # fmt: skip
    machines.started.append(process)
    machines._says(process, r"(Registered to)")
    graded, told = grade(toy, folder, scheduler)
    assert [(record.status, record.points) for record in graded] == [("graded", p) for p in (10, 10, 0, 0)]
    assert told == []


@LONG
@pytest.mark.wall_clock
def test_a_worker_of_another_version_is_refused_by_name(machines: Machines, tmp_path: Path) -> None:
    toy, folder = copy_toy(tmp_path / "course"), submit(tmp_path / "class", RIGHT, RIGHT)
    shutil.copytree(REPOSITORY.root / "gradeprop", tmp_path / "other" / "gradeprop")
    with (tmp_path / "other" / "gradeprop" / "judge" / "client.py").open("a") as changed:
        changed.write("# another version\n")
    (tmp_path / "none" / "gradeprop").mkdir(parents=True)
    (tmp_path / "none" / "gradeprop" / "__init__.py").write_text("")
    scheduler = machines.scheduler()
    machines.worker(scheduler, "old", tree=tmp_path / "other")
    machines.worker(scheduler, "bare", tree=tmp_path / "none")
    with pytest.raises(JailError, match=r"No worker at .* can grade .*old at tcp.*: its gradeprop is") as found:
        grade(toy, folder, scheduler, patience_s=8)
    assert re.search("bare at tcp[^;]*: it cannot load this gradeprop: ", str(found.value))
    assert not list(toy.autograded.glob("[!.]*")), "nothing was graded, nothing is left"
    machines.worker(scheduler, "right")
    graded, told = grade(toy, folder, scheduler)
    assert [record.points for record in graded] == [10, 10]
    assert any("worker old at tcp" in line and "is refused: its gradeprop is" in line for line in told)


@LONG
@pytest.mark.wall_clock
def test_other_checks_at_the_same_place_are_refused(
    machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy, folder = copy_toy(tmp_path / "course"), submit(tmp_path / "class", RIGHT)
    scheduler = machines.scheduler()
    machines.worker(scheduler, "stale")
    from gradeprop.grading import fingerprints

    real = fingerprints.judged_with
    monkeypatch.setattr(fingerprints, "judged_with", lambda *a: real(*a) | {"test_toy.py": "what is here"})
    with pytest.raises(JailError, match="stale at .*its test_toy.py differs from the one here"):
        grade(toy, folder, scheduler, patience_s=4)


def test_a_scheduler_that_is_not_there_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradeprop.grading.dask_client._CONNECT_S", 2.0)
    toy, folder = copy_toy(tmp_path / "course"), submit(tmp_path / "class", RIGHT)
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        with pytest.raises(JailError, match=f"No Dask scheduler answers at {address}"):
            grade(toy, folder, address)


@LONG
def test_a_scheduler_that_goes_away_costs_no_grade(machines: Machines, tmp_path: Path) -> None:
    toy, folder = copy_toy(tmp_path / "course"), submit(tmp_path / "class", *[SLOW] * 8)
    scheduler = machines.scheduler()
    machines.worker(scheduler, "one")

    def disturb(number: int) -> None:
        if number == 2:
            machines.started[0].kill()

    with pytest.raises(JailError, match="has ended; results are kept"):
        grade(toy, folder, scheduler, disturb)
    done = len(list(toy.autograded.glob("[!.]*/record.json")))
    assert 2 <= done < 8
    time.sleep(0.1)
    with Store(settings_of(toy)) as store:
        needs = [job.need for job in plan(store, found(store.settings, folder))]
        assert needs.count("nothing") == done
        assert len(grade_all(store, found(store.settings, folder))) == 8
