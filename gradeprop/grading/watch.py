"""What comes into a folder, graded as it comes: once each, in order of arrival, and of each student the latest.

    <exchange>/<course>/inbound/<student>+<hw>+<time>+<random>/    nbgrader's exchange, for all assignments
    <drop>/<student>/  <drop>/<student>.zip                        any other folder; a platform's long names, too

The folder is looked at every second and never written to. What was graded is known from the records, so a watch that
was ended, or killed, goes on where it was.
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
from gradeprop.grading.batch import Stop
from gradeprop.grading.grader import Grader
from gradeprop.results import gradebook, gradebook_db
from gradeprop.submissions import arrival_time, intake, lms_downloads
from gradeprop.submissions.arrival_time import INBOUND, STAMP
from gradeprop.submissions.reader import IGNORED, MAX_ENTRIES

LOOK_S = 1.0
_WRITE_S = 10.0  # between writing what concerns the whole class, while there is more to grade
_AGAIN_S = 30.0  # after the machine, or the gradebook, failed
_UNFINISHED = re.compile(r"^[.~]|(\.(part|partial|filepart|crdownload|tmp|download)|~)$", re.IGNORECASE)

State = tuple[int, int, int]
"""how many files and folders, their size in bytes, and when the last of them changed, in ns"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One submission as it lies there."""

    path: Path
    student: str
    sent: str
    """when, as nbgrader has it in the name; else empty"""
    state: State

    @property
    def came(self) -> datetime:
        """As ``nbgrader collect`` has it here: the name's time is the student's to choose, the kernel's is not."""
        changed = datetime.fromtimestamp(self.state[2] / 1e9, UTC).replace(tzinfo=None)
        return arrival_time.trusted_time(arrival_time.parse_time(self.sent), changed)


