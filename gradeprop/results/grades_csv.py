"""Grade records → a CSV that spreadsheets and learning platforms take.

UTF-8 with a byte order mark: without it Excel reads every ë as two letters, and Canvas, Moodle and pandas skip it.
A text that a spreadsheet would take for a formula gets an apostrophe in front, since a student's name is a student's.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from gradeprop.core.models import GradeRecord
from gradeprop.core.sanitize import for_csv_cell
from gradeprop.core.storage import write_bytes


def write_csv(graded: Iterable[GradeRecord], file: Path) -> None:
    """One row per record, by name of student; points are empty where a record is not graded, never 0."""
    rows = sorted(graded, key=lambda record: (record.student.casefold(), record.key))
    questions = list(dict.fromkeys(question.name for record in rows for question in record.questions))
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)  # every text: a semicolon splits where it is the comma
    writer.writerow(["student", "status", "points", "possible", *map(for_csv_cell, questions), "reason", "problems"])
    writer.writerows(_row(record, questions) for record in rows)
    write_bytes(text.getvalue().encode("utf-8-sig"), file)


def _row(record: GradeRecord, questions: list[str]) -> list[str | float]:
    graded = record.status == "graded"
    points = {question.name: short(question.points) for question in record.questions} if graded else {}
    total = short(record.points) if graded else ""
    cells = [points.get(name, "") for name in questions]
    told = (for_csv_cell(record.reason or ("run without a jail" if record.unsafe else "")), len(record.problems))
    return [for_csv_cell(record.student), record.status, total, short(record.possible), *cells, *told]


def short(points: float) -> float:
    """20 for 20.0."""
    return int(points) if points == int(points) else points
