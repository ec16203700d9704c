"""Grade records → nbgrader's database, where formgrader and ``nbgrader export`` find them.

    graded                      each automatic question's score in its cell; what a person gave by hand stays
    needs_review, not_graded    no score at all, and the cells ask for a person: never a zero, never an old score

nbgrader commits after every small step, and prints where that fails; so the rows are made here, and a record's are
committed together.
"""

import contextlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from gradeprop.core import sanitize
from gradeprop.core.errors import CourseError
from gradeprop.core.models import Assignment, GradeRecord, LatePolicy, Question
from gradeprop.course.notebook import Cell
from gradeprop.results import late_penalty
from gradeprop.results.gradebook_db import (
    PATIENCE_S,
    add_row,
    api,
    find_or_add,
    hide_password,
    persist,
    prepare_database,
)

_TOGETHER = 50
"""records of one commit, which takes as long as a few of them"""


def student_id(key: str) -> str:
    """What the gradebook calls a student: the key, without what ends a field of nbgrader's CSV or starts a formula."""
    return re.sub(r"[,;]|^[=+@-]", lambda match: f"%{ord(match[0]):02X}", key)


def write(graded: Iterable[GradeRecord], assignment: Assignment, db_url: str, patience_s: float = PATIENCE_S) -> None:
    """Write records to the gradebook at ``db_url``; the same records once more change nothing.

    Raises:
        CourseError: the database cannot be written, or holds hand-given scores of a question that is no more.
    """
    everyone = tuple(graded)
    persist(lambda: _write_all(everyone, assignment, db_url), db_url, patience_s)


def records_to_write(graded: Sequence[GradeRecord], assignment: Assignment, db_url: str) -> list[GradeRecord]:
    """Those that the gradebook has not, or with other scores; one question to it, whatever the class."""
    if not graded:
        return []
    try:
        engine = create_engine(db_url)
        with contextlib.closing(engine.connect()) as connection:
            rows = connection.execute(text(_SCORES), {"name": assignment.name}).all()
        engine.dispose()
    except (SQLAlchemyError, ModuleNotFoundError):  # no tables yet, or it cannot be read: who writes to it says why
        return list(graded)
    there: dict[str, dict[str, float | None]] = {}
    for student, cell, points in rows:
        there.setdefault(student, {})[cell] = points
    most = {question.name: question.points for question in assignment.questions}
    return [
        record
        for record in graded
        if there.get(record.student, there.get(student_id(record.key))) != _scores(record, most)
    ]


_SCORES = """
    SELECT submitted_assignment.student_id, base_cell.name, grade.auto_score
    FROM grade JOIN base_cell ON base_cell.id = grade.cell_id
    JOIN submitted_notebook ON submitted_notebook.id = grade.notebook_id
    JOIN submitted_assignment ON submitted_assignment.id = submitted_notebook.assignment_id
    JOIN assignment ON assignment.id = submitted_assignment.assignment_id WHERE assignment.name = :name"""


def _scores(record: GradeRecord, most: dict[str, float]) -> dict[str, float | None]:
    """What each cell should hold of a record."""
    earned = {score.name: score.points for score in record.questions} if record.status == "graded" else {}
    return {name: _within(earned.get(name), points) for name, points in most.items()}


def register_submissions(
    arrivals: Mapping[str, datetime | None], assignment: Assignment, solutions: Iterable[str], db_url: str
) -> None:
    """Make room for submissions, by the names that nbgrader knows their students by, and say when each came.

    Args:
        arrivals: UTC without a zone, as nbgrader keeps it; None where nobody trustworthy knows: what stood there stays.
        solutions: names of the cells that students write in, so that who grades can comment on them.

    Raises:
        CourseError: as ``write``.
    """
    persist(lambda: _expect(arrivals, assignment, tuple(solutions), db_url), db_url, PATIENCE_S)


def _expect(
    arrivals: Mapping[str, datetime | None], assignment: Assignment, solutions: Sequence[str], db_url: str
) -> None:
    prepare_database(db_url)
    with api.Gradebook(db_url) as book:
        notebook = _register(book.db, assignment, db_url)
        for name in {*solutions} - {cell.name for cell in notebook.solution_cells}:
            book.db.add(api.SolutionCell(name=name, notebook=notebook))
        book.db.commit()
        for student, arrived in arrivals.items():
            row = find_or_add(book.db, api.Student, id=student)
            submission = find_or_add(book.db, api.SubmittedAssignment, assignment=notebook.assignment, student=row)
            handed_in = find_or_add(book.db, api.SubmittedNotebook, notebook=notebook, assignment=submission)
            submission.timestamp = arrived or submission.timestamp
            for cell in _graded_cells(notebook):
                find_or_add(book.db, api.Grade, cell=cell, notebook=handed_in)
            for cell in (*notebook.solution_cells, *notebook.task_cells):
                find_or_add(book.db, api.Comment, cell=cell, notebook=handed_in)
            book.db.commit()


def register_notebook_cells(
    assignment: Assignment, cells: Sequence[Cell], db_url: str, patience_s: float = PATIENCE_S
) -> None:
    """Where submissions came before the release: add the notebook's cells, which nbgrader itself would refuse to.

    Raises:
        CourseError: as ``write``.
    """
    persist(lambda: _announce(assignment, cells, db_url), db_url, patience_s)


