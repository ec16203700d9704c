"""A student with an account on the grader's machine attacks what the grader reads, by root and by an ordinary user."""

import codecs
import contextlib
import logging
import os
import pwd
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from nbgrader.coursedir import CourseDirectory

from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import SubmissionError
from gradeprop.core.paths import AssignmentPaths
from gradeprop.core.storage import read_private
from gradeprop.course.config import read_assignment
from gradeprop.integrations.nbgrader.collect import Collect
from gradeprop.results import gradebook
from gradeprop.submissions import intake, reader
from gradeprop.submissions.discovery import find_submissions
from gradeprop.submissions.inbox import Inbox
from tests.factory import RIGHT, WRONG, exchange, submission, write_files, zip_file

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can act for two accounts")

EVE, ADA, GRADER = (pwd.getpwnam(name).pw_uid for name in ("nobody", "daemon", "bin"))
"""accounts that every system has"""
for _encoding in ("utf-8-sig", "utf-16", "latin-1"):
    codecs.lookup(_encoding)  # loads its module, which the other accounts may not be able to read


def become(user: int, act: Callable[[], object]) -> int:
    """Start a process of another account; its status is 0 if ``act`` raises nothing."""
    child = os.fork()
    if child:
        return child
    try:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        act()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def run_as(user: int, act: Callable[[], object], within_s: float = 60.0) -> bool:
    """Act as an account; False if that fails or does not end in time."""
    child, deadline = become(user, act), time.monotonic() + within_s
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


@contextlib.contextmanager
def meanwhile(user: int, act: Callable[[], object]) -> Iterator[None]:
    """Let an account act again and again while the block runs."""

    def forever() -> None:
        while True:
            with contextlib.suppress(OSError):
                act()

    child = become(user, forever)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def give(path: Path, user: int) -> Path:
    """Give a folder and all below it to an account."""
    for each in (path, *path.rglob("*")):
        os.chown(each, user, user, follow_symlinks=False)
    return path


@pytest.fixture(params=[0, GRADER], ids=["root", "user"])
def grader(request: pytest.FixtureRequest) -> int:
    user: int = request.param
    return user


@pytest.fixture
def place(tmp_path: Path, grader: int) -> Path:
    """A folder that everyone can reach, and a course's own one in it that is the grader's."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o755)
    (tmp_path / "secret").mkdir(mode=0o700)
    (tmp_path / "secret" / "labels.txt").write_text("labels")
    (tmp_path / "mine").mkdir(mode=0o755)
    give(tmp_path / "secret", grader)
    give(tmp_path / "mine", grader)
    return tmp_path


def swap(folder: Path, target: Path) -> None:
    """Make a folder a link to another, and a folder again."""
    folder.rename(folder.with_name("aside"))
    folder.symlink_to(target)
    time.sleep(0.0005)
    folder.unlink()
    folder.with_name("aside").rename(folder)


def test_a_folder_swapped_for_a_link_while_it_is_copied_shows_nothing(
    place: Path, grader: int, toy_assignment: Assignment
) -> None:
    eve = give(submission(place / "eve", RIGHT, {f"z/{n}.txt": "mine" for n in range(20)}), EVE)

    def take() -> None:
        for number in range(30):
            into = place / "mine" / str(number)
            intake.take(eve, "eve", toy_assignment, into)
            assert not [file for file in into.rglob("*") if file.is_file() and file.read_text() == "labels"]
            assert not any(file.is_symlink() for file in into.rglob("*"))

    with meanwhile(EVE, lambda: swap(eve / "z", place / "secret")):
        assert run_as(grader, take)


def test_collecting_from_a_folder_that_is_swapped_for_a_link_shows_nothing(place: Path, toy: AssignmentPaths) -> None:
    inbound = place / "exchange" / "c" / "inbound"
    eve = give(exchange(inbound, "eve", "10:00:00"), EVE)
    give(write_files(eve, {f"z/{n}.txt": "mine" for n in range(20)}), EVE)
    gradebook.register_submissions({}, read_assignment(toy.course, "toy"), [], f"sqlite:///{toy.course.gradebook}")
    course = CourseDirectory(root=str(toy.course.root), course_id="c", assignment_id="toy", max_dir_size=100)
    log = logging.getLogger("collect")
    with meanwhile(EVE, lambda: swap(eve / "z", place / "secret")):
        for _ in range(20):
            collect = Collect(coursedir=course, root=str(place / "exchange"), check_owner=False, log=log)
            collect.do_copy(str(eve), str(toy.course.root / "copied"))
            for file in (toy.course.root / "copied").rglob("*"):
                assert not file.is_symlink()
                assert not (file.is_file() and file.read_text() == "labels")
            Path(toy.course.root / "copied").rename(place / f"done{time.monotonic_ns()}")


@pytest.mark.parametrize("kind", ["pipe", "link to a device", "socket folder", "link to a private file"])
def test_nothing_special_is_waited_for_or_read(kind: str, place: Path, grader: int, toy_assignment: Assignment) -> None:
    drop = place / "drop"
    ada = give(submission(drop / "ada"), ADA)
    trap = drop / "eve.zip"
    if kind == "pipe":
        os.mkfifo(trap)
        os.mkfifo(drop / ".ada.arrived")
        os.mkfifo(ada / "timestamp.txt")
    elif kind == "link to a device":
        trap.symlink_to("/dev/zero")
        (ada / "timestamp.txt").symlink_to("/dev/zero")
    elif kind == "socket folder":
        (drop / "eve").mkdir()
        os.mkfifo(drop / "eve" / "student_code.py")
    else:
        trap.symlink_to(place / "secret" / "labels.txt")
        (ada / "timestamp.txt").symlink_to(place / "secret" / "labels.txt")
    give(drop, EVE)
    give(ada, ADA)

    def look() -> None:
        said: list[str] = []
        arrivals = Inbox(drop, "toy", said.append).latest()
        assert "ada" in [arrival.student for arrival in arrivals]
        for arrival in arrivals:
            with contextlib.suppress(SubmissionError):
                taken = intake.take(arrival.path, arrival.student, toy_assignment, place / "mine" / arrival.student)
                assert (taken.files == ("student_code.py",)) == (arrival.student == "ada")
        assert "labels" not in " ".join(said)

    assert run_as(grader, look, within_s=20)


def test_a_zip_or_folder_in_anothers_name_is_left_to_a_person(place: Path, grader: int) -> None:
    """In nbgrader's exchange, beside it, and in any folder where students can write."""
    inbound, drop = place / "inbound", place / "drop"
    give(exchange(inbound, "daemon", "10:00:00"), ADA)
    give(exchange(inbound, "daemon", "11:00:00", WRONG), EVE)
    give(zip_file(inbound / "daemon.zip", {"student_code.py": WRONG}), EVE)
    give(submission(inbound / "bin", WRONG), EVE)
    give(submission(drop / "daemon"), ADA)
    give(zip_file(drop / "daemon.zip", {"student_code.py": WRONG}), EVE)
    give(submission(drop / "s1234567", WRONG), EVE)
    for folder in (inbound, drop):
        folder.chmod(0o777)

    def look() -> None:
        said: list[str] = []
        exchanged = Inbox(inbound, "toy", said.append).latest()
        assert [(each.student, each.owner) for each in exchanged] == [("daemon", ADA)]
        assert sum("belongs to the account nobody, and not to daemon" in each for each in said) == 1
        assert sum("is no submission made by nbgrader submit" in each for each in said) == 2
        dropped = Inbox(drop, "toy", said.append).latest()
        assert [each.student for each in dropped] == ["daemon", "s1234567"]
        assert dropped[0].owner == ADA
        known = Inbox(drop, "toy", said.append, students=["nobody", "s1234567"]).latest()
        assert [each.student for each in known] == ["daemon"], "nobody is a student, and submits as himself alone"

    assert run_as(grader, look)


