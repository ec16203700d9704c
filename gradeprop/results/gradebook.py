"""Grade records → nbgrader's database, where formgrader and ``nbgrader export`` find them.

    graded                      each automatic question's score in its cell; what a person gave by hand stays
    needs_review, not_graded    no score at all, and the cells ask for a person: never a zero, never an old score

nbgrader commits after every small step, and prints where that fails; so the rows are made here, and a record's are
committed together.
"""

import contextlib
import math
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

# nbgrader loads jsonschema, which takes two seconds to build a grammar for URIs where it finds this; nothing needs it
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

from alembic.script import ScriptDirectory  # noqa: E402
from nbgrader import api  # noqa: E402
from nbgrader.dbutil import ALEMBIC_DIR  # noqa: E402
from sqlalchemy import create_engine, inspect, make_url, text  # noqa: E402
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError  # noqa: E402
from traitlets.config.loader import PyFileConfigLoader  # noqa: E402

from gradeprop.core import sanitize  # noqa: E402
from gradeprop.core.errors import CourseError  # noqa: E402
from gradeprop.core.models import Assignment, GradeRecord, Late, Question  # noqa: E402
from gradeprop.core.paths import Bundle  # noqa: E402
from gradeprop.course.notebook import Cell  # noqa: E402
from gradeprop.results import late_penalty  # noqa: E402

_CONFIG = "nbgrader_config.py"
_TOGETHER = 50
"""records of one commit, which takes as long as a few of them"""
_PATIENCE_S = 20.0
"""how long another program may hold the database; SQLite itself waits five seconds each time"""


def student_id(key: str) -> str:
    """What the gradebook calls a student: the key, without what ends a field of nbgrader's CSV or starts a formula."""
    return re.sub(r"[,;]|^[=+@-]", lambda match: f"%{ord(match[0]):02X}", key)


def write(graded: Iterable[GradeRecord], assignment: Assignment, db_url: str, patience_s: float = _PATIENCE_S) -> None:
    """Write records to the gradebook at ``db_url``; the same records once more change nothing.

    Raises:
        CourseError: the database cannot be written, or holds hand-given scores of a question that is no more.
    """
    everyone = tuple(graded)
    _persist(lambda: _write_all(everyone, assignment, db_url), db_url, patience_s)


def url(bundle: Bundle) -> str:
    """Where the gradebook is: what nbgrader_config.py of the course says, or SQLite in the folder of the course.

    Raises:
        CourseError: the file cannot be read.
    """
    if (file := bundle.root / _CONFIG).is_file():
        try:
            config = PyFileConfigLoader(_CONFIG, path=str(bundle.root)).load_config()
        except Exception as error:  # it is a program
            raise CourseError(f"{type(error).__name__}: {error}", file) from error
        if isinstance(found := config.CourseDirectory.get("db_url"), str):
            return found
    return f"sqlite:///{bundle.gradebook}"


def shown(db_url: str) -> str:
    """Without its password."""
    try:
        return make_url(db_url).render_as_string(hide_password=True)
    except ArgumentError:
        return f"db_url in {_CONFIG}"


def missing(graded: Sequence[GradeRecord], assignment: Assignment, db_url: str) -> list[GradeRecord]:
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


def expect(
    arrivals: Mapping[str, datetime | None], assignment: Assignment, solutions: Iterable[str], db_url: str
) -> None:
    """Make room for submissions, by the names that nbgrader knows their students by, and say when each came.

    Args:
        arrivals: UTC without a zone, as nbgrader keeps it; None where nobody trustworthy knows: what stood there stays.
        solutions: names of the cells that students write in, so that who grades can comment on them.

    Raises:
        CourseError: as ``write``.
    """
    _persist(lambda: _expect(arrivals, assignment, tuple(solutions), db_url), db_url, _PATIENCE_S)


def _expect(
    arrivals: Mapping[str, datetime | None], assignment: Assignment, solutions: Sequence[str], db_url: str
) -> None:
    _prepare(db_url)
    with api.Gradebook(db_url) as book:
        notebook = _register(book.db, assignment, db_url)
        for name in {*solutions} - {cell.name for cell in notebook.solution_cells}:
            book.db.add(api.SolutionCell(name=name, notebook=notebook))
        book.db.commit()
        for student, arrived in arrivals.items():
            row = _one(book.db, api.Student, id=student)
            submission = _one(book.db, api.SubmittedAssignment, assignment=notebook.assignment, student=row)
            handed_in = _one(book.db, api.SubmittedNotebook, notebook=notebook, assignment=submission)
            submission.timestamp = arrived or submission.timestamp
            for cell in _graded_cells(notebook):
                _one(book.db, api.Grade, cell=cell, notebook=handed_in)
            for cell in (*notebook.solution_cells, *notebook.task_cells):
                _one(book.db, api.Comment, cell=cell, notebook=handed_in)
            book.db.commit()


def announce(assignment: Assignment, cells: Sequence[Cell], db_url: str, patience_s: float = _PATIENCE_S) -> None:
    """Where submissions came before the release: add the notebook's cells, which nbgrader itself would refuse to.

    Raises:
        CourseError: as ``write``.
    """
    _persist(lambda: _announce(assignment, cells, db_url), db_url, patience_s)


