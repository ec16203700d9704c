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

from gradeprop.core.errors import JailError
from gradeprop.core.scratch import ScratchDir
from gradeprop.grading.run_lock import RunLock
from tests.campaigns.chaos import SEED, Chaos, Server, differences, environment, hand_in, litter, state

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
    one = hand_in(chaos.root / "one", 2, 1)  # only one of them is graded again
    server.grade(one)
    assert differences(state(course), states[1]) == []


def test_a_second_grader_is_told_who_is_at_work(
    chaos: Chaos, server: Server, course: Path, recovers: Callable[[], None]
) -> None:
    turn = RunLock(course / "autograded" / "toy")
    turn.begin()
    done = command(course, "grade", "toy", chaos.few[1])
    assert done.returncode == 1
    assert f"is in use by process {os.getpid()} on" in " ".join(done.stderr.split())
    assert differences(state(course), state(course)) == []
    turn.close()
    recovers()


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


def test_the_number_of_a_stream_that_came_closed_is_given_to_no_file() -> None:
    code = "import os; from gradeprop.cli.main import _open_streams as call; call(); os._exit(os.open(os.devnull, 0))"
    assert subprocess.run(["sh", "-c", f"exec {sys.executable} -c '{code}' <&- >&- 2>&-"], check=False).returncode > 2


def test_a_grader_survives_its_workers(chaos: Chaos, server: Server) -> None:
    chaos.workers(chaos.root / "course", server, 8)  # the last: from here on the server itself has the turn
    assert chaos.wrong == []


def test_a_temporary_folder_goes_with_its_process_and_a_left_one_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "from gradeprop.core.scratch import ScratchDir; import os; "
        "print(ScratchDir().path, flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code], env=environment(tmp_path), capture_output=True, check=False)
    left = Path(killed.stdout.decode().strip())
    assert left.is_dir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "gradeprop-thesis").mkdir()
    first = ScratchDir()
    second = ScratchDir()
    assert first.path.is_dir(), "a folder in use stays"
    assert not left.exists()
    first.remove()
    second.remove()
    assert [each.name for each in tmp_path.iterdir()] == ["gradeprop-thesis"]


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
