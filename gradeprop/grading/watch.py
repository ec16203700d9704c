"""Grade what arrives in a folder: each submission once, in order of arrival, and of each student the latest.

    <exchange>/<course>/inbound/<student>+<hw>+<time>+<random>/    nbgrader's exchange, for all assignments
    <drop>/<student>/  <drop>/<student>.zip                        any other folder; names of a platform's download, too

``Inbox`` looks at the folder, which is never written to; ``Watch`` grades. The records say what was graded, so a watch
that was stopped or killed continues where it was.
"""

import contextlib
import os
import pwd
import re
import stat
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from gradeprop.core.errors import GradepropError, NoJailError, SubmissionError
from gradeprop.core.models import GradeRecord
from gradeprop.core.paths import student_key
from gradeprop.core.sanitize import filename
from gradeprop.course.notebook import writable
from gradeprop.grading import batch
from gradeprop.grading.grader import Grader, open_grader
from gradeprop.grading.interrupt import Stop
from gradeprop.grading.jobs import Planner
from gradeprop.grading.settings import RunSettings
from gradeprop.grading.store import Store
from gradeprop.results import gradebook, gradebook_db
from gradeprop.submissions import arrival_time, intake, lms_downloads
from gradeprop.submissions.arrival_time import INBOUND, STAMP
from gradeprop.submissions.reader import IGNORED, MAX_ENTRIES

LOOK_S = 1.0
_WRITE_S = 10.0  # between two updates of the table and the gradebook, while there is more to grade
_RETRY_S = 30.0  # after the machine, or the gradebook, failed
_UNFINISHED = re.compile(r"^[.~]|(\.(part|partial|filepart|crdownload|tmp|download)|~)$", re.IGNORECASE)

State = tuple[int, int, int]
"""number of files and folders, their size in bytes, time of the last change in ns"""
Say = Callable[[str], None]
"""receives a sentence for the instructor"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One submission as it is in the folder."""

    path: Path
    student: str
    name_time: str
    """the time in a name of nbgrader's exchange, else empty"""
    state: State

    @property
    def time(self) -> datetime:
        """When it arrived, naive UTC. The student chooses the time in the name; the kernel's is trusted."""
        changed = datetime.fromtimestamp(self.state[2] / 1e9, UTC).replace(tzinfo=None)
        return arrival_time.trusted_time(arrival_time.parse_time(self.name_time), changed)

    @property
    def is_complete(self) -> bool:
        """True if nothing more is expected: a zip ends with its list of contents, nbgrader writes the time last."""
        if self.name_time:
            return (self.path / STAMP).is_file()
        return self.path.is_dir() or zipfile.is_zipfile(self.path)