def _announce(assignment: Assignment, cells: Sequence[Cell], db_url: str) -> None:
    _prepare(db_url)
    with api.Gradebook(db_url) as book:
        if book.db.query(api.SubmittedAssignment).join(api.Assignment).filter_by(name=assignment.name).count() == 0:
            return
        notebook = _register(book.db, assignment, db_url)
        for cell in cells:
            if cell.solution:
                _one(book.db, api.SolutionCell, name=cell.grade_id, notebook=notebook)
            known = book.db.query(api.SourceCell).filter_by(name=cell.grade_id, notebook=notebook).count()
            if not known and (cell.grade or cell.solution or cell.locked):
                book.db.add(api.SourceCell(name=cell.grade_id, notebook=notebook, cell_type=cell.cell_type))
        book.db.commit()


def _persist(write: Callable[[], None], db_url: str, patience_s: float) -> None:
    """Begin again while another program holds the database: SQLite has one writer, and every step can be repeated."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return write()
        except ModuleNotFoundError as error:
            message = (
                f"{error.name} is not installed; pip install 'gradeprop[postgres]', "
                "and begin the address with postgresql+psycopg2://"
            )
            raise CourseError(message, shown(db_url)) from error
        except (SQLAlchemyError, api.InvalidEntry) as error:
            why = str(error).splitlines()[0]
            if isinstance(error, IntegrityError) or "already exists" in why:
                pass  # another grader made the same row or table a moment ago; now it is there
            elif "locked" not in why:
                raise CourseError(f"the gradebook cannot be written: {why}", shown(db_url)) from error
            if time.monotonic() > deadline:
                message = (
                    "the gradebook stays locked by another program, such as formgrader; "
                    "the records are kept, and the next run of gradeprop grade brings them into it"
                )
                raise CourseError(message, shown(db_url)) from error
            time.sleep(0.2)


def _write_all(graded: Sequence[GradeRecord], assignment: Assignment, db_url: str) -> None:
    _prepare(db_url)
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
    notebook = _one(db, api.Notebook, name=name, assignment=_one(db, api.Assignment, name=name))
    wanted = {question.name: question for question in assignment.questions}
    found = {cell.name: cell for cell in _graded_cells(notebook)}
    for name, cell in found.items():
        if name in wanted:
            cell.max_score = wanted[name].points
        elif any(grade.manual_score is not None for grade in cell.grades):
            raise CourseError(
                f"it holds scores given by hand for {name!r}, which is no question any more", shown(db_url)
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
        _one(db, api.SolutionCell, name=question.name, notebook=notebook)
    db.add_all(api.Grade(cell=cell, notebook=handed_in) for handed_in in notebook.submissions)


def _write_one(db: Any, notebook: Any, record: GradeRecord, assignment: Assignment) -> None:
    known = db.query(api.Student).filter_by(id=record.student).one_or_none()  # by nbgrader, as its folder is called
    student = known or _one(db, api.Student, id=student_id(record.key))
    submission = _one(db, api.SubmittedAssignment, assignment=notebook.assignment, student=student)
    handed_in = _one(db, api.SubmittedNotebook, notebook=notebook, assignment=submission)
    news = _comment(db, handed_in, record)
    scores = {score.name: score.points for score in record.questions} if record.status == "graded" else {}
    by_hand = {question.name for question in assignment.questions if question.manual}
    there = {grade.cell_id: grade for grade in handed_in.grades}
    for cell in _graded_cells(notebook):
        grade = there.get(cell.id) or _new(db, api.Grade, cell=cell, notebook=handed_in)
        if cell.name in by_hand:
            grade.needs_manual_grade = news or grade.manual_score is None or grade.needs_manual_grade
        else:
            _score(grade, _within(scores.get(cell.name), cell.max_score))
    if assignment.late != Late() or handed_in.late_submission_penalty:
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
    told = sanitize.markdown(told)  # in it are names of files: nbgrader's feedback shows it with all its HTML
    there = {comment.cell_id: comment for comment in handed_in.comments}
    news = False
    for cell in (*handed_in.notebook.solution_cells, *handed_in.notebook.task_cells):
        comment = there.get(cell.id) or _new(db, api.Comment, cell=cell, notebook=handed_in)
        news, comment.auto_comment = news or comment.auto_comment != told, told
    return news


def _graded_cells(notebook: Any) -> list[Any]:
    return [*notebook.grade_cells, *notebook.task_cells]


def _one(db: Any, kind: Any, **keys: Any) -> Any:
    """The row with these values, made where there is none."""
    row = db.query(kind).filter_by(**keys).one_or_none()
    return _new(db, kind, **keys) if row is None else row


def _new(db: Any, kind: Any, **keys: Any) -> Any:
    db.add(row := kind(**keys))
    return row


def _prepare(db_url: str) -> None:
    """Say of a new database which version of nbgrader's tables it has; refuse one of another version.

    nbgrader starts a program to learn that, which takes seconds and fails where it is not on the search path.
    """
    engine = create_engine(db_url)
    with contextlib.closing(engine.connect()) as connection, connection.begin():
        tables = inspect(connection).get_table_names()
        head = ScriptDirectory(ALEMBIC_DIR).get_current_head()
        if not tables:
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        # SQLite commits each table at once: who was killed in between left it empty
        if tables in ([], ["alembic_version"]) and not connection.scalar(text("SELECT 1 FROM alembic_version")):
            connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": head})
        version = (
            connection.scalar(text("SELECT version_num FROM alembic_version")) if "alembic_version" in tables else head
        )
    engine.dispose()
    if tables and version != head:
        message = (
            "the gradebook was made by another version of nbgrader and nothing is written to it; "
            "copy it to a safe place, then run `nbgrader db upgrade` "
            f"(its tables are {version or 'of no known version'}, and {head} is needed)"
        )
        raise CourseError(message, shown(db_url))