def test_another_id_of_a_student_is_a_claim_to_their_name(place: Path, grader: int, toy_assignment: Assignment) -> None:
    """The roster gives a student several names; an account without a name in the gradebook takes one of them."""
    drop = place / "drop"
    give(submission(drop / "12345", WRONG), EVE)
    give(submission(drop / "daemon@uni.edu"), ADA)
    drop.chmod(0o777)

    def ids_of(names: Iterable[str]) -> dict[str, str]:
        return {name: "daemon" for name in names if name in ("12345", "daemon@uni.edu")}

    def look() -> None:
        inbox = Inbox(drop, "toy", lambda sentence: None, ids_of=ids_of)
        assert [(each.student, each.owner) for each in inbox.latest()] == [("daemon", ADA)]
        found = find_submissions([drop], toy_assignment, ids_of=ids_of)
        assert found.submissions == ((drop / "daemon@uni.edu", "daemon"),)
        for reasons in (found.unattributed, inbox.unattributed.values()):
            assert [one.reason for one in reasons] == ["12345 belongs to the account nobody, and not to 12345."]

    assert run_as(grader, look)


def test_a_second_submission_in_anothers_name_does_not_hold_theirs_back(
    place: Path, grader: int, toy_assignment: Assignment
) -> None:
    drop = place / "drop"
    give(submission(drop / "daemon"), ADA)
    give(zip_file(drop / "daemon.rar", {"student_code.py": WRONG}), EVE)
    drop.chmod(0o777)

    def look() -> None:
        found = find_submissions([drop], toy_assignment)
        assert found.submissions == ((drop / "daemon", "daemon"),)
        assert [each.path for each in found.unattributed] == [str(drop / "daemon.rar")]

    assert run_as(grader, look)


