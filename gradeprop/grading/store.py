"""The results of one class on disk: a folder for each student, which is replaced in one step.

    .lock             RunLock: one run at a time
    .grading-…/       a replacement in progress: new/, and the student's old/ folder
    .copies/<key>/    safe copies that the plan has made and no grader has used yet
    <key>/            a student's results, complete or absent whenever a process is killed

``StudentFolders`` replaces folders and takes no lock: graders in parallel share it. ``Store`` adds the lock, and
belongs to the process that grades the class.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import msgspec

from gradeprop.core import storage
from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import CourseError, JailError, NoJailError
from gradeprop.core.models import GradeRecord, Regrade, Submission, Unattributed
from gradeprop.core.paths import StudentPaths
from gradeprop.grading import scoring
from gradeprop.grading.run_lock import RunLock
from gradeprop.grading.settings import RunSettings
from gradeprop.results import feedback
from gradeprop.results.unattributed import read_unattributed

_ASIDE, _COPIES = ".grading-", ".copies"
_INTERRUPTED = "An earlier run was interrupted while it graded this submission; grade it again."


def write_result(assignment: Assignment, record: GradeRecord, files: StudentPaths) -> None:
    """Write the feedback page and then the record, which says that everything is there.

    Raises:
        JailError: the disk does not take them.
    """
    feedback.write_feedback(assignment, record, files.feedback)
    storage.write(record, files.record)


@dataclass(frozen=True, slots=True)
class StudentFolders:
    """The students' folders of one run."""

    settings: RunSettings

    def student(self, key: str) -> StudentPaths:
        return StudentPaths(self.settings.results / key)

    def copy_folder(self, key: str) -> Path:
        """Return the folder for a safe copy that waits to be graded."""
        return self.settings.results / _COPIES / key

    def hold(self, submission: Submission) -> GradeRecord:
        """Keep a submission that a person must look at: beside the older grade, which stands, or as its own record.

        Raises:
            JailError: the files cannot be written.
        """
        files, copy = self.student(submission.key), self.copy_folder(submission.key)
        old = None
        with contextlib.suppress(CourseError):  # a record of an older schema
            old = storage.read(GradeRecord, files.record) if files.record.is_file() else None
        record = scoring.needs_attention(self.settings.assignment, submission, old)
        with self.replace(submission.key, copy_old=record.held is not None) as files:
            place = files.held if record.held else files.submitted
            shutil.rmtree(place, ignore_errors=True)
            if copy.is_dir():
                copy.rename(place)
            write_result(self.settings.assignment, record, files)
        return record

    @contextlib.contextmanager
    def replace(self, key: str, copy_old: bool = False) -> Iterator[StudentPaths]:
        """Yield a new folder that takes the place of a student's old one at the end, in one step.

        The new one is empty, and the old one is moved aside first, so that no old grade stands for a new submission.
        With ``copy_old`` the new one starts as a copy, and the old one stays until the end.

        Raises:
            JailError: the files cannot be written.
        """
        place = self.student(key).folder
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            aside = Path(tempfile.mkdtemp(prefix=_ASIDE, dir=place.parent))
            new, old = aside / "new", aside / "old"
            try:
                if copy_old:
                    shutil.copytree(place, new, copy_function=_link)
                else:
                    if place.exists():
                        place.rename(old)
                    new.mkdir()
                yield StudentPaths(new)
                if copy_old:
                    place.rename(old)
                new.rename(place)
                shutil.rmtree(aside, ignore_errors=True)
            except NoJailError:  # nothing can be graded on this machine, so the old grade stays
                if old.exists():
                    old.rename(place)
                shutil.rmtree(aside, ignore_errors=True)
                raise
            except BaseException:
                with contextlib.suppress(JailError, OSError):  # a full disk: the next run recovers
                    self.recover(aside)
                raise
        except OSError as error:
            message = f"the files of {key!r} cannot be written to {place.parent}: {error.strerror or error}"
            raise JailError(message) from error

    def recover(self, aside: Path) -> None:
        """Complete or undo an interrupted replacement.

        A student whose old grade was moved aside, and who has no new one, becomes *not graded*.
        """
        new, old = StudentPaths(aside / "new"), StudentPaths(aside / "old")
        with contextlib.suppress(CourseError):  # a record of an older schema
            if old.record.is_file() and not new.record.is_file():
                shutil.rmtree(new.folder, ignore_errors=True)
                submission = scoring.unread(storage.read(GradeRecord, old.record).student)
                assignment = self.settings.assignment
                write_result(assignment, scoring.not_graded(assignment, submission, _INTERRUPTED), new)
            if new.record.is_file():  # it is written last, so the folder is complete
                place = self.student(storage.read(GradeRecord, new.record).key).folder
                if not place.exists():
                    new.folder.rename(place)
        shutil.rmtree(aside, ignore_errors=True)


