"""Grade records in nbgrader's database, where formgrader and ``nbgrader export`` find them.

    graded                  the score of each automatic question in its cell; scores given by hand stay
    any other status        no score, and the cells need manual grading: never a zero, never an old score
    a newer submission      that needs attention: the scores stay, and a person must confirm them

nbgrader's own API commits after every small step, and prints its errors. Therefore this module adds the rows itself,
and commits all those of a record together.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import selectinload

from gradeprop.core import sanitize
from gradeprop.core.assignment import Assignment, Question
from gradeprop.core.errors import CourseError
from gradeprop.core.models import GradeRecord
from gradeprop.core.paths import student_key
from gradeprop.course.notebook import Cell
from gradeprop.results.gradebook_db import (
    PATIENCE_S,
    add_row,
    api,
    change,
    connect,
    find_or_add,
    select_of_assignment,
)

_RECORDS_PER_COMMIT = 50
"""one commit takes as long as writing a few records"""


def student_id(key: str) -> str:
    """Return the student's id in the gradebook: the key, with characters encoded that split or start a CSV formula."""
    return re.sub(r"[,;]|^[=+@-]", lambda match: f"%{ord(match[0]):02X}", key)


def possible_ids(record: GradeRecord) -> tuple[str, ...]:
    """Return the ids that a student may have in the gradebook: the name, if nbgrader collected it, or the encoded key.

    A name that is another student's encoded key is not the first: "a%2C b" must not get the row of "a, b".
    """
    encoded, decoded = student_id(record.key), unquote(record.student)
    is_another = decoded != record.student and student_id(student_key(decoded)) == record.student
    return (encoded,) if is_another else (record.student, encoded)


def write(records: Iterable[GradeRecord], assignment: Assignment, db_url: str, patience_s: float = PATIENCE_S) -> None:
    """Write records to the gradebook at ``db_url``; writing the same records again changes nothing.

    Raises:
        CourseError: the database cannot be written, or has scores given by hand for a question that was removed.
    """
    all_records = tuple(records)
    change(db_url, lambda db: _write_all(db, all_records, assignment), patience_s)


def records_to_write(records: Sequence[GradeRecord], assignment: Assignment, db_url: str) -> list[GradeRecord]:
    """Return the records that the gradebook lacks or has with other scores, after one query for the whole class."""
    if not records:
        return []
    try:
        with connect(db_url) as connection:
            rows = connection.execute(select_of_assignment(api.Grade, assignment.name, api.Grade.auto_score)).all()
    except (SQLAlchemyError, ModuleNotFoundError):  # no tables yet, or unreadable: writing to it reports the reason
        return list(records)
    stored: dict[str, dict[str, float | None]] = {}
    for student, cell, points in rows:
        stored.setdefault(student, {})[cell] = points
    max_points = {question.name: question.points for question in assignment.questions}
    return [
        record
        for record in records
        if next((stored[each] for each in possible_ids(record) if each in stored), None)
        != _cell_scores(record, max_points)
    ]


def _cell_scores(record: GradeRecord, max_points: dict[str, float]) -> dict[str, float | None]:
    """Return the automatic score that each cell should have."""
    earned = _earned(record)
    return {name: _clamped(earned.get(name), points) for name, points in max_points.items()}


def _earned(record: GradeRecord) -> dict[str, float]:
    return {score.name: score.points for score in record.questions} if record.status == "graded" else {}


def register_submissions(
    arrivals: Mapping[str, datetime | None], assignment: Assignment, solutions: Iterable[str], db_url: str
) -> None:
    """Add rows for submissions, under the names that nbgrader uses for their students, with their arrival times.

    Args:
        arrivals: by student; naive UTC, as nbgrader stores it; None keeps the stored time.
        assignment: its questions become graded cells.
        solutions: names of the cells that students write in, so that people can comment on them.

    Raises:
        CourseError: as ``write``.
    """
    names = frozenset(solutions)

    def register(db: Any) -> None:
        notebook = _sync_questions(db, assignment)
        for name in names - {cell.name for cell in notebook.solution_cells}:
            db.add(api.SolutionCell(name=name, notebook=notebook))
        db.commit()
        rows = _Rows.load(db, notebook)
        for student, arrival in arrivals.items():
            submitted = rows.of(db, notebook, student)
            submitted.assignment.timestamp = arrival or submitted.assignment.timestamp
            for cell in _graded_cells(notebook):
                find_or_add(db, api.Grade, cell=cell, notebook=submitted)
            for cell in (*notebook.solution_cells, *notebook.task_cells):
                find_or_add(db, api.Comment, cell=cell, notebook=submitted)
            db.commit()

    change(db_url, register)


def register_notebook_cells(
    assignment: Assignment, cells: Sequence[Cell], db_url: str, patience_s: float = PATIENCE_S
) -> None:
    """Add a notebook's cells if it already has submissions: nbgrader itself refuses to add cells then.

    Raises:
        CourseError: as ``write``.
    """

    def add_cells(db: Any) -> None:
        if db.query(api.SubmittedAssignment).join(api.Assignment).filter_by(name=assignment.name).count() == 0:
            return
        notebook = _sync_questions(db, assignment)
        for cell in cells:
            if cell.solution:
                find_or_add(db, api.SolutionCell, name=cell.grade_id, notebook=notebook)
            known = db.query(api.SourceCell).filter_by(name=cell.grade_id, notebook=notebook).count()
            if not known and (cell.grade or cell.solution or cell.locked):
                db.add(api.SourceCell(name=cell.grade_id, notebook=notebook, cell_type=cell.cell_type))

    change(db_url, add_cells, patience_s)


