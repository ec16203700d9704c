"""The roster: a platform's export of its gradebook, with its columns and a row for each student.

The columns that describe a student are exported again unchanged: only the platform knows its ids.
"""

import csv
import io
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from gradeprop.core.errors import CourseError
from gradeprop.integrations.lms.platforms import BLACKBOARD, CANVAS, PLATFORMS, Platform

_MAX_NAMES = 10
_DELIMITERS = ",\t;"
_NO_STUDENT = re.compile(r"\s*(muted|manual posting.*)?\s*", re.IGNORECASE)  # Canvas' row of posting policies


@dataclass(frozen=True, slots=True)
class Roster:
    """The content of a file that a platform exported."""

    file: Path
    platform: Platform
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """one for each student, without rows of points and policies"""
    points: tuple[str, ...]
    """Canvas' row of points possible; empty for other platforms"""
    delimiter: str
    encoding: str

    def find_rows(self, students: Iterable[tuple[str, Sequence[str]]]) -> dict[str, int]:
        """Return the index of each student's row.

        Args:
            students: the id in the gradebook, and other ids that the platform may use.

        Raises:
            CourseError: a student matches no row or several, or two students match one row.
        """
        matches = {name: self._matching_rows((name, *others)) for name, others in students}
        if unknown := [name for name, rows in matches.items() if not rows]:
            columns = ", ".join(column for column in self.platform.id_columns if column in self.header)
            message = (
                f"found no row for {_list(unknown)} in the columns {columns}; if they joined the course later, export "
                "the roster again, or use --leave-out NAME to export the others"
            )
            raise CourseError(message, self.file)
        if several := [name for name, rows in matches.items() if len(rows) > 1]:
            raise CourseError(f"found more than one row for {_list(several)}, expected one each", self.file)
        students_of = defaultdict[int, list[str]](list)
        for name, (row,) in matches.items():
            students_of[row].append(name)
        if shared := next((names for names in students_of.values() if len(names) > 1), None):
            message = f"the students {_list(shared)} of the gradebook match the same row, expected one row each"
            raise CourseError(message, self.file)
        return {name: row for name, (row,) in matches.items()}

    def _matching_rows(self, names: Sequence[str]) -> list[int]:
        """Find rows by an id; if there are none, by the part of an e-mail address before the @."""
        wanted = {_folded(name) for name in names}
        columns = [self.header.index(name) for name in self.platform.id_columns if name in self.header]
        ids = [(number, _folded(row[column])) for number, row in enumerate(self.rows) for column in columns]
        exact = {number for number, text in ids if text in wanted}
        return sorted(exact or {number for number, text in ids if "@" in text and text.partition("@")[0] in wanted})

    def find_column(self, titles: Iterable[str]) -> int | None:
        """Return the index of the grade column with one of these titles; None if there is none.

        Raises:
            CourseError: several columns match.
        """
        wanted = {_folded(title) for title in titles}
        matching = []
        for index, text in enumerate(self.header):
            match = self.platform.grade_column.fullmatch(text)
            if wanted & {_folded(text), _folded(match["title"]) if match else ""}:
                matching.append(index)
        if len(matching) > 1:
            columns = " and ".join(repr(self.header[index]) for index in matching)
            raise CourseError(f"the columns {columns} both match; choose one with --column HW=TITLE", self.file)
        return matching[0] if matching else None


def _folded(text: str) -> str:
    """Normalize an id, so that two systems' spellings of it are equal.

    The gradebook percent-encodes what a folder name cannot contain; Moodle's worksheet writes ``Participant 31415``
    for the student whom its downloads call ``31415``.
    """
    return unicodedata.normalize("NFC", unquote(text).strip()).casefold().removeprefix("participant ")


def _list(names: Sequence[str]) -> str:
    rest = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(names[:_MAX_NAMES]) + rest


def read_roster(file: Path, platform: Platform) -> Roster:
    """Read the file that a platform exported.

    Raises:
        CourseError: the file is not an export of this platform, or another program has changed it.
    """
    text, encoding = _decoded(file)
    tables = {delimiter: _table(text, delimiter) for delimiter in _DELIMITERS}
    delimiter = next((delimiter for delimiter, table in tables.items() if _fits(table, platform)), "")
    if not delimiter:
        widest = max(tables.values(), key=lambda table: len(table[0]) if table else 0)
        raise CourseError(_describe_mismatch(widest, platform), file)
    header, *rows = tables[delimiter]
    points: tuple[str, ...] = ()
    students = []
    for number, row in enumerate(rows, 2):
        if len(row) != len(header) and any(row):
            message = f"row {number} has {len(row)} cells, expected {len(header)} as in the header; export it again"
            raise CourseError(message, file)
        if platform is CANVAS and any("Points Possible" in cell for cell in row[:1]):
            points = tuple(row)
        elif any(row) and not all(_NO_STUDENT.fullmatch(cell) for cell in row):
            students.append(tuple(row))
    if repeated := sorted({name for name in header if name and header.count(name) > 1}):
        raise CourseError(f"the column {repeated[0]!r} occurs more than once; export it again", file)
    return Roster(file, platform, tuple(header), tuple(students), points, delimiter, encoding)


def _decoded(file: Path) -> tuple[str, str]:
    """Return the text of a file, and its encoding."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise CourseError(f"cannot be read: {error.strerror}", file) from error
    if data.startswith(b"PK"):
        raise CourseError("is a workbook or a zip, expected a CSV; use the file as the platform exported it", file)
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return data.decode(encoding), encoding
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        message = f"line {line} is neither UTF-8 nor UTF-16; use the file as exported, not as a spreadsheet saved it"
        raise CourseError(message, file) from error


def _table(text: str, delimiter: str) -> list[list[str]]:
    try:
        table = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return []
    return [[name.strip() for name in table[0]], *table[1:]] if table else []


def _fits(table: list[list[str]], platform: Platform) -> bool:
    """Return True if a table has the columns of a platform."""
    header = set(table[0]) if table else set()
    has_names = header.intersection(platform.name_columns) or platform is BLACKBOARD
    has_ids = header.intersection(platform.id_columns)
    return bool(header.issuperset(platform.required_columns) and has_names and has_ids)


def _describe_mismatch(table: list[list[str]], platform: Platform) -> str:
    columns = ", ".join(filter(None, table[0][:8])) if table else "no table"
    required = " and ".join(dict.fromkeys((*platform.required_columns, *platform.name_columns[:1])))
    other = next((one.title for one in PLATFORMS.values() if _fits(table, one)), "")
    return (
        f"is not a gradebook that {platform.title} exported in English: expected the columns {required} and one of "
        f"{', '.join(platform.id_columns)}, found {columns}{f'; it looks like an export of {other}' if other else ''}"
    )
