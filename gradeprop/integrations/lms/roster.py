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

from rapidfuzz import fuzz

from gradeprop.core.errors import CourseError
from gradeprop.integrations.lms.platforms import PLATFORMS, Platform

_MAX_NAMES = 10
_DELIMITERS = ",\t;"
_NO_STUDENT = re.compile(r"\s*(muted|manual posting.*)?\s*", re.IGNORECASE)  # Canvas' row of posting policies


@dataclass(frozen=True, slots=True)
class Roster:
    """The content of a file that a platform exported."""

    file: Path | str
    """where it comes from, for messages"""
    platform: Platform
    """the format of the file"""
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """one for each student, without rows of points and policies"""
    names: tuple[str, ...] = ()
    """the header with our titles for the columns that were recognised; empty if it needs none"""
    points: tuple[str, ...] = ()
    """Canvas' row of points possible; empty for other platforms"""
    delimiter: str = ","
    encoding: str = "utf-8"

    @property
    def titles(self) -> tuple[str, ...]:
        """The titles by which the platform's record knows the columns."""
        return self.names or self.header

    def find_rows(self, students: Iterable[tuple[str, Sequence[str]]]) -> dict[str, int]:
        """Return the index of each student's row; a student who has none has left the course.

        Args:
            students: the id in the gradebook, and other ids that the platform may use.

        Raises:
            CourseError: most students match no row, a student matches several, or two students match one row.
        """
        ids, mailboxes = self._index()
        wanted = {name: [folded for each in (name, *others) if (folded := _folded(each))] for name, others in students}
        matches = {
            name: set().union(*(ids[each] for each in texts)) or set().union(*(mailboxes[each] for each in texts))
            for name, texts in wanted.items()
        }
        unknown = [name for name, rows in matches.items() if not rows]
        if 2 * len(unknown) > len(matches):
            columns = ", ".join(self._titles_of(self.platform.id_columns))
            message = (
                f"found no row for {len(unknown)} of {len(matches)} students in the columns {columns} "
                f"({list_names(unknown)}); is it the roster of another course, or does it name them by other ids?"
            )
            raise CourseError(message, self.file)
        if several := [name for name, rows in matches.items() if len(rows) > 1]:
            raise CourseError(f"found more than one row for {list_names(several)}, expected one each", self.file)
        students_of = defaultdict[int, list[str]](list)
        for name, rows in matches.items():
            for row in rows:
                students_of[row].append(name)
        if shared := next((names for names in students_of.values() if len(names) > 1), None):
            message = f"the students {list_names(shared)} of the gradebook match the same row, expected one row each"
            raise CourseError(message, self.file)
        return {name: row for name, rows in matches.items() for row in rows}

    def _index(self) -> tuple[dict[str, set[int]], dict[str, set[int]]]:
        """Return the rows of each id, and those of the part of an e-mail address before the @."""
        columns = [index for index, title in enumerate(self.titles) if title in self.platform.id_columns]
        prefix = re.compile(self.platform.id_prefix)
        ids, mailboxes = defaultdict[str, set[int]](set), defaultdict[str, set[int]](set)
        for number, row in enumerate(self.rows):
            for text in (_folded(prefix.sub("", row[column], count=1)) for column in columns):
                ids[text].add(number)
                if "@" in text:
                    mailboxes[text.partition("@")[0]].add(number)
        return ids, mailboxes

    def id_of(self, row: int) -> str:
        """Return the first id of a row that is not empty."""
        found = dict(zip(self.titles, self.rows[row], strict=True))
        return next((found[title] for title in self.platform.id_columns if found.get(title)), f"row {row + 2}")

    def find_column(self, titles: Sequence[str]) -> int | None:
        """Return the index of the grade column with one of these titles; None if there is none.

        Raises:
            CourseError: several columns match.
        """
        if only := self.platform.only_column:
            return self.titles.index(only)
        wanted = {_folded(title) for title in titles}
        matching = [index for index, names in self._grade_columns().items() if wanted & names]
        if len(matching) > 1:
            columns = " and ".join(repr(self.header[index]) for index in matching)
            raise CourseError(f"the columns {columns} both match; choose one with --column HW=TITLE", self.file)
        return matching[0] if matching else None

    def candidates(self, title: str) -> list[str]:
        """Return the titles of the grade columns, the ones most like ``title`` first."""
        matches = (self.platform.grade_column.fullmatch(self.header[index]) for index in self._grade_columns())
        return most_alike(title, [match["title"] for match in matches if match])

    def _grade_columns(self) -> dict[int, set[str]]:
        """Return the columns that do not describe the student: index → header, and title if it is one of grades."""
        columns = {}
        for index, text in enumerate(self.header):
            if self.titles[index] not in self.platform.student_columns:
                match = self.platform.grade_column.fullmatch(text)
                columns[index] = {_folded(text), _folded(match["title"] if match else text)}
        return columns

    def _titles_of(self, columns: Sequence[str]) -> list[str]:
        """Return the headers of the columns that have one of these titles."""
        found = dict(zip(self.titles, self.header, strict=True))
        return [found[title] for title in columns if title in found]


