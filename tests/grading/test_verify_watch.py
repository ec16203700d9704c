"""verify --watch: after each edit, the known answers that it affects."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradeprop.core.errors import CourseError
from gradeprop.core.paths import AssignmentPaths
from gradeprop.grading.interrupt import Stop
from gradeprop.grading.verify_watch import VerifyWatch
from tests.grading.runs import settings_of


@pytest.fixture
def course(toy: AssignmentPaths) -> AssignmentPaths:
    """The toy course, whose reference needs no weights."""
    (toy.course.cache / "reference" / "toy" / "sample").mkdir(parents=True)
    (toy.course.cache / "reference" / "toy" / "sample" / "history.json").write_text("{}")
    toy.notebook.write_text("{}")
    return toy


@pytest.fixture
def watch(course: AssignmentPaths, tmp_path: Path) -> Iterator[VerifyWatch]:
    with VerifyWatch(course, "", lambda: settings_of(course, results=tmp_path / "out")) as watch:
        yield watch


def names(watch: VerifyWatch) -> set[str]:
    results = list(watch.results())
    assert [result.name for result in results if result.wrong] == []
    return {result.name for result in results}


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_an_edit_repeats_what_it_affects(watch: VerifyWatch, course: AssignmentPaths, tmp_path: Path) -> None:
    everything = names(watch)
    assert {"reference", "stub", "right/adds", "wrong/halves"} <= everything
    assert names(watch) == set()

    toml = course.wrong / "halves" / "wrong.toml"
    toml.write_text(toml.read_text() + "# edited\n")
    assert names(watch) == {"wrong/halves"}

    ran = {file: file.read_bytes() for file in (tmp_path / "out").glob("*/observations.safetensors")}
    assert ran
    checks = course.tests / "test_toy.py"
    checks.write_text(checks.read_text() + "# edited\n")
    assert names(watch) == everything
    assert ran == {file: file.read_bytes() for file in ran}, "the draws are new, and so the code ran again"

    course.probes.write_text(course.probes.read_text() + "# edited\n")
    assert names(watch) == everything
    assert ran != {file: file.read_bytes() for file in ran}


def test_checks_that_cannot_be_loaded_are_an_error_until_the_next_edit(
    watch: VerifyWatch, course: AssignmentPaths
) -> None:
    everything, checks = names(watch), course.tests / "test_toy.py"
    good = checks.read_text()
    checks.write_text(good + "def (\n")
    with pytest.raises(CourseError, match=r"test_toy.py:\d+: SyntaxError"):
        list(watch.results())
    checks.write_text(good)
    assert names(watch) == set()
    checks.write_text(good + "# edited\n")
    assert names(watch) == everything


def test_waiting_ends_with_an_edit(watch: VerifyWatch, course: AssignmentPaths) -> None:
    names(watch)
    stop = Stop()
    stop.requested = True
    watch.wait(stop)  # returns at once
    stop.requested = False
    course.toml.write_text(course.toml.read_text() + "# edited\n")
    watch.wait(stop)


def test_the_command_prints_until_it_is_interrupted(course: AssignmentPaths) -> None:
    command = [Path(sys.executable).with_name("gradeprop"), "verify", "toy", "--data", "sample", "--only", "halves"]
    shutil.rmtree(course.course.root / "autograded", ignore_errors=True)
    with subprocess.Popen(
        [*command, "--watch"], cwd=course.course.root, stdout=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("passed  wrong/halves: ")
        time.sleep(0.2)
        edit(course.wrong / "halves" / "wrong.toml", "points = 2", "points = 3")
        assert process.stdout.readline().startswith("FAILED  wrong/halves: ")
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait() == 0
    assert "lost double 4, held 4" in rest
