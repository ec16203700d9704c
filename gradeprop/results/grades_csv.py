"""The scores of a class as a CSV file for spreadsheets.

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
from gradeprop.results.score import Graded, StudentScore

_BEFORE = ("student", "name", "status", "points", "possible", "automatic part", "written part", "late penalty")
_AFTER = ("not graded yet", "reason", "problems")


def write_csv(graded: Iterable[Graded], file: Path, unattributed: Iterable[Unattributed] = ()) -> None:
    """Write one row per record, sorted by student; a score that is not complete is an empty cell, never 0.

    A student whose newer submission needs attention keeps the points of the earlier one. Unattributed submissions
    come last.
    """
    rows = sorted(graded, key=lambda pair: (pair[0].student.casefold(), pair[0].key))
    questions = list(dict.fromkeys(name for _, score in rows for name in score.max_points))
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)  # also where a semicolon is the separator
    writer.writerow([*_BEFORE, *map(for_csv_cell, questions), *_AFTER])
    writer.writerows(_row(record, score, questions) for record, score in rows)
    empty = [""] * (len(_BEFORE) - 3 + len(questions) + 1)
    writer.writerows(["", "", "needs_attention", *empty, for_csv_cell(each.reason), ""] for each in unattributed)
    write_bytes(text.getvalue().encode("utf-8-sig"), file)


def _row(record: GradeRecord, score: StudentScore, questions: list[str]) -> list[str | float]:
    parts = [score.total, score.possible, score.part(written=False)[0], score.part(written=True)[0], score.penalty]
    status = "excused" if score.excused else "needs_attention" if record.attention else record.status
    return [
        *(for_csv_cell(record.student), for_csv_cell(score.name), status),
        *map(_cell, parts),
        *(_cell(score.known.get(name)) for name in questions),
        for_csv_cell(", ".join(score.ungraded)),
        for_csv_cell(record.attention or record.reason or ("run without a jail" if record.unsafe else "")),
        len(record.problems),
    ]


def _cell(points: float | None) -> str | float:
    return "" if points is None else short(points)


def short(points: float) -> float:
    """Return a whole number as an int: 20 for 20.0."""
    return int(points) if points == int(points) else points