@dataclass(slots=True)
class Inbox:
    """A folder that submissions of one assignment arrive in."""

    folder: Path
    assignment: str
    say: Say
    _graded: dict[str, tuple[Path, State]] = field(default_factory=dict)
    """by student's key"""
    _sentences: set[str] = field(default_factory=set)

    def check(self) -> None:
        """Check that the folder can be read.

        Raises:
            SubmissionError: it cannot.
        """
        if not self.folder.is_dir():
            raise SubmissionError(f"{self.folder} is not a folder; name the folder that submissions arrive in.")
        if not os.access(self.folder, os.R_OK | os.X_OK):
            raise SubmissionError(f"{self.folder} cannot be read; you need the same rights as for nbgrader collect.")

    def latest(self) -> list[Arrival]:
        """Return each student's latest submission that is not graded yet, in order of arrival."""
        newest: dict[str, Arrival] = {}
        try:
            for arrival in sorted(self._arrivals(), key=lambda arrival: arrival.time):
                newest[student_key(arrival.student)] = arrival
        except OSError as error:  # an NFS server that is restarted
            self.say_once(f"{self.folder} cannot be read ({error.strerror}); trying again.")
            return []
        new = [a for key, a in newest.items() if self._graded.get(key) != (a.path, a.state)]
        return sorted(new, key=lambda arrival: arrival.time)

    def mark_graded(self, arrival: Arrival) -> None:
        """Leave a submission out from now on, unless it changed while it was read."""
        if not arrival.path.exists() or _state(arrival.path) == arrival.state:
            self._graded[student_key(arrival.student)] = arrival.path, arrival.state

    def say_once(self, sentence: str) -> None:
        if sentence not in self._sentences:
            self._sentences.add(sentence)
            self.say(sentence)

    def _arrivals(self) -> Iterator[Arrival]:
        for entry in sorted(os.scandir(self.folder), key=lambda entry: entry.name):
            if entry.name in IGNORED or _UNFINISHED.search(entry.name):
                continue
            student, name_time = self._student(entry)
            path, graded = Path(entry.path), self._graded.get(student_key(student))
            if student and name_time and graded and graded[0] == path:  # nbgrader never changes what it has sent
                yield Arrival(path, student, name_time, graded[1])
            elif student:
                try:
                    yield Arrival(path, student, name_time, _state(path))
                except FileNotFoundError:  # removed meanwhile
                    continue
                except OSError as error:  # the rights of the folder, which the student did not choose
                    self.say_once(f"{filename(entry.name)} cannot be read ({error.strerror}); it waits.")

    def _student(self, entry: os.DirEntry[str]) -> tuple[str, str]:
        """Return the student and the time in the name; no student if it is not a submission of this assignment."""
        if sent := INBOUND.fullmatch(entry.name):
            if sent["assignment"] != self.assignment:
                return "", ""
            student = sent["student"]
            if owner := _other_owner(entry, student):
                self.say_once(f"{filename(entry.name)} belongs to {owner} and not to {student}; it is left out.")
                return "", ""
            return student, sent["time"]
        if not entry.is_dir(follow_symlinks=False) and not entry.name.lower().endswith(".zip"):
            self.say_once(f"{filename(entry.name)} is neither a folder nor a zip; it is left out.")
            return "", ""
        download = lms_downloads.parse_name(entry.name) or lms_downloads.parse_name(f"{entry.name}/x")
        return (download.student if download else intake.student_name(Path(entry.path))), ""


