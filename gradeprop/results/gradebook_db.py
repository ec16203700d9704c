"""The connection to nbgrader's gradebook database. The only module that imports nbgrader's ``api``."""

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from alembic.script import ScriptDirectory
from nbgrader import api as api  # for the other modules
from nbgrader.dbutil import ALEMBIC_DIR
from sqlalchemy import Connection, create_engine, inspect, make_url, select, text
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError
from traitlets.config.loader import PyFileConfigLoader

from gradeprop.core.errors import CourseError
from gradeprop.core.paths import CoursePaths

T = TypeVar("T")

PATIENCE_S = 20.0
"""how long another program may hold the database; SQLite itself waits five seconds each time"""
_CONFIG = "nbgrader_config.py"
_VERSION_TABLE = "alembic_version"


def url(course: CoursePaths) -> str:
    """Return the address of the gradebook: ``db_url`` of the course's nbgrader_config.py, or SQLite in its folder.

    Raises:
        CourseError: nbgrader_config.py cannot be run.
    """
    db_url = _setting(course, "CourseDirectory", "db_url")
    return f"sqlite:///{course.gradebook}" if db_url is None else db_url


def autograded_folder(course: CoursePaths) -> Path | None:
    """Return the folder of the notebooks that formgrader shows; None if nbgrader_config.py names none.

    nbgrader's own choice, autograded/, is where our records are.

    Raises:
        CourseError: nbgrader_config.py cannot be run.
    """
    name = _setting(course, "CourseDirectory", "autograded_directory")
    return None if name is None else course.root / name


def exchange(course: CoursePaths) -> tuple[str, str]:
    """Return the folder of nbgrader's exchange and the name of the course in it; "" if nbgrader_config.py has none.

    Raises:
        CourseError: nbgrader_config.py cannot be run.
    """
    return _setting(course, "Exchange", "root") or "", _setting(course, "CourseDirectory", "course_id") or ""


def _setting(course: CoursePaths, section: str, name: str) -> str | None:
    """Return a text that nbgrader_config.py sets; None if it does not, or there is no such file."""
    if not (file := course.root / _CONFIG).is_file():
        return None
    try:
        found = PyFileConfigLoader(_CONFIG, path=str(course.root)).load_config().get(section, {}).get(name)
    except Exception as error:  # the file is a program and may raise anything
        raise CourseError(f"{type(error).__name__}: {error}", file) from error
    return found if isinstance(found, str) else None


def exists(db_url: str) -> bool:
    """Return False if the gradebook is a file of SQLite's that does not exist: connecting would create it."""
    file = make_url(db_url)
    return file.drivername != "sqlite" or Path(file.database or "").is_file()


def students(db_url: str) -> frozenset[str]:
    """Return the ids of all students, and their parts before an @, in lower case.

    None if there is no gradebook that can be read.
    """
    if not exists(db_url):
        return frozenset()
    try:
        with connect(db_url) as connection:
            ids = [*map(str.casefold, connection.execute(text("SELECT id FROM student")).scalars())]
            return frozenset((*ids, *(each.partition("@")[0] for each in ids)))
    except (SQLAlchemyError, ModuleNotFoundError):  # no tables yet; writing to it reports any other reason
        return frozenset()


def count_students(db_url: str) -> int:
    """Return the number of students in an existing gradebook.

    Raises:
        CourseError: it cannot be read, or belongs to another version of nbgrader.
    """
    try:
        with connect(db_url) as connection:
            require_same_version(connection, db_url)
            return int(connection.scalar(text("SELECT COUNT(*) FROM student")) or 0)
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        raise CourseError(
            f"the gradebook cannot be read: {str(error).splitlines()[0]}", hide_password(db_url)
        ) from error


def hide_password(db_url: str) -> str:
    """Return the address without its password."""
    try:
        return make_url(db_url).render_as_string(hide_password=True)
    except ArgumentError:
        return f"db_url in {_CONFIG}"