def _write_all(db: Any, records: Sequence[GradeRecord], assignment: Assignment) -> None:
    notebook = _sync_questions(db, assignment)
    rows = _Rows.load(db, notebook)
    for number, record in enumerate(records, 1):
        _write_one(db, notebook, rows, record, assignment)
        if number % _RECORDS_PER_COMMIT == 0:
            db.commit()


@dataclass(frozen=True, slots=True)
class _Rows:
    """The students of a gradebook and their submissions of one notebook, loaded by a few queries."""

    students: dict[str, Any]
    assignments: dict[str, Any]
    """submitted assignments, by student"""
    notebooks: dict[str, Any]
    """submitted notebooks, by student"""

    @classmethod
    def load(cls, db: Any, notebook: Any) -> "_Rows":
        db().expire_on_commit = False  # else each commit would load every row again
        kind = api.SubmittedNotebook
        # one query for both: another writer may add rows between two
        join = (kind.assignment_id == api.SubmittedAssignment.id) & (kind.notebook_id == notebook.id)
        pairs = db.query(api.SubmittedAssignment, kind).outerjoin(kind, join)
        pairs = pairs.filter(api.SubmittedAssignment.assignment == notebook.assignment)
        pairs = pairs.options(selectinload(kind.grades), selectinload(kind.comments)).all()
        return cls(
            {row.id: row for row in db.query(api.Student)},
            {submitted.student_id: submitted for submitted, _ in pairs},
            {submitted.student_id: row for submitted, row in pairs if row is not None},
        )

    def of(self, db: Any, notebook: Any, name: str) -> Any:
        """Return the submitted notebook of a student, and add the rows that are missing."""
        if name not in self.students:
            self.students[name] = add_row(db, api.Student, id=name)
        if name not in self.assignments:
            keys = {"assignment": notebook.assignment, "student": self.students[name]}
            self.assignments[name] = add_row(db, api.SubmittedAssignment, **keys)
        if name not in self.notebooks:
            keys = {"notebook": notebook, "assignment": self.assignments[name]}
            self.notebooks[name] = add_row(db, api.SubmittedNotebook, **keys)
        return self.notebooks[name]


def _sync_questions(db: Any, assignment: Assignment) -> Any:
    """Return the notebook of an assignment, with exactly one graded cell for each question."""
    name = assignment.name
    notebook = find_or_add(db, api.Notebook, name=name, assignment=find_or_add(db, api.Assignment, name=name))
    questions = {question.name: question for question in assignment.questions}
    cells = {cell.name: cell for cell in _graded_cells(notebook)}
    for name, cell in cells.items():
        if name in questions:
            cell.max_score = questions[name].points
        elif any(grade.manual_score is not None for grade in cell.grades):
            message = f"it has scores given by hand for {name!r}, which is no longer a question of {assignment.name}"
            raise CourseError(message, db.get_bind().url.render_as_string(hide_password=True))
        else:
            for row in (*cell.grades, cell):
                db.delete(row)
    for name in questions.keys() - cells.keys():
        _add_question(db, notebook, questions[name])
    db.commit()
    return notebook


def _add_question(db: Any, notebook: Any, question: Question) -> None:
    """Add a graded cell as nbgrader itself registers it; one for a written answer can have comments."""
    kind = "markdown" if question.manual else "code"
    cell = api.GradeCell(name=question.name, notebook=notebook, max_score=question.points, cell_type=kind)
    db.add(cell)
    if question.manual:
        find_or_add(db, api.SolutionCell, name=question.name, notebook=notebook)
    db.add_all(api.Grade(cell=cell, notebook=submitted) for submitted in notebook.submissions)


def _write_one(db: Any, notebook: Any, rows: _Rows, record: GradeRecord, assignment: Assignment) -> None:
    name = next((each for each in possible_ids(record) if each in rows.students), student_id(record.key))
    submitted = rows.of(db, notebook, name)
    changed = _write_comments(db, submitted, record)
    earned = _earned(record)
    by_hand = {question.name for question in assignment.questions if question.manual}
    grades = {grade.cell_id: grade for grade in submitted.grades}
    for cell in _graded_cells(notebook):
        grade = grades.get(cell.id) or add_row(db, api.Grade, cell=cell, notebook=submitted)
        if cell.name in by_hand:
            grade.needs_manual_grade = changed or grade.manual_score is None or grade.needs_manual_grade
        else:
            _write_score(grade, _clamped(earned.get(cell.name), cell.max_score))
            grade.needs_manual_grade = grade.needs_manual_grade or record.held is not None


def _write_score(grade: Any, points: float | None) -> None:
    """Set the automatic score; a manual score above it stays, and needs confirmation if the automatic one changed."""
    to_confirm = grade.manual_score is not None and (grade.auto_score != points or grade.needs_manual_grade)
    grade.auto_score = points
    grade.needs_manual_grade = points is None or to_confirm


def _clamped(points: float | None, maximum: float) -> float | None:
    return None if points is None or not math.isfinite(points) else min(max(points, 0.0), maximum)


def _write_comments(db: Any, submitted: Any, record: GradeRecord) -> bool:
    """Name the submission and its problems in the automatic comments; return True if a comment changed."""
    comment = "\n".join(
        [f"Submission {record.sha256[:12]}.", *filter(None, (record.attention or record.reason, *record.problems))]
    )
    comment = sanitize.for_markdown(comment)  # it has names of files, and nbgrader's feedback renders its HTML
    comments = {each.cell_id: each for each in submitted.comments}
    changed = False
    for cell in (*submitted.notebook.solution_cells, *submitted.notebook.task_cells):
        row = comments.get(cell.id) or add_row(db, api.Comment, cell=cell, notebook=submitted)
        changed, row.auto_comment = changed or row.auto_comment not in (None, comment), comment
    return changed


def _graded_cells(notebook: Any) -> list[Any]:
    return [*notebook.grade_cells, *notebook.task_cells]
