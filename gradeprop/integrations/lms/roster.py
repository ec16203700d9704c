"""What a learning platform exports, as the list of who is in the course: its columns, and the row of each student.

A row goes back as it came, in the columns that say whose it is: the platform alone knows its ids.
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

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Roster:
    """A file that a platform exported."""

    file: Path
    platform: Platform
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """of students; those that tell points and policies are left out"""
    points: tuple[str, ...]
    """Canvas' row of points possible, or nothing"""
    delimiter: str
    encoding: str

    def rows_of(self, students: Iterable[tuple[str, Sequence[str]]]) -> dict[str, int]:
        """The row of each student.

        Args:
            students: the name in the gradebook, and what else the student may be known by.

        Raises:
            CourseError: a student has no row, or several, or shares one.
        """
        found = {name: self._rows_of((name, *more)) for name, more in students}
        if unknown := [name for name, rows in found.items() if not rows]:
            columns = ", ".join(key for key in self.platform.keys if key in self.header)
            message = (
                f"no row for {_listed(unknown)}, looked for in {columns}. Export it again if they joined since; "
                "--leave-out NAME exports the others"
            )
            raise CourseError(message, self.file)
        owners = defaultdict[int, list[str]](list)
        for name, rows in found.items():
            for row in rows:
                owners[row].append(name)
        if doubled := [name for name, rows in found.items() if len(rows) > 1]:
            raise CourseError(f"more than one row for {_listed(doubled)}; which is theirs?", self.file)
        if shared := next((names for names in owners.values() if len(names) > 1), None):
            raise CourseError(f"{_listed(shared)} of the gradebook all have one row; who are they?", self.file)
        return {name: rows[0] for name, rows in found.items()}

    def _rows_of(self, names: Sequence[str]) -> list[int]:
        wanted = {_folded(name) for name in names}
        keys = [(number, _folded(row[at])) for number, row in enumerate(self.rows) for at in self._key_columns()]
        exact = {number for number, key in keys if key in wanted}
        return sorted(exact or {number for number, key in keys if "@" in key and key.partition("@")[0] in wanted})

    def _key_columns(self) -> list[int]:
        return [self.header.index(key) for key in self.platform.keys if key in self.header]

    def column(self, titles: Iterable[str]) -> int | None:
        """The column of grades with one of these titles, if there is one.

        Raises:
            CourseError: there are several.
        """
        wanted = {_folded(title) for title in titles}
        fitting = []
        for at, text in enumerate(self.header):
            match = self.platform.column.fullmatch(text)
            if wanted & {_folded(text), _folded(match["title"]) if match else ""}:
                fitting.append(at)
        if len(fitting) > 1:
            both = " and ".join(repr(self.header[at]) for at in fitting)
            raise CourseError(f"{both} could both be meant; --column HW=TITLE says which", self.file)
        return fitting[0] if fitting else None


def _folded(text: str) -> str:
    """As two systems may write one name.

    The gradebook percent-encodes what a folder cannot be called; Moodle's worksheet has ``Participant 31415`` for
    what is ``31415`` in its downloads.
    """
    return unicodedata.normalize("NFC", unquote(text).strip()).casefold().removeprefix("participant ")


def _listed(names: Sequence[str]) -> str:
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + rest


def read_roster(file: Path, platform: Platform) -> Roster:
    """Read a platform's export.

    Raises:
        CourseError: it is not one of this platform, or was changed on its way.
    """
    text, encoding = _text(file)
    tables = [_table(text, delimiter) for delimiter in ",\t;"]
    fitting = [(table, delimiter) for table, delimiter in zip(tables, ",\t;", strict=True) if _fits(table, platform)]
    if not fitting:
        raise CourseError(_unlike(max(tables, key=lambda table: len(table[0]) if table else 0), platform), file)
    (header, *rows), delimiter = fitting[0]
    points: tuple[str, ...] = ()
    students = []
    for number, row in enumerate(rows, 2):
        if len(row) != len(header) and any(row):
            message = f"row {number} has {len(row)} cells, and the header {len(header)}; export it again"
            raise CourseError(message, file)
        if platform is CANVAS and "Points Possible" in row[0]:
            points = tuple(row)
        elif any(row) and not all(re.fullmatch(r"\s*(muted|manual posting.*)?\s*", cell, re.I) for cell in row):
            students.append(tuple(row))
    if twice := sorted({name for name in header if name and header.count(name) > 1}):
        raise CourseError(f"the column {twice[0]!r} is there twice", file)
    return Roster(file, platform, tuple(header), tuple(students), points, delimiter, encoding)


def _text(file: Path) -> tuple[str, str]:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise CourseError(f"cannot be read: {error.strerror}", file) from error
    if data.startswith(b"PK"):
        raise CourseError("is a workbook or a zip; give the file as the platform exported it, a CSV", file)
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return data.decode(encoding), encoding
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        message = f"line {line} is neither UTF-8 nor UTF-16; give the file as exported, not as a spreadsheet saved it"
        raise CourseError(message, file) from error


def _table(text: str, delimiter: str) -> list[list[str]]:
    try:
        table = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return []
    return [[name.strip() for name in table[0]], *table[1:]] if table else []


def _fits(table: list[list[str]], platform: Platform) -> bool:
    header = set(table[0]) if table else set()
    named = header.intersection(platform.names) or platform is BLACKBOARD
    return bool(header.issuperset(platform.needed) and named and header.intersection(platform.keys))


def _unlike(table: list[list[str]], platform: Platform) -> str:
    seen = ", ".join(filter(None, table[0][:8])) if table else "no table at all"
    other = next((one.title for one in PLATFORMS.values() if _fits(table, one)), "")
    looks = f"; it looks like {other}'s" if other else ""
    wanted = (
        f"{' and '.join(dict.fromkeys((*platform.needed, *platform.names[:1])))} and one of {', '.join(platform.keys)}"
    )
    return (
        f"is no gradebook exported by {platform.title} in English: it needs the columns {wanted}, and has {seen}{looks}"
    )