def _announce(assignment: Assignment, cells: Sequence[Cell], db_url: str) -> None:
    prepare_database(db_url)
    with api.Gradebook(db_url) as book:
        if book.db.query(api.SubmittedAssignment).join(api.Assignment).filter_by(name=assignment.name).count() == 0:
            return
        notebook = _register(book.db, assignment, db_url)
        for cell in cells:
            if cell.solution:
                find_or_add(book.db, api.SolutionCell, name=cell.grade_id, notebook=notebook)
            known = book.db.query(api.SourceCell).filter_by(name=cell.grade_id, notebook=notebook).count()
            if not known and (cell.grade or cell.solution or cell.locked):
                book.db.add(api.SourceCell(name=cell.grade_id, notebook=notebook, cell_type=cell.cell_type))
        book.db.commit()


def _write_all(graded: Sequence[GradeRecord], assignment: Assignment, db_url: str) -> None:
    prepare_database(db_url)
    with api.Gradebook(db_url) as book:
        notebook = _register(book.db, assignment, db_url)
        for number, record in enumerate(graded, 1):
            _write_one(book.db, notebook, record, assignment)
            if number % _TOGETHER == 0:
                book.db.commit()
        book.db.commit()


def _register(db: Any, assignment: Assignment, db_url: str) -> Any:
    """The notebook, with a cell for every question and for nothing else."""
    name = assignment.name
    notebook = find_or_add(db, api.Notebook, name=name, assignment=find_or_add(db, api.Assignment, name=name))
    wanted = {question.name: question for question in assignment.questions}
    found = {cell.name: cell for cell in _graded_cells(notebook)}
    for name, cell in found.items():
        if name in wanted:
            cell.max_score = wanted[name].points
        elif any(grade.manual_score is not None for grade in cell.grades):
            raise CourseError(
                f"it holds scores given by hand for {name!r}, which is no question any more", hide_password(db_url)
            )
        else:
            for row in (*cell.grades, cell):
                db.delete(row)
    for name in wanted.keys() - found.keys():
        _add_question(db, notebook, wanted[name])
    db.commit()
    return notebook


def _add_question(db: Any, notebook: Any, question: Question) -> None:
    """A cell as nbgrader itself would register it, a written one with room for comments."""
    kind = "markdown" if question.manual else "code"
    cell = api.GradeCell(name=question.name, notebook=notebook, max_score=question.points, cell_type=kind)
    db.add(cell)
    if question.manual:
        find_or_add(db, api.SolutionCell, name=question.name, notebook=notebook)
    db.add_all(api.Grade(cell=cell, notebook=handed_in) for handed_in in notebook.submissions)


def _write_one(db: Any, notebook: Any, record: GradeRecord, assignment: Assignment) -> None:
    known = db.query(api.Student).filter_by(id=record.student).one_or_none()  # by nbgrader, as its folder is called
    student = known or find_or_add(db, api.Student, id=student_id(record.key))
    submission = find_or_add(db, api.SubmittedAssignment, assignment=notebook.assignment, student=student)
    handed_in = find_or_add(db, api.SubmittedNotebook, notebook=notebook, assignment=submission)
    news = _comment(db, handed_in, record)
    scores = {score.name: score.points for score in record.questions} if record.status == "graded" else {}
    by_hand = {question.name for question in assignment.questions if question.manual}
    there = {grade.cell_id: grade for grade in handed_in.grades}
    for cell in _graded_cells(notebook):
        grade = there.get(cell.id) or add_row(db, api.Grade, cell=cell, notebook=handed_in)
        if cell.name in by_hand:
            grade.needs_manual_grade = news or grade.manual_score is None or grade.needs_manual_grade
        else:
            _score(grade, _within(scores.get(cell.name), cell.max_score))
    if assignment.late != LatePolicy() or handed_in.late_submission_penalty:
        _late(db, handed_in, assignment)


def _late(db: Any, handed_in: Any, assignment: Assignment) -> None:
    """The penalty that nbgrader's AssignLatePenalties comes to, from the same policy."""
    db.flush()
    db.expire(handed_in)
    taken = late_penalty.penalty(assignment.late, handed_in.score, handed_in.assignment.total_seconds_late)
    if (taken or None) != (handed_in.late_submission_penalty or None):
        handed_in.late_submission_penalty = taken or None


def _score(grade: Any, points: float | None) -> None:
    """What a person gave in its place stays, and is to be looked at again if the score under it changed."""
    overruled = grade.manual_score is not None and (grade.auto_score != points or grade.needs_manual_grade)
    grade.auto_score = points
    grade.needs_manual_grade = points is None or overruled


def _within(points: float | None, most: float) -> float | None:
    return None if points is None or not math.isfinite(points) else min(max(points, 0.0), most)


def _comment(db: Any, handed_in: Any, record: GradeRecord) -> bool:
    """Tell who grades by hand which submission it is and what is amiss with it; whether that is news."""
    told = "\n".join([f"Submission {record.sha256[:12]}.", *filter(None, (record.reason, *record.problems))])
    told = sanitize.for_markdown(told)  # in it are names of files: nbgrader's feedback shows it with all its HTML
    there = {comment.cell_id: comment for comment in handed_in.comments}
    news = False
    for cell in (*handed_in.notebook.solution_cells, *handed_in.notebook.task_cells):
        comment = there.get(cell.id) or add_row(db, api.Comment, cell=cell, notebook=handed_in)
        news, comment.auto_comment = news or comment.auto_comment != told, told
    return news


def _graded_cells(notebook: Any) -> list[Any]:
    return [*notebook.grade_cells, *notebook.task_cells]
