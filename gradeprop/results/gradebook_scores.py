"""nbgrader's database → the scores of an assignment: what a person gave, late penalties, and what still waits."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from gradeprop.core.errors import CourseError
from gradeprop.results import gradebook_db
from gradeprop.results.gradebook_db import api, require_same_version


@dataclass(frozen=True, slots=True)
class Score:
    """What one student has in one assignment."""

    student: str
    """as the gradebook calls them"""
    names: tuple[str, ...]
    """what else the gradebook knows them by: e-mail, the learning platform's id"""
    points: dict[str, float]
    """by question, those that wait for a person left out"""
    waiting: tuple[str, ...]
    """questions without a score yet, or with one that a person is to look at"""
    penalty: float

    @property
    def total(self) -> float | None:
        """After the late penalty; none while anything waits: an unfinished sum would be taken for the grade."""
        return None if self.waiting else max(0.0, sum(self.points.values()) - self.penalty)


@dataclass(frozen=True, slots=True)
class AssignmentScores:
    """One assignment."""

    name: str
    most: dict[str, float]
    """points to be had, by question"""
    scores: tuple[Score, ...]


def read(db_url: str, names: Sequence[str] = ()) -> list[AssignmentScores]:
    """The sheets of these assignments, or of all that have a submission; nothing is written.

    Raises:
        CourseError: the database is not there, is of another version of nbgrader, is locked; or has no such assignment.
    """
    if (file := re.match(r"sqlite:///(.+)", db_url)) and not Path(file[1]).is_file():
        raise CourseError("there is no gradebook yet; gradeprop grade makes it", file[1])
    engine = create_engine(db_url)
    try:
        require_same_version(engine, db_url)
        with Session(engine) as session:
            return sheets(session, names, gradebook_db.hide_password(db_url))
    except DatabaseError as error:
        raise CourseError(
            f"the gradebook cannot be read: {str(error).splitlines()[0]}", gradebook_db.hide_password(db_url)
        ) from error
    finally:
        engine.dispose()


def sheets(session: Any, names: Sequence[str], where: str) -> list[AssignmentScores]:
    """As ``read``, of a database that is open."""
    assignments = {row.name: row for row in session.query(api.Assignment).order_by(api.Assignment.id)}
    if unknown := [name for name in names if name not in assignments]:
        known = ", ".join(assignments) or "none"
        raise CourseError(f"nothing of {', '.join(unknown)} has been graded; it holds: {known}", where)
    found = [_sheet(assignments[name]) for name in names or assignments]
    return [sheet for sheet in found if sheet.scores or names]


def _sheet(assignment: Any) -> AssignmentScores:
    cells = [cell for notebook in assignment.notebooks for cell in (*notebook.grade_cells, *notebook.task_cells)]
    most = {cell.name: float(cell.max_score) for cell in sorted(cells, key=lambda cell: str(cell.name))}
    scores = sorted((_score(submission, most) for submission in assignment.submissions), key=lambda one: one.student)
    return AssignmentScores(assignment.name, most, tuple(scores))


def _score(submission: Any, most: dict[str, float]) -> Score:
    grades = {grade.name: grade for notebook in submission.notebooks for grade in notebook.grades}
    done = {name for name, grade in grades.items() if _scored(grade) and not grade.needs_manual_grade}
    student = submission.student
    return Score(
        student=student.id,
        names=tuple(name for name in (student.lms_user_id, student.email) if name),
        points={name: float(grades[name].score) for name in most if name in done},
        waiting=tuple(name for name in most if name not in done),
        penalty=float(submission.late_submission_penalty or 0.0),
    )


def _scored(grade: Any) -> bool:
    return grade.manual_score is not None or grade.auto_score is not None
