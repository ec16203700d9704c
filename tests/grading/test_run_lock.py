"""One run at a time in a folder of results; the lock ends with its process, and says whether that run was complete."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gradeprop.core.errors import JailError
from gradeprop.core.paths import AssignmentPaths
from gradeprop.grading.run_lock import RunLock

HOLD = (
    "from gradeprop.grading.run_lock import RunLock; from pathlib import Path; import sys, time;"
    "lock = RunLock(Path(sys.argv[1])); print(1, flush=True); time.sleep(60)"
)


def test_a_second_run_is_refused_and_the_first_one_is_named(tmp_path: Path) -> None:
    with RunLock(tmp_path / "new"), pytest.raises(JailError, match=f"is in use by process {os.getpid()} on"):
        RunLock(tmp_path / "new")
    with RunLock(tmp_path / "new") as lock:
        assert lock.interrupted, "the first one was not completed"


def test_a_complete_run_leaves_an_empty_file(tmp_path: Path) -> None:
    with RunLock(tmp_path) as lock:
        assert not lock.interrupted
        lock.complete()
        assert (tmp_path / ".lock").read_bytes() == b""
        lock.begin()
        assert b"process" in (tmp_path / ".lock").read_bytes()
        lock.complete()
    with RunLock(tmp_path) as lock:
        assert not lock.interrupted


def test_a_killed_run_holds_nothing_and_counts_as_interrupted(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        with pytest.raises(JailError, match=f"in use by process {process.pid}"):
            RunLock(tmp_path)
        process.send_signal(signal.SIGKILL)
    with RunLock(tmp_path) as lock:
        assert lock.interrupted


def test_the_command_says_who_is_grading(toy: AssignmentPaths, tmp_path: Path) -> None:
    (tmp_path / "ada").mkdir()
    command = [sys.executable, "-c", "from gradeprop.cli.main import main; main()", "--course", toy.course.root]
    with RunLock(toy.autograded):
        done = subprocess.run([*command, "grade", "toy", tmp_path / "ada"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"is in use by process {os.getpid()} on" in " ".join(done.stderr.split())
    assert not list(toy.autograded.glob("[!.]*"))
