"""The scores of an assignment as nbgrader's database has them, with scores given by hand and late penalties."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from gradeprop.core.errors import CourseError
from gradeprop.results.gradebook_db import api, hide_password, require_same_version


@dataclass(frozen=True, slots=True)
class StudentScore:
    """The points of one student in one assignment."""

    student: str
    """the student's id in the gradebook"""
    other_ids: tuple[str, ...]
    """the id in the learning platform and the e-mail address, if the gradebook has them"""
    points: dict[str, float]
    """by question, without those in ``ungraded``"""
    ungraded: tuple[str, ...]
    """questions without a score, or with one that a person must look at"""
    penalty: float
    """points taken off for late submission"""

    @property
    def total(self) -> float | None:
        """The points after the late penalty; None while a question is ungraded, so that no partial sum is exported."""
        return None if self.ungraded else max(0.0, sum(self.points.values()) - self.penalty)


@dataclass(frozen=True, slots=True)
class AssignmentScores:
    """The scores of everyone in one assignment."""

    name: str
    max_points: dict[str, float]
    """by question"""
    scores: tuple[StudentScore, ...]
    """sorted by student"""


def read(db_url: str, names: Sequence[str] = ()) -> list[AssignmentScores]:
    """Read the scores of these assignments, or of all that have a submission; nothing is written.

    Raises:
        CourseError: there is no database, it is locked or of another version of nbgrader, or lacks an assignment.
    """
    if (file := re.match(r"sqlite:///(.+)", db_url)) and not Path(file[1]).is_file():
        raise CourseError("there is no gradebook yet; gradeprop grade creates it", file[1])
    engine = create_engine(db_url)
    try:
        with engine.connect() as connection:
            require_same_version(connection, db_url)
        with Session(engine) as session:
            return read_session(session, names, hide_password(db_url))
    except DatabaseError as error:
        message = f"the gradebook cannot be read: {str(error).splitlines()[0]}"
        raise CourseError(message, hide_password(db_url)) from error
    finally:
        engine.dispose()


def read_session(session: Any, names: Sequence[str], where: str) -> list[AssignmentScores]:
    """Read scores as ``read`` does, from an open database.

    Args:
        session: a session of SQLAlchemy.
        names: assignments; all that have a submission if empty.
        where: the address of the database, for messages.

    Raises:
        CourseError: the database lacks one of the assignments.
    """
    assignments = {row.name: row for row in session.query(api.Assignment).order_by(api.Assignment.id)}
    if unknown := [name for name in names if name not in assignments]:
        known = ", ".join(assignments) or "no assignment"
        raise CourseError(f"the gradebook has no grades for {', '.join(unknown)}; it has: {known}", where)
    scores = [_assignment_scores(assignments[name]) for name in names or assignments]
    return [one for one in scores if one.scores or names]


def _assignment_scores(assignment: Any) -> AssignmentScores:
    cells = [cell for notebook in assignment.notebooks for cell in (*notebook.grade_cells, *notebook.task_cells)]
    max_points = {cell.name: float(cell.max_score) for cell in sorted(cells, key=lambda cell: str(cell.name))}
    scores = (_student_score(submission, max_points) for submission in assignment.submissions)
    return AssignmentScores(assignment.name, max_points, tuple(sorted(scores, key=lambda score: score.student)))


def _student_score(submission: Any, max_points: dict[str, float]) -> StudentScore:
    grades = {grade.name: grade for notebook in submission.notebooks for grade in notebook.grades}
    done = {name for name, grade in grades.items() if _has_score(grade) and not grade.needs_manual_grade}
    student = submission.student
    return StudentScore(
        student=student.id,
        other_ids=tuple(name for name in (student.lms_user_id, student.email) if name),
        points={name: float(grades[name].score) for name in max_points if name in done},
        ungraded=tuple(name for name in max_points if name not in done),
        penalty=float(submission.late_submission_penalty or 0.0),
    )


def _has_score(grade: Any) -> bool:
    return grade.manual_score is not None or grade.auto_score is not None
