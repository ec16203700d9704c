"""Faults of ours: kills, a full disk, a locked gradebook, a reader that has gone; ``make chaos`` does more of it."""

import contextlib
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gradeprop.core import storage
from gradeprop.core.errors import JailError
from gradeprop.core.models import GradeRecord
from gradeprop.core.paths import AssignmentPaths
from gradeprop.grading import batch
from gradeprop.grading.grader import open_grader
from gradeprop.grading.store import Store
from tests.campaigns.chaos import SEED, Chaos, Server, differences, environment, litter, state, write_class
from tests.grading.runs import grade_all, settings_of

ROOT = os.getuid() == 0


@pytest.fixture(scope="module")
def chaos(tmp_path_factory: pytest.TempPathFactory) -> Chaos:
    return Chaos(tmp_path_factory.mktemp("chaos"), SEED)


@pytest.fixture(scope="module")
def server(chaos: Chaos) -> Iterator[Server]:
    _, server = chaos.open("course")
    yield server
    server.close()


@pytest.fixture(scope="module")
def states(chaos: Chaos, server: Server) -> list[dict[str, object]]:
    """After a calm run of each of two classes."""
    return chaos.calm(chaos.root / "course", server, chaos.few)


@pytest.fixture
def course(chaos: Chaos, server: Server, states: list[dict[str, object]]) -> Path:
    """The first class is graded."""
    server.grade(chaos.few[0])
    assert differences(state(chaos.root / "course"), states[0]) == []
    return chaos.root / "course"


@pytest.fixture
def recovers(chaos: Chaos, server: Server, states: list[dict[str, object]]) -> Callable[[], None]:
    """The next run of the second class makes everything right."""

    def check() -> None:
        server.grade(chaos.few[1])
        course = chaos.root / "course"
        assert differences(state(course), states[1]) + litter(course) == []

    return check


def command(course: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", "from gradeprop.cli.main import main; main()", "--course", str(course)]
    temporary = environment(course.parent / "tmp")
    return subprocess.run([*program, *map(str, arguments)], env=temporary, capture_output=True, text=True, check=False)


def test_a_grader_killed_at_a_change_leaves_no_mixture_and_the_next_finishes(chaos: Chaos, server: Server) -> None:
    chaos.points(chaos.root / "course", server, every=1 if "ALL_TESTS" in os.environ else 16)
    assert chaos.kills["grader, at a change"] >= 7
    assert chaos.wrong == []


@pytest.mark.skipif(not ROOT, reason="mounting takes root")
@pytest.mark.parametrize("size_kib", [8, 28, 48])
def test_a_full_disk_is_a_sentence_and_no_grade_is_lost(
    chaos: Chaos, server: Server, course: Path, recovers: Callable[[], None], size_kib: int
) -> None:
    with mounted(course / "autograded", f"size={size_kib}k"), pytest.raises(JailError, match="No space left on device"):
        server.grade(chaos.few[1])
    recovers()


def test_a_file_that_may_not_grow_is_a_sentence(
    chaos: Chaos, server: Server, course: Path, recovers: Callable[[], None]
) -> None:
    with pytest.raises(JailError, match=r"feedback\.html cannot be written: File too large"):
        server.grade(chaos.few[1], largest_file=2_000)
    assert not (course / "autograded" / "toy" / "ada" / "run.json").exists(), "the old grade is withdrawn"
    recovers()


def test_a_folder_that_cannot_be_written_is_a_sentence(
    chaos: Chaos, course: Path, recovers: Callable[[], None]
) -> None:
    with read_only(course / "autograded"):
        done = command(course, "grade", "toy", chaos.few[1])
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    recovers()


def test_a_locked_gradebook_is_a_sentence_and_the_records_get_into_it_later(
    chaos: Chaos, server: Server, course: Path, states: list[dict[str, object]]
) -> None:
    with contextlib.closing(sqlite3.connect(course / "gradebook.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(JailError, match="stays locked by another program"):
            server.grade(chaos.few[1])
    found = state(course)
    assert found["students"] == states[1]["students"]
    assert found["gradebook"] == states[0]["gradebook"]
    one = write_class(chaos.root / "one", 2, 1)  # only one of them is graded again
    server.grade(one)
    assert differences(state(course), states[1]) == []


def test_a_reader_that_has_gone_costs_no_grade(course: Path, states: list[dict[str, object]]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    program = [sys.executable, "-c", "from gradeprop.cli.main import main; main()", "--course", str(course)]
    with os.fdopen(writer) as gone:
        done = subprocess.run(
            [*program, "grade", "toy", "--recheck"], stdout=gone, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    progress = re.compile(r"\d+ of \d+ done, .* left")  # where it takes long
    assert [line for line in done.stderr.splitlines() if not progress.fullmatch(line)] == []
    assert differences(state(course), states[0]) == []


def test_a_grader_survives_its_workers(chaos: Chaos, server: Server) -> None:
    chaos.workers(chaos.root / "course", server, 8)  # the last: from here on the server itself has the turn
    assert chaos.wrong == []


def test_the_records_of_a_class_are_read_once_and_those_of_this_run_not_at_all(
    toy: AssignmentPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = [(write_class(tmp_path / "class", 0, 3) / name, name) for name in ("ada",)]
    named += [(tmp_path / "class" / name, name) for name in ("bob, Jr", "=cmd()")]
    settings = settings_of(toy)
    with Store(settings) as store, open_grader(store.folders) as grader:
        grade_all(store, named[:2], grader)
        reads: list[str] = []
        real = storage.read

        def counted(kind: type[GradeRecord], file: Path) -> GradeRecord:
            if file.name == "record.json":
                reads.append(file.parent.name)
            return real(kind, file)

        monkeypatch.setattr(storage, "read", counted)
        grade_all(store, named, grader)
        assert reads == [], "all are in memory"
    with Store(settings) as store:
        assert {record.student for record in store.records()} == {"ada", "bob, Jr", "=cmd()"}
        batch.finish(store, [])
        assert sorted(reads) == ["=cmd()", "ada", "bob, Jr"], "each once"


def test_an_error_during_a_replacement_withdraws_the_old_grade_and_leaves_nothing_aside(
    toy: AssignmentPaths, tmp_path: Path
) -> None:
    with Store(settings_of(toy)) as store:
        grade_all(store, [(write_class(tmp_path / "class", 0, 1) / "ada", "ada")])
        with pytest.raises(ZeroDivisionError), store.folders.replace("ada"):
            raise ZeroDivisionError
        record = storage.read(GradeRecord, store.folders.student("ada").record)
        assert (record.status, record.points) == ("not_graded", 0)
        assert "was interrupted" in record.reason
        assert not list(store.settings.results.glob(".grading-*"))


@contextlib.contextmanager
def mounted(over: Path, options: str) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(over)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(over)], check=True)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    if ROOT:
        with mounted(folder, "ro"):
            yield
        return
    (folder / "toy" / ".lock").unlink()
    (folder / "toy").chmod(0o500)
    try:
        yield
    finally:
        (folder / "toy").chmod(0o700)
