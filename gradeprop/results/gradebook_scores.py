"""The scores of an assignment, computed from nbgrader's database: the grades in it, times, extensions and notes.

``read_course`` computes late penalties by the policies of the course, as they are now. ``read`` without a course takes
the penalties that the database has; ``refresh`` keeps them up to date.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from gradeprop.core.assignment import LatePolicy
from gradeprop.core.errors import CourseError
from gradeprop.core.paths import CoursePaths
from gradeprop.course import config
from gradeprop.results import late_penalty
from gradeprop.results.gradebook_db import api, connect, hide_password, require_same_version, select_of_assignment
from gradeprop.results.gradebook_db import url as gradebook_url
from gradeprop.results.gradebook_notes import Notes, read_notes
from gradeprop.results.late_penalty import Lateness
from gradeprop.results.score import AssignmentScores, CellGrade, StudentScore, combine

Policies = Mapping[str, LatePolicy]


def read_course(course: CoursePaths, names: Sequence[str] = ()) -> list[AssignmentScores]:
    """Read the scores of these assignments of a course, or of all that have a submission; nothing is written.

    Raises:
        CourseError: as ``read``, or the configuration cannot be read.
    """
    return read(gradebook_url(course), names, policies_of(course))


def policies_of(course: CoursePaths) -> Policies:
    """Return the late policy of each assignment of a course, in the order of course.toml.

    Raises:
        CourseError: the configuration cannot be read.
    """
    return {name: config.read_assignment(course, name).late for name in config.read_course(course).assignments}


def read(db_url: str, names: Sequence[str] = (), policies: Policies | None = None) -> list[AssignmentScores]:
    """Read the scores of these assignments, or of all that have a submission; nothing is written.

    Args:
        policies: late policy of each assignment; without them, the penalties are those that the database has.

    Raises:
        CourseError: there is no database, it is locked or of another version of nbgrader, or lacks an assignment.
    """
    if (file := re.match(r"sqlite:///(.+)", db_url)) and not Path(file[1]).is_file():
        raise CourseError("there is no gradebook yet; gradeprop grade creates it", file[1])
    try:
        with connect(db_url) as connection, Session(connection) as session:
            require_same_version(connection, db_url)
            return read_session(session, names, hide_password(db_url), policies)
    except DatabaseError as error:
        message = f"the gradebook cannot be read: {str(error).splitlines()[0]}"
        raise CourseError(message, hide_password(db_url)) from error


def read_session(
    session: Any, names: Sequence[str], where: str, policies: Policies | None = None
) -> list[AssignmentScores]:
    """Read scores as ``read`` does, from an open database.

    Args:
        where: the address of the database, for messages.

    Raises:
        CourseError: the database lacks one of the assignments.
    """
    assignments = {row.name: row for row in session.query(api.Assignment).order_by(api.Assignment.id)}
    if unknown := [name for name in names if name not in assignments]:
        known = ", ".join(assignments) or "no assignment"
        raise CourseError(f"the gradebook has no grades for {', '.join(unknown)}; it has: {known}", where)
    book = _Book(session, policies or {}, read_notes(session))
    scores = [_assignment_scores(book, assignments[name]) for name in names or assignments]
    return [one for one in scores if one.scores or names]


@dataclass
class _Book:
    """An open gradebook, with what all assignments need of it."""

    session: Any
    policies: Policies
    notes: Notes

    @cached_property
    def students(self) -> dict[str, Any]:
        return {row.id: row for row in self.session.query(api.Student)}

    @cached_property
    def submissions(self) -> dict[str, dict[str, Any]]:
        """Submissions with a notebook: assignment → student → id, times, and the stored penalty."""
        one, notebook = api.SubmittedAssignment, api.SubmittedNotebook
        query = (
            select(api.Assignment.name, api.Assignment.duedate, one.student_id, one.timestamp, one.extension)
            .add_columns(notebook.late_submission_penalty)
            .join(one, one.assignment_id == api.Assignment.id)
            .join(notebook, notebook.assignment_id == one.id)
        )
        found = defaultdict[str, dict[str, Any]](dict)
        for row in self.session.execute(query):
            found[row.name][row.student_id] = row
        return found

    def submitter(self, assignment: str, student: str) -> str:
        """Return the student whose submission counts: of a group, the one that arrived last; "" if there is none."""
        rows = self.submissions[assignment]
        group = [one for one in sorted({student, *self.notes.group(student, assignment)}) if one in rows]
        return max(group, key=lambda one: (rows[one].timestamp or datetime.min, one == student), default="")

    @cached_property
    def lateness(self) -> dict[tuple[str, str], Lateness]:
        """How late each submission is, by student and assignment, with free days spent on the earliest due dates."""
        dues = {name: next((row.duedate for row in rows.values()), None) for name, rows in self.submissions.items()}
        order = sorted(self.policies, key=lambda name: dues.get(name) or datetime.max)
        late: dict[tuple[str, str], Lateness] = {}
        for student in self.students:
            names = [name for name in order if self.submitter(name, student)]
            pairs = [(self.policies[name], self._late(name, student)) for name in names]
            paid = late_penalty.spend_free_days(pairs)
            late |= {(student, name): one for name, one in zip(names, paid, strict=True)}
        return late

    def _late(self, assignment: str, student: str) -> Lateness:
        row, policy = self.submissions[assignment][self.submitter(assignment, student)], self.policies[assignment]
        waived = self.notes.has(student, "waived", assignment)
        if row.timestamp is None or row.duedate is None:
            return Lateness(waived=waived, unknown=self.notes.has(student, "late", assignment))
        due = row.duedate + row.extension if row.extension else row.duedate
        seconds = late_penalty.seconds_late(policy, due, row.timestamp)
        return Lateness(days=late_penalty.days_late(policy, seconds), waived=waived)


@dataclass(slots=True)
class _Grades:
    """The grades and comments of one submission."""

    cells: dict[str, CellGrade] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)


def _assignment_scores(book: _Book, assignment: Any) -> AssignmentScores:
    name = assignment.name
    cells = [cell for notebook in assignment.notebooks for cell in (*notebook.grade_cells, *notebook.task_cells)]
    cells.sort(key=lambda cell: str(cell.name))
    max_points = {cell.name: float(cell.max_score) for cell in cells}
    written = frozenset(cell.name for cell in cells if cell.cell_type == "markdown" or cell.type == "TaskCell")
    grades = _grades(book.session, name)
    excused = {student for student in book.students if book.notes.has(student, "excused", name)}
    withdrawn = {student for student in book.students if book.notes.has(student, "withdrawn")}
    policy = known if (known := book.policies.get(name)) and known.is_strict else None
    submitters = {student: one for student in book.students if (one := book.submitter(name, student))}
    scores = []
    for student in sorted((submitters.keys() | excused) - withdrawn):
        submitter = submitters.get(student, student)
        base = replace(
            _person(book.students[student]),
            max_points=max_points,
            written=written,
            comments=grades[submitter].comments,
            late=book.lateness.get((student, name), Lateness()),
            excused=student in excused,
            submitted_by=submitter if submitter != student else "",
        )
        stored = getattr(book.submissions[name].get(submitter), "late_submission_penalty", None)
        scores.append(combine(base, grades[submitter].cells, policy, float(stored or 0.0)))
    absent = sorted(book.students.keys() - submitters.keys() - excused - withdrawn)
    missing = tuple(_person(book.students[student]) for student in absent)
    return AssignmentScores(name, max_points, tuple(scores), tuple(sorted(withdrawn)), missing)


def _person(student: Any) -> StudentScore:
    """Return an empty score with the student's names."""
    others = tuple(name for name in (student.lms_user_id, student.email) if name)
    name = " ".join(filter(None, (student.first_name, student.last_name))) or student.id
    return StudentScore(student.id, others, points={}, ungraded=(), penalty=0.0, name=name)


def _grades(session: Any, assignment: str) -> dict[str, _Grades]:
    """Return the grades and the comments of everyone, by student."""
    found = defaultdict[str, _Grades](_Grades)
    grade, comment = api.Grade, api.Comment
    columns = (grade.auto_score, grade.manual_score, grade.score, grade.needs_manual_grade)
    rows = select_of_assignment(grade, assignment, *columns)
    for student, cell, auto, manual, score, needs_person in session.execute(rows):
        points = None if auto is None and manual is None else float(score)
        found[student].cells[cell] = CellGrade(points, needs_person)
    for student, cell, text in session.execute(select_of_assignment(comment, assignment, comment.manual_comment)):
        if text:
            found[student].comments[cell] = text
    return found
