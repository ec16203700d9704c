"""Connect to nbgrader's gradebook database. The only module that imports nbgrader's ``api``."""

import contextlib
import sys
import time
from collections.abc import Callable
from functools import cache
from typing import Any

# nbgrader loads jsonschema, which takes two seconds to build a grammar for URIs where it finds this; nothing needs it
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

from alembic.script import ScriptDirectory  # noqa: E402
from nbgrader import api  # noqa: E402
from nbgrader.dbutil import ALEMBIC_DIR  # noqa: E402
from sqlalchemy import create_engine, inspect, make_url, text  # noqa: E402
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError  # noqa: E402
from traitlets.config.loader import PyFileConfigLoader  # noqa: E402

from gradeprop.core.errors import CourseError  # noqa: E402
from gradeprop.core.paths import CoursePaths  # noqa: E402

__all__ = [
    "PATIENCE_S",
    "add_row",
    "api",
    "find_or_add",
    "hide_password",
    "persist",
    "prepare_database",
    "require_same_version",
    "url",
]

_CONFIG = "nbgrader_config.py"


PATIENCE_S = 20.0
"""how long another program may hold the database; SQLite itself waits five seconds each time"""


def url(course: CoursePaths) -> str:
    """Where the gradebook is: what nbgrader_config.py of the course says, or SQLite in the folder of the course.

    Raises:
        CourseError: the file cannot be read.
    """
    if (file := course.root / _CONFIG).is_file():
        try:
            config = PyFileConfigLoader(_CONFIG, path=str(course.root)).load_config()
        except Exception as error:  # it is a program
            raise CourseError(f"{type(error).__name__}: {error}", file) from error
        if isinstance(found := config.CourseDirectory.get("db_url"), str):
            return found
    return f"sqlite:///{course.gradebook}"


def hide_password(db_url: str) -> str:
    """Without its password."""
    try:
        return make_url(db_url).render_as_string(hide_password=True)
    except ArgumentError:
        return f"db_url in {_CONFIG}"


def persist(write: Callable[[], None], db_url: str, patience_s: float) -> None:
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
            raise CourseError(message, hide_password(db_url)) from error
        except (SQLAlchemyError, api.InvalidEntry) as error:
            why = str(error).splitlines()[0]
            if isinstance(error, IntegrityError) or "already exists" in why:
                pass  # another grader made the same row or table a moment ago; now it is there
            elif "locked" not in why:
                raise CourseError(f"the gradebook cannot be written: {why}", hide_password(db_url)) from error
            if time.monotonic() > deadline:
                message = (
                    "the gradebook stays locked by another program, such as formgrader; "
                    "the records are kept, and the next run of gradeprop grade brings them into it"
                )
                raise CourseError(message, hide_password(db_url)) from error
            time.sleep(0.2)


def find_or_add(db: Any, kind: Any, **keys: Any) -> Any:
    """The row with these values, made where there is none."""
    row = db.query(kind).filter_by(**keys).one_or_none()
    return add_row(db, kind, **keys) if row is None else row


def add_row(db: Any, kind: Any, **keys: Any) -> Any:
    db.add(row := kind(**keys))
    return row


def prepare_database(db_url: str) -> None:
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
        raise CourseError(message, hide_password(db_url))


def require_same_version(engine: Any, db_url: str) -> None:
    head = _head()
    with engine.connect() as connection:
        there = "alembic_version" in inspect(connection).get_table_names()
        version = connection.scalar(text("SELECT version_num FROM alembic_version")) if there else "none"
    if version != head:
        message = f"this is no gradebook of the installed nbgrader (its version is {version}, not {head})"
        raise CourseError(
            f"{message}; nbgrader db upgrade brings an older one up to date, after a copy", hide_password(db_url)
        )


@cache
def _head() -> str | None:
    return ScriptDirectory(ALEMBIC_DIR).get_current_head()