def most_alike(title: str, known: Iterable[str]) -> list[str]:
    """Sort titles, the ones most like ``title`` first."""
    return sorted(known, key=lambda each: -fuzz.ratio(_folded(each), _folded(title)))


def _folded(text: str) -> str:
    """Normalize an id, so that two systems' spellings of it are equal.

    The gradebook percent-encodes what a folder name cannot contain.
    """
    return unicodedata.normalize("NFC", unquote(text).strip()).casefold()


def list_names(names: Sequence[str]) -> str:
    """Join names for a message; of many only the first."""
    rest = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(names[:_MAX_NAMES]) + rest


def read_roster(file: Path, platform: Platform) -> Roster:
    """Read the file that a platform exported: its gradebook, or another file that may stand for it.

    Raises:
        CourseError: the file is not an export of this platform, or another program has changed it.
    """
    text, encoding = _decoded(file)
    tables = {delimiter: _table(text, delimiter) for delimiter in _DELIMITERS}
    for form in (*platform.also, platform):
        for delimiter, table in tables.items():
            if table and _fits(table, form):
                return _roster(file, form, table, delimiter, encoding)
    widest = max(tables.values(), key=lambda table: len(table[0]) if table else 0)
    raise CourseError(_describe_mismatch(widest, platform), file)


def _roster(file: Path, platform: Platform, table: list[list[str]], delimiter: str, encoding: str) -> Roster:
    """Check a table, and separate its rows of students from others."""
    header, *rows = table
    points: tuple[str, ...] = ()
    students = []
    for number, row in enumerate(rows, 2):
        if len(row) != len(header) and any(row):
            message = f"row {number} has {len(row)} cells, expected {len(header)} as in the header; export it again"
            raise CourseError(message, file)
        if row and platform.points_row and platform.points_row.strip() in row[0]:
            points = tuple(row)
        elif any(row) and not all(_NO_STUDENT.fullmatch(cell) for cell in row):
            students.append(tuple(row))
    if repeated := sorted({name for name in header if name and header.count(name) > 1}):
        raise CourseError(f"the column {repeated[0]!r} occurs more than once; export it again", file)
    names = _titles(table, platform)
    return Roster(file, platform, tuple(header), tuple(students), tuple(names), points, delimiter, encoding)


def _titles(table: list[list[str]], platform: Platform) -> list[str]:
    """Return the header with our titles for the columns that the platform's record recognises by their content."""
    header, *rows = table
    whole = [row for row in rows if len(row) == len(header) and any(row)]
    known = platform.recognise(header, whole)
    return [known.get(index, title) for index, title in enumerate(header)]


def read_csv_bytes(file: Path, advice: str) -> bytes:
    """Return the bytes of a file that should be a CSV.

    Raises:
        CourseError: it cannot be read, or is a workbook; then the advice is given.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise CourseError(f"cannot be read: {error.strerror}", file) from error
    if data.startswith(b"PK"):
        raise CourseError(f"is a workbook or a zip, expected a CSV; {advice}", file)
    return data


def _decoded(file: Path) -> tuple[str, str]:
    """Return the text of a file, and its encoding."""
    data = read_csv_bytes(file, "use the file as the platform exported it")
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
    titles = set(_titles(table, platform))
    return bool(titles.issuperset(platform.required_columns) and titles.intersection(platform.id_columns))


def _describe_mismatch(table: list[list[str]], platform: Platform) -> str:
    columns = ", ".join(filter(None, table[0][:8])) if table else "no table"
    required = "".join(f"{name} and " for name in (*platform.required_columns, *platform.name_columns[:1]))
    others = (one for one in PLATFORMS.values() if one is not platform and table and _fits(table, one))
    other = next((one.title for one in others if one.required_columns or one.also), "")
    return (
        f"is not a file that {platform.title} exported: expected the columns {required}one of "
        f"{', '.join(platform.id_columns)}, found {columns}{f'; it looks like an export of {other}' if other else ''}. "
        "If its ids are in another column, name it with --id-column."
    )