class Store:
    """The results of a class, locked for one run; use it as a context manager.

    It remembers each record that it reads and each that the run adds, so no record is read twice.
    """

    def __init__(self, settings: RunSettings) -> None:
        self.settings, self.folders = settings, StudentFolders(settings)
        self._records: dict[str, GradeRecord] = {}

    def __enter__(self) -> "Store":
        """Take the lock, and recover from interrupted runs.

        Raises:
            JailError: another run is in progress, or the folder cannot be written.
        """
        with contextlib.ExitStack() as stack:
            self.lock = stack.enter_context(RunLock(self.settings.results))
            self.recover()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(JailError, OSError):  # a full disk: the next run recovers
            self.recover()
        self._stack.close()

    def recover(self) -> None:
        """Recover from killed processes: complete or undo their replacements, remove unused copies.

        No other process may be replacing a folder meanwhile.
        """
        self._records.clear()
        for aside in self.settings.results.glob(f"{_ASIDE}*"):
            self.folders.recover(aside)
        shutil.rmtree(self.settings.results / _COPIES, ignore_errors=True)

    def record(self, key: str) -> GradeRecord | None:
        """Return a student's grade record; None if there is none.

        Raises:
            CourseError: the record is of an older schema.
        """
        file = self.folders.student(key).record
        if not file.is_file():
            return None
        if key not in self._records:
            self._records[key] = storage.read(GradeRecord, file)
        return self._records[key]

    def remember(self, record: GradeRecord) -> None:
        """Take a record that a backend has written."""
        self._records[record.key] = record

    def history(self, keys: Iterable[str]) -> dict[str, GradeRecord]:
        """Return the records that students have before a run, as far as they can be read."""
        found = {}
        for key in keys:
            with contextlib.suppress(CourseError):  # a record of an older schema
                if record := self.record(key):
                    found[key] = record
        return found

    def keep_history(self, old: GradeRecord | None, record: GradeRecord, reason: str) -> GradeRecord:
        """Keep the regrades of a student in a new record, and add one if a person gave a reason.

        Raises:
            JailError: the record cannot be written.
        """
        regrades = old.regrades if old else ()
        if reason:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            before = old.points if old else 0.0
            regrades = (*regrades, Regrade(time=now, reason=reason, before=before, after=record.points))
        if regrades != record.regrades:
            record = msgspec.structs.replace(record, regrades=regrades)
            write_result(self.settings.assignment, record, self.folders.student(record.key))
        return record

    def forget(self, key: str) -> None:
        """Read a student's record again when it is needed: an error may have changed it on disk."""
        self._records.pop(key, None)

    def unattributed(self) -> tuple[Unattributed, ...]:
        """Return the possible submissions that a person must assign to a student."""
        return read_unattributed(self.settings.paths)

    def set_unattributed(self, found: Iterable[Unattributed], *searched: Path) -> None:
        """Store what was found in some places, in place of what was found there before."""
        kept = [
            one
            for one in self.unattributed()
            if Path(one.path).exists() and not any(Path(one.path).is_relative_to(place) for place in searched)
        ]
        everything = sorted({one.path: one for one in (*kept, *found)}.values(), key=lambda one: one.path)
        if everything or self.settings.paths.unattributed.exists():
            storage.write_bytes(msgspec.json.encode(everything), self.settings.paths.unattributed)

    def records(self) -> list[GradeRecord]:
        """Return the records of the whole class, by key."""
        files = sorted(self.settings.results.glob("*/record.json"))
        return [record for file in files if (record := self.record(file.parent.name))]


def _link(source: str, target: str) -> None:
    """Give a file a second name, or copy it if the file system has no such names; files are replaced, never changed."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
