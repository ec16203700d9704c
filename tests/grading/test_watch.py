"""What comes into a folder is graded once each, whole, the latest of each student, and after a restart not again."""

import contextlib
import os
import pwd
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from nbgrader.api import Gradebook

from gradeprop.cli.main import main
from gradeprop.core.errors import CourseError, SubmissionError
from gradeprop.core.models import GradeRecord
from gradeprop.core.paths import AssignmentPaths
from gradeprop.grading.grader import Grader, open_grader
from gradeprop.grading.interrupt import Stop
from gradeprop.grading.store import Store
from gradeprop.grading.watch import Inbox, Watch
from gradeprop.results import gradebook_db, people
from tests.conftest import REPOSITORY, copy_toy
from tests.factory import RIGHT, WRONG, canvas_name, exchange, submission, zip_file, zip_of
from tests.grading.runs import settings_of

Opened = tuple[Store, Grader]


class Seen:
    """A watch over a folder, and what it showed and said."""

    def __init__(self, opened: Opened, folder: Path, patience_s: float = 1.5) -> None:
        self.graded: list[tuple[str, float]] = []
        self.said: list[str] = []
        self.watch = Watch(*opened, Inbox(folder, "toy", self.said.append), self.show, 0.3, patience_s)

    def show(self, record: GradeRecord) -> None:
        self.graded.append((record.student, record.points))

    def once(self) -> list[tuple[str, float]]:
        """What was graded until nothing was left."""
        self.graded.clear()
        self.watch.run(Stop(), once=True)
        return self.graded


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    settings = settings_of(copy_toy(tmp_path_factory.mktemp("course")))
    with Store(settings) as store, open_grader(store.folders) as grader:
        yield store, grader


def test_the_exchange_is_graded_in_order_at_the_latest_version_once(opened: Opened, tmp_path: Path) -> None:
    exchange(tmp_path, "ada", "23:59:59", WRONG)  # the name claims to be the latest; the kernel knows which was
    time.sleep(0.05)
    exchange(tmp_path, "bob", "11:00:00", RIGHT)
    time.sleep(0.05)
    exchange(tmp_path, "ada", "10:00:00", RIGHT)
    exchange(tmp_path, "eve", "10:00:00", RIGHT, hw="another")
    seen = Seen(opened, tmp_path)
    assert seen.once() == [("bob", 10), ("ada", 10)]
    assert seen.once() == []
    exchange(tmp_path, "bob", "12:00:00", WRONG)
    assert Seen(opened, tmp_path).once() == [("bob", 2)]  # another watch: what was graded is known from the records
    assert not seen.said


def test_any_folder_is_watched_and_what_is_no_submission_is_said(opened: Opened, tmp_path: Path) -> None:
    submission(tmp_path / "grace", RIGHT)
    zip_file(tmp_path / canvas_name("12345", "hw.zip"), {"student_code.py": WRONG})
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "hopper").symlink_to(tmp_path / "grace")
    zip_file(tmp_path / "alan.zip.part", {"student_code.py": RIGHT})
    seen = Seen(opened, tmp_path)
    assert sorted(seen.once()) == [("12345", 2), ("grace", 10)]
    assert seen.said == [
        "hopper is a link, which is not followed. It is not graded.",
        "notes.txt is neither a folder nor a zip; it is left out.",
    ]
    (tmp_path / "grace" / "student_code.py").write_text(WRONG)
    assert seen.once() == [("grace", 2)]
    (tmp_path / "grace" / "student_code.py").touch()  # another time, the same content
    assert seen.once() == []