@contextlib.contextmanager
def connect(db_url: str) -> Iterator[Connection]:
    """Open a connection for the duration of the context."""
    engine = create_engine(db_url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def change(db_url: str, work: Callable[[Any], T], patience_s: float = PATIENCE_S) -> T:
    """Call ``work`` with a session of the gradebook, which is created if there is none; commit, and return its result.

    It is called again while another program holds the database: SQLite has one writer.

    Raises:
        CourseError: the database stays locked, cannot be written, or its driver is missing.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            prepare_database(db_url)
            with api.Gradebook(db_url) as book:
                result = work(book.db)
                book.db.commit()
                return result
        except ModuleNotFoundError as error:
            message = (
                f"{error.name} is not installed; run pip install 'gradeprop[postgres]', "
                "and begin the address with postgresql+psycopg2://"
            )
            raise CourseError(message, hide_password(db_url)) from error
        except SQLAlchemyError as error:
            # two writers of a new database: both insert a row, or both create a table
            busy = isinstance(error, IntegrityError) or any(word in str(error) for word in ("locked", "already exists"))
            if not busy:
                message = f"the gradebook cannot be written: {str(error).splitlines()[0]}"
                raise CourseError(message, hide_password(db_url)) from error
            if time.monotonic() > deadline:
                message = (
                    "the gradebook stays locked by another program, such as formgrader; "
                    "the records are safe, and the next run of gradeprop grade writes them to it"
                )
                raise CourseError(message, hide_password(db_url)) from error
            time.sleep(0.2)


def select_of_assignment(kind: Any, assignment: str, *columns: Any) -> Any:
    """Select student, cell and these columns from the grades or comments of an assignment."""
    one, notebook = api.SubmittedAssignment, api.SubmittedNotebook
    return (
        select(one.student_id, api.BaseCell.name, *columns)
        .select_from(kind)
        .join(api.BaseCell, api.BaseCell.id == kind.cell_id)
        .join(notebook, notebook.id == kind.notebook_id)
        .join(one, one.id == notebook.assignment_id)
        .join(api.Assignment, api.Assignment.id == one.assignment_id)
        .where(api.Assignment.name == assignment)
    )


def find_or_add(db: Any, kind: Any, **keys: Any) -> Any:
    """Return the row with these values, and add it if there is none."""
    row = db.query(kind).filter_by(**keys).one_or_none()
    return add_row(db, kind, **keys) if row is None else row


def add_row(db: Any, kind: Any, **keys: Any) -> Any:
    """Add a row with these values, and return it."""
    db.add(row := kind(**keys))
    return row


def prepare_database(db_url: str) -> None:
    """Store the version of nbgrader's tables in a new database, and check that of an existing one.

    nbgrader itself starts a program to find its version, which takes seconds and must be on the search path.

    Raises:
        CourseError: the database belongs to another version of nbgrader.
    """
    with connect(db_url) as connection, connection.begin():
        tables = inspect(connection).get_table_names()
        if not tables:
            connection.execute(text(f"CREATE TABLE {_VERSION_TABLE} (version_num VARCHAR(32) NOT NULL)"))
        # SQLite commits each table at once, so a killed process may have left it empty
        if tables in ([], [_VERSION_TABLE]) and _version(connection) is None:
            connection.execute(text(f"INSERT INTO {_VERSION_TABLE} VALUES (:version)"), {"version": _our_version()})
        if not tables or _VERSION_TABLE in tables:
            require_same_version(connection, db_url)


def require_same_version(connection: Connection, db_url: str) -> None:
    """Check that the tables are those of the installed nbgrader.

    Raises:
        CourseError: they belong to another version of nbgrader, or to another program.
    """
    version = _version(connection) if inspect(connection).has_table(_VERSION_TABLE) else None
    if version != _our_version():
        message = (
            f"the gradebook was made by another version of nbgrader (its tables have {version or 'no version'}, "
            f"expected {_our_version()}) and was not changed; copy it to a safe place, then run `nbgrader db upgrade`"
        )
        raise CourseError(message, hide_password(db_url))


def _version(connection: Connection) -> Any:
    return connection.scalar(text(f"SELECT version_num FROM {_VERSION_TABLE}"))


@cache
def _our_version() -> str | None:
    return ScriptDirectory(ALEMBIC_DIR).get_current_head()
