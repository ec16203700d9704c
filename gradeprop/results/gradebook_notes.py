"""Decisions about students that nbgrader has no field for, in a table of our own in its database.

    excused     an assignment that the student need not submit
    waived      the late penalty of an assignment is not subtracted
    late        the platform says that the submission is late; counts while its arrival time is unknown
    extended    why the student got an extension, which itself is nbgrader's own field
    group       the students of a group share one submission of an assignment; the value names the group
    withdrawn   the student has left the course; the assignment is ""

nbgrader's own commands leave a table alone that they do not know. Students are referred to by their ids, so a note
outlives ``nbgrader db student remove``, and means nothing until the student is back.
"""

from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import Column, DateTime, MetaData, String, Table, Text, inspect

Kind = Literal["excused", "waived", "late", "extended", "group", "withdrawn"]

_TABLE = Table(
    "gradeprop_note",
    MetaData(),
    Column("student", String(128), primary_key=True),
    Column("assignment", String(128), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("value", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("written", DateTime, nullable=False),
)


class Note(NamedTuple):
    """One decision about one student."""

    student: str
    assignment: str
    """empty for the whole course"""
    kind: Kind
    value: str = ""
    reason: str = ""
    written: datetime = datetime.min
    """naive UTC"""


class Notes(dict[tuple[str, str, Kind], Note]):
    """All notes of a gradebook, by student, assignment and kind."""

    def has(self, student: str, kind: Kind, assignment: str = "") -> bool:
        """Return True if there is such a note."""
        return (student, assignment, kind) in self

    def group(self, student: str, assignment: str) -> frozenset[str]:
        """Return the other members of a student's group; none without a group."""
        if not (own := self.get((student, assignment, "group"))):
            return frozenset()
        same = (note for note in self.values() if note._replace(student=student)[:4] == own[:4])
        return frozenset(note.student for note in same) - {student}


def read_notes(session: Any) -> Notes:
    """Read all notes from an open database; none if nothing was ever written."""
    connection = session.connection()
    if not inspect(connection).has_table(_TABLE.name):
        return Notes()
    notes = (Note(*row) for row in connection.execute(_TABLE.select()))
    return Notes({(note.student, note.assignment, note.kind): note for note in notes})


def write_note(session: Any, note: Note, undo: bool = False) -> None:
    """Replace the note for the same student, assignment and kind, or only remove it; the caller commits."""
    _TABLE.create(session.connection(), checkfirst=True)
    same = (_TABLE.c.student == note.student) & (_TABLE.c.assignment == note.assignment) & (_TABLE.c.kind == note.kind)
    session.execute(_TABLE.delete().where(same))
    if not undo:
        written = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        session.execute(_TABLE.insert().values(note._replace(written=written)._asdict()))