def test_a_submission_named_by_another_id_is_its_students(toy: AssignmentPaths, tmp_path: Path) -> None:
    roster = [(people.Person("ada.l@u.edu", email="ada.l@u.edu", lms_user_id="77"), frozenset[str]())]
    people.import_roster(toy.course, roster)
    drop = tmp_path / "drop"
    drop.mkdir()
    zip_file(drop / canvas_name("77", "hw.zip"), {"student_code.py": RIGHT})
    watch = ["--course", str(toy.course.root), "watch", "toy", "--data", "sample", "--once"]
    done = CliRunner().invoke(main, [*watch, str(drop)])
    assert "1 graded" in done.output, done.output
    assert toy.student("ada.l@u.edu").record.is_file()

    for time_of_day, code in (("10:00:00", RIGHT), ("11:00:00", WRONG)):  # again, by the part before the @
        exchange(tmp_path / "inbound", "ada.l", time_of_day, code)
    done = CliRunner().invoke(main, [*watch, str(tmp_path / "inbound")])
    assert "ada.l@u.edu" in done.output, done.output
    assert not toy.student("ada.l").record.exists()
    submission(tmp_path / "other" / "zoe", "", {"report.pdf": "x"})
    waits = CliRunner().invoke(main, [*watch, str(tmp_path / "other")])
    assert (waits.exit_code, "0 graded, 1 on hold" in waits.output) == (1, True), waits.output
    refused = CliRunner().invoke(main, [*watch, str(toy.course.root.parent)])
    assert (refused.exit_code, "contains the course itself" in refused.output) == (1, True)


def test_a_zip_is_graded_when_it_is_whole_and_one_that_stays_broken_is_told(opened: Opened, tmp_path: Path) -> None:
    data, file, stop = zip_of({"student_code.py": RIGHT}), tmp_path / "kay.zip", Stop()
    seen = Seen(opened, tmp_path, patience_s=6)
    file.write_bytes(data[:60])
    watching = threading.Thread(target=seen.watch.run, args=(stop,))
    watching.start()
    time.sleep(1.5)
    assert not seen.graded
    with file.open("ab") as more:
        more.write(data[60:])
    (tmp_path / "liv.zip").write_bytes(data[:60])
    deadline = time.monotonic() + 90
    while len(seen.graded) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    stop.requested = True
    watching.join(30)
    assert seen.graded == [("kay", 10), ("liv", 0)]
    assert Seen(opened, tmp_path).once() == []


def test_an_exchange_folder_without_its_time_is_waited_for(opened: Opened, tmp_path: Path) -> None:
    folder = exchange(tmp_path, "mia", "10:00:00", RIGHT)
    (folder / "timestamp.txt").unlink()
    seen = Seen(opened, tmp_path)
    began = time.monotonic()
    assert seen.once() == [("mia", 10)]
    assert time.monotonic() - began > 1.5


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a folder that belongs to another account")
def test_cant_hand_in_for_another_through_the_exchange(opened: Opened, tmp_path: Path) -> None:
    student, other = pwd.getpwnam("daemon"), pwd.getpwnam("nobody")
    os.chown(exchange(tmp_path, "daemon", "10:00:00", RIGHT), student.pw_uid, student.pw_gid)
    os.chown(exchange(tmp_path, "daemon", "11:00:00", WRONG), other.pw_uid, other.pw_gid)
    seen = Seen(opened, tmp_path)
    assert seen.once() == [("daemon", 10)]
    assert "belongs to the account nobody, and not to daemon" in seen.said[0]


