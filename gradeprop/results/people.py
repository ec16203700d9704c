"""The students of a course, and what an instructor decides about one: extensions, waivers, excuses, withdrawals.

nbgrader's gradebook has the students and their extensions; ``gradebook_notes`` has the rest. Scores follow at once,
since they are computed; ``refresh`` brings files up to date.
"""

import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from gradeprop.core.errors import CourseError
from gradeprop.core.paths import CoursePaths, student_key
from gradeprop.results import gradebook, gradebook_db
from gradeprop.results.gradebook_db import add_row, api, change, find_or_add
from gradeprop.results.gradebook_notes import Kind, Note, Notes, read_notes, write_note


class Person(NamedTuple):
    """A student as a roster has it; every field but the id may be empty."""

    id: str
    """in the gradebook: the name of the folder with the student's submission"""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms_user_id: str = ""
    """the id that the learning platform uses in its downloads"""

    @property
    def name(self) -> str:
        return " ".join(filter(None, (self.first_name, self.last_name))) or self.id

    @property
    def ids(self) -> frozenset[str]:
        """All texts that identify the student, folded."""
        return frozenset(map(fold, filter(None, (self.id, self.email, self.lms_user_id))))


class Imported(NamedTuple):
    """The effect of a roster on the gradebook: students by id."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    not_in_roster: tuple[str, ...]


def fold(text: str) -> str:
    """Normalize an id or a name for comparison."""
    return " ".join(text.split()).casefold()


def everyone(course: CoursePaths) -> list[Person]:
    """Return all students of the gradebook, by id; none if there is no gradebook."""
    url = gradebook_db.url(course)
    return change(url, _people) if gradebook_db.exists(url) else []


def notes(course: CoursePaths) -> Notes:
    """Return all decisions that the gradebook has."""
    return change(gradebook_db.url(course), read_notes)


def find(course: CoursePaths, text: str) -> Person:
    """Return the student with this id, name, e-mail address or id in the platform.

    Raises:
        CourseError: there is none, or there are several.
    """
    people = everyone(course)
    found = [one for one in people if one.id == text] or [
        one for one in people if fold(text) in one.ids | {fold(one.name), fold(f"{one.last_name}, {one.first_name}")}
    ]
    where = gradebook_db.hide_password(gradebook_db.url(course))
    if len(found) > 1:
        raise CourseError(f"{text!r} may be {' or '.join(one.id for one in found)}; give the id", where)
    if not found:
        names = {fold(name): one.id for one in people for name in (one.id, one.name)}
        close = sorted({names[name] for name in difflib.get_close_matches(fold(text), names, n=5)})
        hint = f"; did you mean {' or '.join(close)}?" if close else "; gradeprop roster import FILE adds students"
        raise CourseError(f"there is no student {text!r}{hint}", where)
    return found[0]


def ids_of(course: CoursePaths, names: Iterable[str]) -> dict[str, str]:
    """Return the student of each submission that is not named by the id in the gradebook: name → that id.

    The name may be the id in the platform, the e-mail address, or the part of an address before the @, if only one
    student has it.
    """
    people, found = everyone(course), defaultdict[str, set[str]](set)
    for one in people:
        for text in filter(
            None, (one.lms_user_id, one.email, *(each.partition("@")[0] for each in (one.id, one.email)))
        ):
            found[fold(text)].add(one.id)
    known = {one.id for one in people}
    only = {text: ids.pop() for text, ids in found.items() if len(ids) == 1}
    return {name: only[fold(name)] for name in names if name not in known and fold(name) in only}


def import_roster(
    course: CoursePaths, roster: Sequence[tuple[Person, frozenset[str]]], file: Path | None = None
) -> Imported:
    """Add the students of a roster, and complete the names and ids of those that the gradebook has.

    Args:
        course: of the gradebook, which is created if there is none.
        roster: each student, and every id in the row, by which a student of the gradebook is recognized.
        file: the roster's file, for the message of an error.

    Raises:
        CourseError: two rows are the same student, or the gradebook cannot be written.
    """
    url = gradebook_db.url(course)
    return change(url, lambda session: _import(session, roster, str(file or gradebook_db.hide_password(url))))


def _import(session: Any, roster: Sequence[tuple[Person, frozenset[str]]], where: str) -> Imported:
    rows = {row.id: row for row in session.query(api.Student)}
    known = {identifier: person.id for person in _people(session) for identifier in person.ids}
    matched: dict[str, Person] = {}
    added, changed = [], []
    for person, identifiers in roster:
        student = next((known[each] for each in sorted(identifiers) if each in known), None)
        if student is None:
            student = gradebook.student_id(student_key(person.id))
            rows[student] = add_row(session, api.Student, id=student)
            added.append(student)
        if student in matched:
            raise CourseError(f"the roster has {student!r} twice: {matched[student].name} and {person.name}", where)
        matched[student] = person
        fields = {name: value for name, value in person._asdict().items() if value and name != "id"}
        if any(getattr(rows[student], name) != value for name, value in fields.items()) and student not in added:
            changed.append(student)
        for name, value in fields.items():
            setattr(rows[student], name, value)
    unchanged = matched.keys() - {*added, *changed}
    rest = rows.keys() - matched.keys()
    return Imported(*(tuple(sorted(each)) for each in (added, changed, unchanged, rest)))


def extend(course: CoursePaths, student: str, assignment: str, by: timedelta | None, reason: str = "") -> None:
    """Set a student's extension in nbgrader's own field; None removes it.

    Raises:
        CourseError: the gradebook cannot be written.
    """

    def write(session: Any) -> None:
        row = _submission(session, student, assignment)
        row.extension = by
        write_note(session, Note(student, assignment, "extended", reason=reason), undo=not by)

    change(gradebook_db.url(course), write)


def set_arrival(course: CoursePaths, student: str, assignment: str, time: datetime) -> None:
    """Set when a submission arrived (naive UTC), as the instructor knows it.

    Raises:
        CourseError: the gradebook cannot be written.
    """

    def write(session: Any) -> None:
        _submission(session, student, assignment).timestamp = time

    change(gradebook_db.url(course), write)


def due_date(course: CoursePaths, assignment: str) -> datetime | None:
    """Return the due date of an assignment in the gradebook, naive UTC; None if it has none."""

    def look(session: Any) -> datetime | None:
        row = session.query(api.Assignment).filter_by(name=assignment).one_or_none()
        return row.duedate if row else None

    return change(gradebook_db.url(course), look)


def decide(
    course: CoursePaths,
    kind: Kind,
    students: Iterable[str],
    assignment: str = "",
    value: str = "",
    reason: str = "",
    undo: bool = False,
) -> None:
    """Write or remove a note about each of these students.

    Raises:
        CourseError: the gradebook cannot be written.
    """

    def write(session: Any) -> None:
        for student in students:
            write_note(session, Note(student, assignment, kind, value, reason), undo)

    change(gradebook_db.url(course), write)


def mark_late(course: CoursePaths, assignment: str, late: Mapping[str, bool]) -> None:
    """Note which submissions the platform calls late, by student; those in time lose the note.

    Raises:
        CourseError: the gradebook cannot be written.
    """

    def write(session: Any) -> None:
        for student, is_late in late.items():
            note = Note(student, assignment, "late", reason="according to the platform")
            write_note(session, note, undo=not is_late)

    change(gradebook_db.url(course), write)


def _submission(session: Any, student: str, assignment: str) -> Any:
    """Return nbgrader's row for a student's submission; without a notebook, it counts as not submitted."""
    one = find_or_add(session, api.Assignment, name=assignment)
    session.flush()
    return find_or_add(session, api.SubmittedAssignment, assignment_id=one.id, student_id=student)


def _people(session: Any) -> list[Person]:
    rows = session.query(api.Student).order_by(api.Student.id)
    return [Person(*(getattr(row, name) or "" for name in Person._fields)) for row in rows]
