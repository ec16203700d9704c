"""The feedback pages of an assignment, and the ways to their students: a zip, a folder, Canvas, GitHub.

A student's pages are our own feedback page and, if nbgrader has made it, the notebook with the comments of people. Each
is one HTML file with all its figures inside.
"""

import csv
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gradeprop.core.errors import CourseError, RejectedError
from gradeprop.core.paths import AssignmentPaths
from gradeprop.core.sanitize import for_csv_cell
from gradeprop.core.storage import read_bytes, write_bytes
from gradeprop.integrations.lms.roster import Roster
from gradeprop.integrations.push.journal import Journal
from gradeprop.integrations.push.scores import Delivery, State, send_all
from gradeprop.integrations.push.web import retry
from gradeprop.results.gradebook import student_id
from gradeprop.results.score import Graded

_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class StudentPages:
    """All files for one student."""

    student: str
    key: str
    """the student's name, as the name of a folder"""
    other_ids: tuple[str, ...]
    """the id in the learning platform and the e-mail address, if the gradebook has them"""
    pages: tuple[Path, ...]


def collect_pages(
    paths: AssignmentPaths, graded: Sequence[Graded], left_out: frozenset[str] = frozenset()
) -> tuple[list[StudentPages], list[str]]:
    """Collect the pages of everyone who has a grade, all members of a group included, and name the students on hold.

    Raises:
        CourseError: nobody has a grade, a record cannot be read, or ``left_out`` names a student without one.
    """
    if unknown := left_out - {record.student for record, _ in graded}:
        raise CourseError(f"--leave-out names {', '.join(sorted(unknown))}, who submitted nothing", paths.autograded)
    found, on_hold = [], []
    for record, score in graded:
        student = paths.student(record.key)
        if record.student in left_out:
            continue
        if record.status != "graded" or not student.feedback.is_file():
            on_hold.append(record.student)
            continue
        pages = filter(Path.is_file, (student.feedback, paths.notebook_feedback(student_id(record.key))))
        found.append(StudentPages(record.student, record.key, score.other_ids, tuple(pages)))
    if not found:
        raise CourseError("nobody has a grade yet, so there are no feedback pages", paths.autograded)
    return found, on_hold


def moodle_zip(
    everyone: Sequence[StudentPages], roster: Roster | None, tick: Callable[[], None]
) -> tuple[bytes, list[str]]:
    """Return the zip that Moodle's *Upload multiple feedback files in a zip* reads, and the students left out.

    Without the worksheet as roster, students must be called by their participant numbers, as Moodle's download does.
    Source: moodle/moodle, mod/assign/feedback/file/importziplib.php.

    Raises:
        CourseError: the roster does not fit, or students are not called by numbers.
    """
    numbers = _participants(everyone, roster)
    data, left_out = io.BytesIO(), []
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in everyone:
            tick()
            if not (number := numbers.get(one.student)):
                left_out.append(one.student)
                continue
            for page in one.pages:
                name = f"Participant_{number}_assignfeedback_file_/{page.name}"
                info = zipfile.ZipInfo(name, _EPOCH)
                info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(info, read_bytes(page))
    return data.getvalue(), left_out


def _participants(everyone: Sequence[StudentPages], roster: Roster | None) -> dict[str, str]:
    """Return the participant number of each student."""
    if roster is None:
        named = [one.student for one in everyone if not (one.student.isascii() and one.student.isdecimal())]
        if named:
            message = (
                f"{named[0]!r} is not a participant number of Moodle's; download the grading worksheet of the "
                "assignment and name it with --roster"
            )
            raise CourseError(message, "feedback")
        return {one.student: one.student for one in everyone}
    if "Identifier" not in roster.titles:
        message = "is not a grading worksheet; the gradebook's export has no participant numbers"
        raise CourseError(message, roster.file)
    column = roster.titles.index("Identifier")
    rows = roster.find_rows((one.student, one.other_ids) for one in everyone)
    return {student: "".join(filter(str.isdecimal, roster.rows[row][column])) for student, row in rows.items()}


def write_folder(everyone: Sequence[StudentPages], folder: Path, tick: Callable[[], None]) -> Path:
    """Write a folder per student, and a table for a mail merge; return the table.

    Raises:
        JailError: a file cannot be written.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(["student", "email", "files"])
    for one in everyone:
        tick()
        for page in one.pages:
            write_bytes(read_bytes(page), folder / one.key / page.name)
        mails = [name for name in (*one.other_ids, one.student) if "@" in name]
        files = "; ".join(f"{one.key}/{page.name}" for page in one.pages)
        table.writerow(map(for_csv_cell, [one.student, *(mails[:1] or [""]), files]))
    write_bytes(text.getvalue().encode("utf-8-sig"), where := folder / "students.csv")
    return where


class PageTarget(Protocol):
    """A platform that keeps files for each student."""

    column: str
    """the address of the assignment, for the journal"""

    def users(self, everyone: Sequence[StudentPages]) -> Mapping[str, str]:
        """Return the student's id on the platform, for those who are there: student → id."""

    def has(self, user: str, name: str, data: bytes) -> bool:
        """Return True if the student has this file already."""

    def send_page(self, user: str, name: str, data: bytes) -> None:
        """Send a file to one student.

        Raises:
            RejectedError: the platform rejects it for this student.
            PlatformError: the platform refuses or fails.
        """


def plan_pages(target: PageTarget, everyone: Sequence[StudentPages], assignment: str) -> list[Delivery]:
    """Find out which page goes to whom; nothing is sent."""
    users = target.users(everyone)
    deliveries = []
    for one in everyone:
        for page in one.pages:
            user, data = users.get(one.student, ""), read_bytes(page)
            name = page_name(assignment, page, data)
            there = bool(user) and _has(target, user, name, data)
            state = State.NOT_LISTED if not user else State.THERE if there else State.TO_SEND
            deliveries.append(Delivery(one.student, user, None, 1.0, None, state, name))
    return deliveries


def _has(target: PageTarget, user: str, name: str, data: bytes) -> bool:
    """Return True if the student has the page; a student whom the platform rejects has none, as sending will show."""
    try:
        return retry(lambda: target.has(user, name, data))
    except RejectedError:
        return False


def page_name(assignment: str, page: Path, data: bytes) -> str:
    """Name a page by its content, so that a platform's list of names says what was delivered."""
    return f"{assignment}-{page.stem}-{hashlib.sha256(data).hexdigest()[:8]}.html"


def send_pages(
    target: PageTarget,
    everyone: Sequence[StudentPages],
    deliveries: Sequence[Delivery],
    assignment: str,
    journal: Journal,
    tick: Callable[[], None],
) -> Iterator[Delivery]:
    """Send the pages that are to be sent.

    Raises:
        PlatformError: the platform refuses every request, or does not answer; what was sent before is noted.
    """
    contents = {
        (one.student, page_name(assignment, page, data := read_bytes(page))): data
        for one in everyone
        for page in one.pages
    }

    def send(one: Delivery) -> None:
        target.send_page(one.user, one.what, contents[one.student, one.what])

    return send_all(send, deliveries, journal, tick)