def command(toy: AssignmentPaths, *arguments: str) -> subprocess.Popen[str]:
    program = [sys.executable, "-c", "from gradeprop.cli.main import main; main()", "--course", str(toy.course.root)]
    return subprocess.Popen(
        [*program, *arguments],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY.root), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_one_watches_at_a_time_and_ctrl_c_ends_it(toy: AssignmentPaths, tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    submission(drop / "ada", RIGHT)
    with command(toy, "watch", "toy", str(drop)) as first:
        assert first.stdout
        lines = []
        while "ada" not in (line := first.stdout.readline()):
            lines.append(line)
            assert first.poll() is None, lines
        assert "10 / 10" in line
        for second in (("watch", "toy", str(drop)), ("grade", "toy", str(drop))):
            other = CliRunner().invoke(main, ["--course", str(toy.course.root), *second])
            assert other.exit_code == 1
            assert f"is in use by process {first.pid}" in other.output.replace("\n", "")
        os.killpg(first.pid, signal.SIGINT)
        said, _ = first.communicate(timeout=60)
    assert first.returncode == 0, said
    assert "1 graded" in said
    assert (toy.autograded / ".lock").read_bytes() == b""
    with contextlib.suppress(FileNotFoundError):
        assert toy.grades_csv.read_text(encoding="utf-8-sig").count('\n"ada"') == 1


def test_a_folder_that_is_not_there_is_one_sentence(toy: AssignmentPaths) -> None:
    result = CliRunner().invoke(main, ["--course", str(toy.course.root), "watch", "toy", "/nowhere"])
    assert result.exit_code == 1
    assert "Error: /nowhere is not a folder" in result.output


@pytest.mark.skipif(os.getuid() == 0, reason="root can read everything")
def test_what_may_not_be_read_waits_and_is_no_zero(opened: Opened, tmp_path: Path) -> None:
    tmp_path.chmod(0o300)
    with pytest.raises(SubmissionError, match="the same rights as for nbgrader collect"):
        Seen(opened, tmp_path).once()
    tmp_path.chmod(0o700)
    submission(tmp_path / "zoe", RIGHT).chmod(0)
    seen = Seen(opened, tmp_path)
    assert seen.once() == []
    assert seen.said == ["zoe cannot be read: Permission denied. It waits."]
    (tmp_path / "zoe").chmod(0o755)
    assert seen.once() == [("zoe", 10)]


def test_a_gradebook_that_cannot_be_written_is_said_and_what_was_graded_comes_into_it_later(
    opened: Opened, tmp_path: Path
) -> None:
    submission(tmp_path / "uma", RIGHT)
    seen, book = Seen(opened, tmp_path), opened[0].settings.course.gradebook
    book.write_bytes(b"this is no database")
    with pytest.raises(CourseError, match="the gradebook cannot be written"):
        seen.once()
    assert seen.graded == [("uma", 10)]
    assert "the gradebook cannot be written" in seen.said[0]
    book.unlink()
    assert seen.once() == []
    with contextlib.closing(sqlite3.connect(book)) as database:
        assert database.execute("SELECT id FROM student WHERE id = 'uma'").fetchall() == [("uma",)]


def test_when_it_came_through_the_exchange_counts_for_late_days_and_a_copy_says_nothing(
    opened: Opened, tmp_path: Path
) -> None:
    exchange(tmp_path / "inbound", "lou", "10:00:00", RIGHT)
    assert Seen(opened, tmp_path / "inbound").once() == [("lou", 10)]
    submission(tmp_path / "drop" / "tom", RIGHT)
    assert Seen(opened, tmp_path / "drop").once() == [("tom", 10)]
    with Gradebook(gradebook_db.url(opened[0].settings.course)) as book:
        came = book.find_submission("toy", "lou").timestamp
        assert abs((datetime.now(UTC).replace(tzinfo=None) - came).total_seconds()) < 60, "not what its name claims"
        assert book.find_submission("toy", "tom").timestamp is None


@pytest.mark.skipif("ALL_TESTS" not in os.environ, reason="takes long; make check runs it")
def test_fixed_checks_judge_again_what_is_still_there(tmp_path: Path) -> None:
    toy = copy_toy(tmp_path / "course")
    submission(tmp_path / "drop" / "ada", RIGHT)
    for expected in (10, 10):
        with Store(settings_of(toy)) as store, open_grader(store.folders) as grader:
            assert Seen((store, grader), tmp_path / "drop").once() == [("ada", expected)]
            assert Seen((store, grader), tmp_path / "drop").once() == []
        with (toy.tests / "test_toy.py").open("a") as checks:
            checks.write("# fixed\n")
