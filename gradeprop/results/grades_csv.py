"""Grade records as a CSV file for spreadsheets and learning platforms.

UTF-8 with a byte order mark: without it Excel reads every ë as two letters; Canvas, Moodle and pandas skip it.
Text that a spreadsheet would take for a formula gets an apostrophe in front, since students choose their names.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from gradeprop.core.models import GradeRecord, Unattributed
from gradeprop.core.sanitize import for_csv_cell
from gradeprop.core.storage import write_bytes


def write_csv(records: Iterable[GradeRecord], file: Path, unattributed: Iterable[Unattributed] = ()) -> None:
    """Write one row per record, sorted by student; a record that is not graded has empty points, never 0.

    A student whose newer submission needs attention keeps the points of the one before. What could not be assigned to
    a student comes last.
    """
    rows = sorted(records, key=lambda record: (record.student.casefold(), record.key))
    questions = list(dict.fromkeys(question.name for record in rows for question in record.questions))
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)  # also where a semicolon is the separator
    writer.writerow(["student", "status", "points", "possible", *map(for_csv_cell, questions), "reason", "problems"])
    writer.writerows(_row(record, questions) for record in rows)
    empty = [""] * (2 + len(questions))
    writer.writerows(["", "needs_attention", *empty, for_csv_cell(each.reason), ""] for each in unattributed)
    write_bytes(text.getvalue().encode("utf-8-sig"), file)


def _row(record: GradeRecord, questions: list[str]) -> list[str | float]:
    graded = record.status == "graded"
    points = {question.name: short(question.points) for question in record.questions} if graded else {}
    total = short(record.points) if graded else ""
    cells = [points.get(name, "") for name in questions]
    reason = for_csv_cell(record.attention or record.reason or ("run without a jail" if record.unsafe else ""))
    student = for_csv_cell(record.student)
    status = "needs_attention" if record.attention else record.status
    return [student, status, total, short(record.possible), *cells, reason, len(record.problems)]


def short(points: float) -> float:
    """Return a whole number as an int: 20 for 20.0."""
    return int(points) if points == int(points) else points