@dataclass(slots=True)
class Watch:
    """Grades what arrives in an inbox, and keeps the table and the gradebook up to date."""

    store: Store
    grader: Grader
    inbox: Inbox
    show: Callable[[GradeRecord], None]
    """receives each new record"""
    still_s: float = 2.0
    """how long nothing must have changed; an NFS client may show an old size for a while"""
    patience_s: float = 60.0
    """how long it may stay incomplete; then it is graded as it is, and the record says what is wrong with it"""
    _still: dict[Path, tuple[State, float]] = field(default_factory=dict)
    """the state of each, and when it was first seen in it"""
    _unwritten: list[GradeRecord] = field(default_factory=list)
    """records that are not in the gradebook yet"""
    _times: dict[str, datetime] = field(default_factory=dict)
    """by student: arrival times through the exchange, for late days"""
    _retry_at: float = 0.0
    _written_at: float = 0.0

    def run(self, stop: Stop, once: bool = False) -> None:
        """Grade until a stop is requested; with ``once``, until nothing is left to wait for.

        Raises:
            NoJailError: this machine cannot hold untrusted code.
            SubmissionError: the folder cannot be read.
            CourseError: at the end, the gradebook still cannot be written.
        """
        self.inbox.check()
        self.store.lock.begin()
        while not stop.requested:
            for arrival in filter(self._is_ready, self.inbox.latest()):
                if not stop.requested and time.monotonic() >= self._retry_at:
                    self._grade(arrival)
                    self._update(_WRITE_S)
            self._update()
            if once and not self.inbox.latest():
                break
            time.sleep(LOOK_S)
        self._write()
        self.store.lock.complete()

    def _is_ready(self, arrival: Arrival) -> bool:
        """Return True if nothing has changed for a while, and nothing more is expected or it is overdue."""
        now = time.monotonic()
        state, since = self._still.get(arrival.path, (None, now))
        if state != arrival.state:
            self._still[arrival.path] = arrival.state, now
            return False
        return now - since >= (self.still_s if arrival.is_complete else self.patience_s)

    def _grade(self, arrival: Arrival) -> None:
        """Do what a submission needs; if the machine fails, say so and wait."""
        try:
            job = Planner(self.store, self.grader.sources).job(arrival.path, arrival.student)
            if job.need != "nothing":
                record = self.grader.grade(job)
                self.store.remember(record)
                self._unwritten.append(record)
                self.show(record)
            if arrival.name_time:  # a copy in any other folder does not say when it was submitted
                self._times[arrival.student] = arrival.time
            self.inbox.mark_graded(arrival)
        except NoJailError:
            raise
        except (GradepropError, OSError) as error:
            self.store.forget(student_key(arrival.student))
            self._retry_at = time.monotonic() + _RETRY_S
            self.inbox.say(f"{arrival.student}: {error} Trying again in {_RETRY_S:.0f} s.")

    def _update(self, after_s: float = 0.0) -> None:
        """Write what is new, at the earliest ``after_s`` after the last time; if that fails, say so and wait."""
        now = time.monotonic()
        if self._is_unwritten and now >= max(self._retry_at, self._written_at + after_s):
            try:
                self._write()
            except GradepropError as error:
                self._retry_at = now + _RETRY_S
                self.inbox.say_once(str(error))
            self._written_at = now
            self.store.lock.begin()  # still running

    @property
    def _is_unwritten(self) -> bool:
        return bool(self._unwritten) or self.store.lock.interrupted

    def _write(self) -> None:
        """Write the table and the gradebook, also what an interrupted run left out."""
        if not self._is_unwritten:
            return
        settings = self.store.settings
        if self._times:
            cells, db_url = writable(self.grader.sources.cells), gradebook_db.url(settings.course)
            gradebook.register_submissions(self._times, settings.assignment, cells, db_url)
        batch.finish(self.store, self._unwritten)
        self._unwritten.clear()
        self._times.clear()


def watch_folder(
    settings: RunSettings, folder: Path, say: Say, show: Callable[[GradeRecord], None], stop: Stop, once: bool = False
) -> None:
    """Watch a folder until a stop is requested; with ``once``, until nothing is left to wait for.

    Raises:
        JailError: another run is in progress for this assignment, or this machine can make no jail.
        SubmissionError: the folder cannot be read.
        CourseError: at the end, the gradebook still cannot be written.
    """
    inbox = Inbox(folder, settings.assignment.name, say)
    inbox.check()
    with Store(settings) as store, open_grader(store.folders) as grader:
        Watch(store, grader, inbox, show).run(stop, once)


def _state(path: Path) -> State:
    """Return the state of all below ``path`` that can be read; no link is followed.

    Raises:
        OSError: ``path`` itself cannot be read.
    """
    status = path.lstat()
    count, size, changed = 1, status.st_size, status.st_ctime_ns
    os.close(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC))
    folders = [str(path)] if stat.S_ISDIR(status.st_mode) else []
    while folders and count < MAX_ENTRIES:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                count, size, changed = count + 1, size + status.st_size, max(changed, status.st_ctime_ns)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
    return count, size, changed


def _other_owner(entry: os.DirEntry[str], student: str) -> str:
    """Name the owner of a folder if the student has an account here and the folder is another's; else return "".

    Any account can create a folder under another student's name in the exchange; only the kernel knows the owner.
    """
    with contextlib.suppress(KeyError):
        owner = entry.stat(follow_symlinks=False).st_uid
        if owner not in (0, os.getuid(), pwd.getpwnam(student).pw_uid):
            try:
                return pwd.getpwuid(owner).pw_name
            except KeyError:
                return f"the user {owner}"
    return ""
