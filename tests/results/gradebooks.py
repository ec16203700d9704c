"""Records of a small assignment, and their scores as nbgrader's own API reads them back."""

import contextlib
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook

from gradeprop.core.assignment import Assignment, Limits, Question
from gradeprop.core.models import GradeRecord, QuestionScore
from gradeprop.core.paths import student_key

QUESTIONS = (
    Question(name="net", title="A net", points=6),
    Question(name="loop", title="A loop", points=4),
    Question(name="why", title="Why?", points=5, manual=True),
)
HW = Assignment(
    name="hw", title="", questions=QUESTIONS, submission={}, given=(), limits=Limits(), held_out={}, root=""
)
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # nbgrader starts alembic by name


def record(student: str = "ada", net: float = 6, loop: float = 1.5, **more: Any) -> GradeRecord:
    """Return a record with these points."""
    scores = [QuestionScore(name=n, title="", points=p, possible=0) for n, p in (("net", net), ("loop", loop))]
    fields = {"status": "graded", "points": net + loop, "possible": 10, "results": (), "sha256": "a" * 64} | more
    return GradeRecord(
        gradeprop="0", assignment="hw", student=student, key=student_key(student), questions=tuple(scores), **fields
    )


def grades(url: str, student: str = "ada") -> dict[str, tuple[float | None, float | None, bool]]:
    """Return of each cell: automatic score, score by hand, whether it needs manual grading."""
    with Gradebook(url) as book:
        cells = {name: book.find_grade(name, "hw", "hw", student) for name in ("net", "loop", "why")}
        return {name: (g.auto_score, g.manual_score, g.needs_manual_grade) for name, g in cells.items()}


def give_by_hand(url: str, cell: str, points: float, student: str = "ada") -> None:
    """Set a score as formgrader does."""
    with Gradebook(url) as book:
        grade = book.find_grade(cell, "hw", "hw", student)
        grade.manual_score, grade.needs_manual_grade = points, False
        book.db.commit()


def rows(url: str) -> list[str]:
    """Return the whole database as SQL."""
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database, database:
        dump = sorted(database.iterdump())
    database.close()
    return dump


def set_version(url: str, version: str = "167914646830") -> None:
    """Make it a gradebook of another version of nbgrader."""
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", [version])
    database.close()