@dataclass(slots=True)
class Watch:
    """The folder, and what became of what is in it."""

    grader: Grader
    folder: Path
    say: Callable[[str], None]
    """for a sentence to the instructor"""
    show: Callable[[GradeRecord], None]
    """for each record as it is made"""
    still_s: float = 2.0
    """how long nothing must have changed; an NFS client may show an old size for a while"""
    patience_s: float = 60.0
    """how long it may stay incomplete: then it is graded as it is, and the record says what is wrong with it"""
    _still: dict[Path, tuple[State, float]] = field(default_factory=dict)
    """in which state each was seen first, and when"""
    _done: dict[str, tuple[Path, State]] = field(default_factory=dict)
    _said: set[str] = field(default_factory=set)
    _unwritten: list[GradeRecord] = field(default_factory=list)
    """graded, and not in the gradebook yet"""
    _came: dict[str, datetime] = field(default_factory=dict)
    """when which came through the exchange: late days count from it"""
    _again_at: float = 0.0
    _written_at: float = 0.0

    def run(self, stop: Stop, once: bool = False) -> None:
        """Grade until told to stop, or ``once`` until nothing is left to wait for.

        Raises:
            JailError: another grader is at work on this assignment.
            NoJailError: this machine cannot hold untrusted code.
            SubmissionError: the folder is not there, or must not be read.
            CourseError: at the end the gradebook still cannot be written.
        """
        if not self.folder.is_dir():
            raise SubmissionError(f"{self.folder} is not a folder; name the one that submissions come into.")
        if not os.access(self.folder, os.R_OK | os.X_OK):
            raise SubmissionError(
                f"{self.folder} cannot be read; whoever grades needs the right to, as nbgrader collect."
            )
        _ = self.grader.turn
        while not stop.asked:
            waiting = self.latest()
            for arrival in filter(self._whole, waiting):
                if not stop.asked and time.monotonic() >= self._again_at:
                    self._take(arrival)
                    self._finish(_WRITE_S)
            self._finish()
            if once and not self.latest():
                break
            time.sleep(LOOK_S)
        self._end()

    def latest(self) -> list[Arrival]:
        """The latest of each student that is not dealt with, in order of arrival."""
        newest: dict[str, Arrival] = {}
        try:
            for arrival in sorted(self._arrivals(), key=lambda arrival: arrival.came):
                newest[student_key(arrival.student)] = arrival
        except OSError as error:  # an NFS server that is restarted
            self._say_once(f"{self.folder} cannot be read ({error.strerror}); trying again.")
            return []
        waiting = [a for key, a in newest.items() if self._done.get(key) != (a.path, a.state)]
        return sorted(waiting, key=lambda arrival: arrival.came)

    def _arrivals(self) -> Iterator[Arrival]:
        for entry in sorted(os.scandir(self.folder), key=lambda entry: entry.name):
            if entry.name in IGNORED or _UNFINISHED.search(entry.name):
                continue
            whose, sent = self._whose(entry)
            path, done = Path(entry.path), self._done.get(student_key(whose))
            if whose and sent and done and done[0] == path:  # what was sent is what it was then, whatever it is now
                yield Arrival(path, whose, sent, done[1])
            elif whose:
                try:
                    yield Arrival(path, whose, sent, _state(path))
                except FileNotFoundError:  # gone meanwhile
                    continue
                except OSError as error:  # the folder's rights: no fault of the student's
                    self._say_once(f"{filename(entry.name)} cannot be read ({error.strerror}); it waits.")

    def _whose(self, entry: os.DirEntry[str]) -> tuple[str, str]:
        """The student, and when it was sent; no student if it is none of ours."""
        if found := INBOUND.fullmatch(entry.name):
            if found["assignment"] != self.grader.assignment.name:
                return "", ""
            if owner := _somebody_else(entry, found["student"]):
                self._say_once(
                    f"{filename(entry.name)} belongs to {owner} and not to {found['student']}; it is left out."
                )
                return "", ""
            return found["student"], found["time"]
        if not entry.is_dir(follow_symlinks=False) and not entry.name.lower().endswith(".zip"):
            self._say_once(f"{filename(entry.name)} is neither a folder nor a zip; it is left out.")
            return "", ""
        named = lms_downloads.parse_name(entry.name) or lms_downloads.parse_name(f"{entry.name}/x")
        return (named.student if named else intake.student_name(Path(entry.path))), ""

    def _whole(self, arrival: Arrival) -> bool:
        """Whether nothing has changed for a while, and all is there that must be."""
        now = time.monotonic()
        state, since = self._still.get(arrival.path, (None, now))
        if state != arrival.state:
            self._still[arrival.path] = arrival.state, now
            return False
        return now - since >= (self.still_s if _complete(arrival) else self.patience_s)

    def _take(self, arrival: Arrival) -> None:
        """Do what it needs since it was graded last, if it was."""
        key = student_key(arrival.student)
        try:
            job = batch.job(self.grader, arrival.path, arrival.student)
            if job.need != "nothing":
                record = batch.do(self.grader, job)
                self._unwritten.append(record)
                self.show(record)
            if arrival.sent:  # what anybody copied into another folder says nothing of when it came
                self._came[arrival.student] = arrival.came
            if not arrival.path.exists() or _state(arrival.path) == arrival.state:
                self._done[key] = arrival.path, arrival.state  # else it changed while it was read: once more
        except NoJailError:
            raise
        except (GradepropError, OSError) as error:
            self._again_at = time.monotonic() + _AGAIN_S
            self.say(f"{arrival.student}: {error} Trying again in {_AGAIN_S:.0f} s.")

    def _finish(self, after_s: float = 0.0) -> None:
        """Table and gradebook, if ``after_s`` have passed since; also what an interrupted run left out."""
        now = time.monotonic()
        if (self._unwritten or self.grader.turn.interrupted) and now >= max(self._again_at, self._written_at + after_s):
            try:
                self._end()
            except GradepropError as error:
                self._again_at = now + _AGAIN_S
                self._say_once(str(error))
            self._written_at = now
            self.grader.turn.begin()  # still at work, for whoever wants the turn

    def _end(self) -> None:
        if self._unwritten or self.grader.turn.interrupted:
            if self._came:
                db_url, cells = gradebook_db.url(self.grader.paths.course), writable(self.grader.cells)
                gradebook.register_submissions(self._came, self.grader.assignment, cells, db_url)
            batch.finish(self.grader, self._unwritten)
            self._unwritten.clear()
            self._came.clear()
        self.grader.turn.end()

    def _say_once(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            self.say(sentence)


def _state(path: Path) -> State:
    """Of all below ``path`` that can be read, no link followed.

    Raises:
        OSError: it cannot be read itself.
    """
    status = path.lstat()
    count, size, changed = 1, status.st_size, status.st_ctime_ns
    os.close(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC))
    folders = [str(path)] if stat.S_ISDIR(status.st_mode) else []
    while folders and count < MAX_ENTRIES:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as found:
            for entry in found:
                status = entry.stat(follow_symlinks=False)
                count, size, changed = count + 1, size + status.st_size, max(changed, status.st_ctime_ns)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
    return count, size, changed


def _complete(arrival: Arrival) -> bool:
    """A zip has its list of contents at its end; ``nbgrader submit`` writes the time last."""
    if arrival.sent:
        return (arrival.path / STAMP).is_file()
    return arrival.path.is_dir() or zipfile.is_zipfile(arrival.path)


def _somebody_else(entry: os.DirEntry[str], student: str) -> str:
    """Who handed it in, where the machine has an account for the student and it is another's; else empty.

    Anybody may make a folder with anybody's name in the exchange; whose it is, only the kernel says.
    """
    with contextlib.suppress(KeyError):
        owner = entry.stat(follow_symlinks=False).st_uid
        if owner not in (0, os.getuid(), pwd.getpwnam(student).pw_uid):
            return _account(owner)
    return ""


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"the user {uid}"