@pytest.mark.parametrize("inner", ["", "toy"])
def test_a_folder_that_the_grader_may_not_read_stops_nobody(
    inner: str, place: Path, grader: int, toy_assignment: Assignment
) -> None:
    drop = place / "drop"
    give(submission(drop / "daemon"), ADA)
    locked = give(submission(drop / "nobody" / inner), EVE)
    locked.chmod(0)
    (drop / "nobody").chmod(0o755 if inner else 0)
    drop.chmod(0o777)

    def look() -> None:
        found = find_submissions([drop], toy_assignment)
        assert [student for _, student in found.submissions] == ["daemon", "nobody"]
        eve = found.submissions[1][0]
        if grader:
            with pytest.raises(SubmissionError, match="cannot be read: Permission denied"):
                intake.take(eve, "nobody", toy_assignment, place / "mine" / "nobody", EVE)

    assert run_as(grader, look)


def test_files_that_come_and_go_while_the_class_is_listed_stop_nobody(
    place: Path, grader: int, toy_assignment: Assignment
) -> None:
    """A folder becomes a pipe, a link, nothing, and a folder again."""
    drop = place / "drop"
    give(submission(drop / "daemon"), ADA)
    give(zip_file(drop / "bin.zip", {"student_code.py": RIGHT}), GRADER)
    drop.chmod(0o777)
    path = drop / "nobody.zip"

    def churn() -> None:
        path.mkdir()
        (path / "toy").mkdir()
        path.rename(drop / "nobody")
        (drop / "nobody" / "toy").rmdir()
        (drop / "nobody").rmdir()
        os.mkfifo(path)
        path.unlink()
        path.symlink_to(drop / "daemon")
        path.unlink()

    def look() -> None:
        inbox, end = Inbox(drop, "toy", lambda sentence: None), time.monotonic() + 4
        while time.monotonic() < end:
            found = find_submissions([drop], toy_assignment)
            assert {"daemon", "bin"} <= {student for _, student in found.submissions}
            assert {"daemon", "bin"} <= {arrival.student for arrival in inbox.latest()}

    with meanwhile(EVE, churn):
        assert run_as(grader, look)


def test_two_accounts_that_claim_one_student_are_both_left_to_a_person(place: Path, grader: int) -> None:
    drop = place / "drop"
    give(submission(drop / "s1234567"), ADA)
    give(zip_file(drop / "s1234567.zip", {"student_code.py": WRONG}), EVE)
    drop.chmod(0o777)

    def look() -> None:
        inbox = Inbox(drop, "toy", lambda sentence: None)
        assert inbox.latest() == []
        assert len(inbox.unattributed) == 2

    assert run_as(grader, look)


def test_a_folder_that_another_account_puts_in_its_place_is_not_read(
    place: Path, grader: int, toy_assignment: Assignment
) -> None:
    """Between the decision whose it is and its being opened, in a folder where students can rename each other's."""
    drop = place / "drop"
    give(submission(drop / "daemon"), ADA)
    give(submission(place / "eve", WRONG), EVE)
    drop.chmod(0o777)

    def grade() -> None:
        (arrival,) = Inbox(drop, "toy", lambda sentence: None).latest()
        found = find_submissions([drop], toy_assignment)
        assert found.owners[arrival.path] == arrival.owner == ADA
        into = place / "mine" / "daemon"
        assert intake.take(arrival.path, "daemon", toy_assignment, into, arrival.owner).files == ("student_code.py",)
        (place / "mine" / "go").touch()
        while not arrival.path.exists() or arrival.path.stat().st_uid != EVE:
            time.sleep(0.01)
        with pytest.raises(SubmissionError, match="daemon was replaced by another user of this machine"):
            intake.take(arrival.path, "daemon", toy_assignment, into, arrival.owner)

    def replace() -> None:
        while not (place / "mine" / "go").exists():
            time.sleep(0.01)
        (drop / "daemon").rename(drop / "aside")
        (place / "eve").rename(drop / "daemon")

    place.chmod(0o777)
    eve = become(EVE, replace)
    assert run_as(grader, grade)
    os.waitpid(eve, 0)


def test_a_file_of_another_account_in_a_students_folder_is_left_out(
    place: Path, grader: int, toy_assignment: Assignment
) -> None:
    ada = give(submission(place / "ada", RIGHT, {"helper.py": "x = 1"}), ADA)
    os.chown(ada / "helper.py", EVE, EVE)

    def take() -> None:
        taken = intake.take(ada, "ada", toy_assignment, place / "mine" / "ada")
        assert taken.files == ("student_code.py",)
        assert "helper.py belongs to another user of this machine than its folder" in taken.attention

    assert run_as(grader, take)


def test_a_note_that_the_student_can_write_is_no_note_of_ours(place: Path, grader: int) -> None:
    note = place / "note"
    note.write_text("1970-01-01 00:00:00\n\n")
    note.chmod(0o666)
    assert run_as(grader, lambda: _equal(read_private(note), None))
    note.unlink()
    note.symlink_to(place / "secret" / "labels.txt")
    assert run_as(grader, lambda: _equal(read_private(note), None))


def _equal(found: object, expected: object) -> None:
    assert found == expected, found


def test_the_state_of_a_pipe_is_not_waited_for(place: Path, grader: int) -> None:
    os.mkfifo(place / "ada")

    def look() -> None:
        with contextlib.suppress(SubmissionError):
            reader.state(place / "ada")

    assert run_as(grader, look, within_s=10)
