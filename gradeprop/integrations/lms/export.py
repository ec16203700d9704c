"""Scores → the file that Canvas, Moodle or Blackboard imports; as a command, and as plugins of ``nbgrader export``.

    rows     whoever has a submission here; all others keep what they have in the platform
    cells    a score; nothing where it waits for a person, never a zero; where somebody has no submission in one of
             several assignments, what the roster says

What each platform takes was read in its own importer (Canvas: lib/gradebook_importer.rb; Moodle: grade/import/csv) or,
for Blackboard, in its manual. docs/lms.md says it in full.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from gradeprop.core import models, storage
from gradeprop.core.errors import CourseError
from gradeprop.core.models import Assignment, Record
from gradeprop.core.paths import CoursePaths
from gradeprop.core.sanitize import for_csv_cell
from gradeprop.core.storage import write_bytes
from gradeprop.course.config import read_assignment
from gradeprop.integrations.lms.platforms import BLACKBOARD, CANVAS, MOODLE, Platform
from gradeprop.integrations.lms.roster import Roster, read_roster
from gradeprop.results import gradebook_db, gradebook_scores
from gradeprop.results.gradebook_scores import AssignmentScores, Score
from gradeprop.results.grades_csv import short

_MOODLE_MOST = 100


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What is to be exported, and how."""

    platform: Platform
    roster: Path | None = None
    questions: bool = False
    """a column for each question, too"""
    titles: Mapping[str, str] = field(default_factory=dict)
    """what the platform calls an assignment, where it has a name of its own there"""
    left_out: frozenset[str] = frozenset()
    """students that are not exported"""
    to: Path | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of grades."""

    header: str
    most: float
    at: int | None
    """which column of the roster it is"""
    cells: dict[str, str]
    """by student; empty where a score waits"""


@dataclass(frozen=True, slots=True)
class Change:
    """A cell that is not as in the last export; ``None`` where it was not, or is not, in it."""

    student: str
    column: str
    before: str | None
    now: str | None


class Exported(Record, frozen=True, kw_only=True):
    """What an export said, for the next one to be held against."""

    schema: int = models.SCHEMA
    columns: dict[str, dict[str, str]]


class Export:
    """A file for a platform, made and not yet written."""

    def __init__(self, course: CoursePaths, wish: ExportOptions, sheets: Sequence[AssignmentScores]) -> None:
        """Make it.

        Raises:
            CourseError: the roster does not fit, there is nothing to export, or an earlier export cannot be read.
        """
        self.wish, self._kept = wish, course.exported(wish.platform.name)
        courses = {sheet.name: read_assignment(course, sheet.name) for sheet in sheets}
        sheets = [_ordered(sheet, courses[sheet.name]) for sheet in sheets]
        self.file = wish.to or Path(f"{wish.platform.name}{wish.platform.ending}")
        if wish.roster and wish.roster.resolve() == self.file.resolve():
            raise CourseError("is the roster itself; --to names another file for the grades", self.file)
        roster = read_roster(wish.roster, wish.platform) if wish.roster else None
        scored = {sheet.name: [one for one in sheet.scores if one.student not in wish.left_out] for sheet in sheets}
        everyone = {one.student: one for group in scored.values() for one in group}
        if strange := wish.left_out - {one.student for sheet in sheets for one in sheet.scores}:
            raise CourseError(
                f"--leave-out names {', '.join(sorted(strange))}, who handed in nothing", course.gradebook
            )
        if unused := wish.titles.keys() - scored.keys():
            raise CourseError(f"--column names {', '.join(sorted(unused))}, which is not exported", course.gradebook)
        if not everyone:
            raise CourseError("there is no submission to export", course.gradebook)
        rows = roster.rows_of((one.student, one.names) for one in everyone.values()) if roster else {}
        self.held = {
            (one.student, name): one.waiting for name, group in scored.items() for one in group if one.total is None
        }
        self.columns = [
            column
            for sheet in sheets
            for column in _columns(sheet, scored[sheet.name], (courses[sheet.name].title, sheet.name), wish, roster)
        ]
        self.students = sorted(everyone, key=lambda name: (rows.get(name, 0), name.casefold(), name))
        self.notes = list(_notes(self.columns, wish.platform, roster))
        self.table = _table(self.students, self.columns, wish.platform, roster, rows)
        self._encoding = roster.encoding if roster and wish.platform is BLACKBOARD else wish.platform.encoding
        self._delimiter = roster.delimiter if roster and wish.platform is BLACKBOARD else wish.platform.delimiter
        self._last = storage.read(Exported, self._kept).columns if self._kept.is_file() else {}

    @property
    def changes(self) -> list[Change]:
        """What is not as in the last export of these columns."""
        found = []
        for column in self.columns:
            before = self._last.get(column.header, {})
            for student in [*column.cells, *(gone for gone in before if gone not in column.cells)]:
                change = Change(student, column.header, before.get(student), column.cells.get(student))
                found += [change] if (change.before or "") != (change.now or "") else []
        return found

    def data(self) -> bytes:
        """The file as bytes."""
        text = io.StringIO(newline="")
        quoted = self.wish.platform is BLACKBOARD
        quoting: Literal[0, 1] = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
        csv.writer(text, delimiter=self._delimiter, quoting=quoting).writerows(self.table)
        if self._encoding == "utf-16":
            return b"\xff\xfe" + text.getvalue().encode("utf-16-le")
        return text.getvalue().encode(self._encoding)

    def write(self) -> Path:
        """Write the file, and then what it says for the next time; each is there whole or not at all."""
        write_bytes(self.data(), self.file)
        columns = self._last | {column.header: column.cells for column in self.columns}
        storage.write(Exported(columns=columns), self._kept)
        return self.file


def make(course: CoursePaths, wish: ExportOptions, names: Sequence[str] = ()) -> Export:
    """The export of these assignments, or of all that were graded.

    Raises:
        CourseError: the gradebook or the roster cannot be used; nothing is written.
    """
    return Export(course, wish, gradebook_scores.read(gradebook_db.url(course), names))


def _ordered(sheet: AssignmentScores, assignment: Assignment) -> AssignmentScores:
    """The questions as the assignment has them; the database keeps no order."""
    places = {question.name: place for place, question in enumerate(assignment.questions)}

    def ordered(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(names, key=lambda name: (places.get(name, len(places)), name)))

    most = {name: sheet.most[name] for name in ordered(sheet.most)}
    return AssignmentScores(sheet.name, most, tuple(replace(one, waiting=ordered(one.waiting)) for one in sheet.scores))


def _columns(
    sheet: AssignmentScores, scored: Sequence[Score], titles: Sequence[str], wish: ExportOptions, roster: Roster | None
) -> Iterable[Column]:
    """That of the whole assignment, and where it is wished those of its questions."""
    titles = [wish.titles[sheet.name]] if sheet.name in wish.titles else titles
    totals = {one.student: one.total for one in scored}
    yield _column(titles, sum(sheet.most.values()), totals, roster, strict=sheet.name in wish.titles)
    for question, most in sheet.most.items() if wish.questions else ():
        points = {one.student: one.points.get(question) for one in scored}
        yield _column([f"{title}: {question}" for title in titles], most, points, roster)


def _column(
    titles: Sequence[str], most: float, points: dict[str, float | None], roster: Roster | None, strict: bool = False
) -> Column:
    at = roster.column(titles) if roster else None
    if roster and at is None and strict:
        raise CourseError(f"it has no column {titles[0]!r}; it has: {', '.join(roster.header)}", roster.file)
    header = roster.header[at] if roster and at is not None else titles[0]
    return Column(header, most, at, {name: _cell(value) for name, value in points.items()})


def _cell(points: float | None) -> str:
    return "" if points is None else str(short(round(points, 4)))


def _notes(columns: Sequence[Column], platform: Platform, roster: Roster | None) -> Iterable[str]:
    """What a platform would do with the points that nobody expects."""
    for column in columns:
        match = platform.column.fullmatch(column.header)
        theirs = match.groupdict().get("points") if match else None
        if platform is CANVAS and roster and roster.points and column.at is not None:
            theirs = roster.points[column.at]
        if theirs and _differ(theirs, column.most):
            does = (
                "the import changes that" if platform is CANVAS else "change it there, since points go in as they are"
            )
            yield f"{column.header}: {short(column.most)} points here, {theirs} in {platform.title}; {does}."
        if platform is MOODLE and column.most > _MOODLE_MOST:
            yield (
                f"{column.header}: {short(column.most)} points, and Moodle refuses a whole file with a grade above 100 "
                "unless unlimitedgrades and gradepointmax allow it."
            )


def _differ(theirs: str, ours: float) -> bool:
    try:
        return abs(float(theirs.replace(",", ".")) - ours) > 1e-6
    except ValueError:
        return False


def _table(
    students: Sequence[str],
    columns: Sequence[Column],
    platform: Platform,
    roster: Roster | None,
    rows: Mapping[str, int],
) -> list[list[str]]:
    """The whole file, header first."""
    whose = [name for name in (roster.header if roster else platform.bare) if name in _identifying(platform)]
    table = [[*whose, *(for_csv_cell(column.header) for column in columns)]]
    if platform is CANVAS:
        points = [str(short(column.most)) for column in columns]
        table.append(["    Points Possible", *[""] * (len(whose) - 1), *points])
    for student in students:
        row = roster.rows[rows[student]] if roster else ()
        known = dict(zip(roster.header, row, strict=True)) if roster else _bare(student, platform)
        table.append([
            *(for_csv_cell(known[name]) if name in platform.names else known[name] for name in whose),
            *((column.cells.get(student, row[column.at] if column.at is not None else "") or platform.empty)
              for column in columns),
        ])  # fmt: skip
    return table


def _identifying(platform: Platform) -> set[str]:
    return {*platform.names, *platform.keys, *platform.others}


def _bare(student: str, platform: Platform) -> dict[str, str]:
    """The row of a student without a roster: what we call them is taken for their login."""
    return dict.fromkeys(platform.bare, "") | {platform.names[0]: student, platform.keys[0]: student}


def held(export: Export) -> list[str]:
    """Who is left without a grade, and for which questions, as sentences."""
    groups = defaultdict[tuple[str, tuple[str, ...]], list[str]](list)
    for (student, name), waiting in export.held.items():
        groups[name, waiting].append(student)
    return [
        f"No grade for {name} yet, since a person is to look at {', '.join(waiting)}: {', '.join(students)}."
        for (name, waiting), students in groups.items()
    ]
