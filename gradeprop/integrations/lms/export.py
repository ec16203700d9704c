"""Scores from the gradebook as a file that Canvas, Moodle or Blackboard imports.

    rows     the students with a submission; the platform keeps what it has for everyone else
    cells    a score; empty while a question is ungraded, never a zero; the roster's own cell if a student has no
             submission in one of several assignments

Sources: for Canvas and Moodle their importers (lib/gradebook_importer.rb; grade/import/csv), for Blackboard its manual.
docs/lms.md has the details.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from gradeprop.core import models, storage
from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import CourseError
from gradeprop.core.models import Record
from gradeprop.core.paths import CoursePaths
from gradeprop.core.sanitize import for_csv_cell
from gradeprop.core.storage import write_bytes
from gradeprop.course.config import read_assignment
from gradeprop.integrations.lms.platforms import BLACKBOARD, CANVAS, MOODLE, Platform
from gradeprop.integrations.lms.roster import Roster, read_roster
from gradeprop.results import gradebook_scores
from gradeprop.results.gradebook_scores import AssignmentScores, StudentScore
from gradeprop.results.grades_csv import short

_MOODLE_MAX_POINTS = 100


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """The choices for one export."""

    platform: Platform
    roster: Path | None = None
    questions: bool = False
    """add a column for each question"""
    titles: Mapping[str, str] = field(default_factory=dict)
    """the platform's title of an assignment, if it differs from ours"""
    left_out: frozenset[str] = frozenset()
    """students that are not exported"""
    to: Path | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of grades."""

    header: str
    max_points: float
    index: int | None
    """of the column in the roster; None if it is new"""
    cells: dict[str, str]
    """by student; empty while a question is ungraded"""


@dataclass(frozen=True, slots=True)
class Change:
    """A cell that differs from the last export; None if the student was not, or is not, in it."""

    student: str
    column: str
    before: str | None
    now: str | None


class PastExport(Record, frozen=True, kw_only=True):
    """The cells of earlier exports to a platform, by column and student."""

    schema: int = models.SCHEMA
    columns: dict[str, dict[str, str]] = {}  # noqa: RUF012  (msgspec copies defaults)


@dataclass(frozen=True, slots=True)
class Export:
    """A file for a platform that is built and not yet written."""

    file: Path
    data: bytes
    students: tuple[str, ...]
    changes: tuple[Change, ...]
    warnings: tuple[str, ...]
    """sentences about points that differ from the platform's, and students without a grade"""
    past: PastExport
    """as it will be after this export"""
    past_file: Path

    def write(self) -> Path:
        """Write the file, then remember its cells for the next export; each is written whole or not at all.

        Raises:
            JailError: a file cannot be written.
        """
        write_bytes(self.data, self.file)
        storage.write(self.past, self.past_file)
        return self.file


def prepare_export(course: CoursePaths, options: ExportOptions, names: Sequence[str] = ()) -> Export:
    """Build the export of these assignments, or of all that were graded, from the course's gradebook.

    Raises:
        CourseError: the gradebook cannot be read, or as ``build_export``.
    """
    return build_export(course, options, gradebook_scores.read_course(course, names))


def build_export(course: CoursePaths, options: ExportOptions, scores: Sequence[AssignmentScores]) -> Export:
    """Build the file for a platform; nothing is written.

    Raises:
        CourseError: the roster does not fit, an option names what does not exist, there is no submission, or the
            record of past exports cannot be read.
    """
    platform = options.platform
    file = options.to or Path(f"{platform.name}{platform.suffix}")
    if options.roster and options.roster.resolve() == file.resolve():
        raise CourseError("is the roster itself; choose another file for the grades with --to", file)
    assignments = {one.name: read_assignment(course, one.name) for one in scores}
    roster = read_roster(options.roster, platform) if options.roster else None
    exported = [_selected(one, assignments[one.name], options.left_out) for one in scores]
    _check_names(options, scores, course.gradebook)
    students = {score.student: score for one in exported for score in one.scores}
    if not students:
        raise CourseError("there is no submission to export", course.gradebook)
    rows = roster.find_rows((name, score.other_ids) for name, score in students.items()) if roster else {}
    columns = [column for one in exported for column in _columns(one, assignments[one.name], options, roster)]
    order = sorted(students, key=lambda name: (rows.get(name, 0), name.casefold(), name))
    past_file = course.exported(platform.name)
    past = storage.read(PastExport, past_file) if past_file.is_file() else PastExport()
    return Export(
        file=file,
        data=_encoded(_table(order, columns, platform, roster, rows), platform, roster),
        students=tuple(order),
        changes=tuple(_changes(columns, past)),
        warnings=(*_point_warnings(columns, platform, roster), *_ungraded_warnings(exported)),
        past=PastExport(columns=past.columns | {column.header: column.cells for column in columns}),
        past_file=past_file,
    )


def _check_names(options: ExportOptions, scores: Sequence[AssignmentScores], gradebook: Path) -> None:
    """Check that the options name only students and assignments that exist."""
    if unknown := options.left_out - {score.student for one in scores for score in one.scores}:
        raise CourseError(f"--leave-out names {', '.join(sorted(unknown))}, who submitted nothing", gradebook)
    if unused := options.titles.keys() - {one.name for one in scores}:
        raise CourseError(f"--column names {', '.join(sorted(unused))}, which is not exported", gradebook)


def _selected(scores: AssignmentScores, assignment: Assignment, left_out: frozenset[str]) -> AssignmentScores:
    """Leave students out, and sort the questions as in the assignment: the database keeps no order."""
    places = {question.name: place for place, question in enumerate(assignment.questions)}

    def ordered(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(names, key=lambda name: (places.get(name, len(places)), name)))

    return AssignmentScores(
        scores.name,
        {name: scores.max_points[name] for name in ordered(scores.max_points)},
        tuple(
            replace(score, ungraded=ordered(score.ungraded)) for score in scores.scores if score.student not in left_out
        ),
    )


def _columns(
    scores: AssignmentScores, assignment: Assignment, options: ExportOptions, roster: Roster | None
) -> Iterator[Column]:
    """Yield the column of an assignment, and those of its questions if the options ask for them."""
    chosen = options.titles.get(scores.name)
    titles = [chosen] if chosen else [assignment.title, scores.name]
    totals = {score.student: score.total for score in scores.scores}
    yield _column(titles, sum(scores.max_points.values()), totals, roster, must_exist=bool(chosen))
    for question, max_points in scores.max_points.items() if options.questions else ():
        points = {score.student: score.points.get(question) for score in scores.scores}
        yield _column([f"{title}: {question}" for title in titles], max_points, points, roster)


def _column(
    titles: Sequence[str],
    max_points: float,
    points: dict[str, float | None],
    roster: Roster | None,
    must_exist: bool = False,
) -> Column:
    index = roster.find_column(titles) if roster else None
    if roster and index is None and must_exist:
        raise CourseError(f"found no column {titles[0]!r}; its columns are: {', '.join(roster.header)}", roster.file)
    header = roster.header[index] if roster and index is not None else titles[0]
    cells = {name: "" if value is None else str(short(round(value, 4))) for name, value in points.items()}
    return Column(header, max_points, index, cells)


def _changes(columns: Sequence[Column], past: PastExport) -> Iterator[Change]:
    """Yield the cells that differ from the last export of these columns."""
    for column in columns:
        before = past.columns.get(column.header, {})
        for student in dict.fromkeys((*column.cells, *before)):
            change = Change(student, column.header, before.get(student), column.cells.get(student))
            if (change.before or "") != (change.now or ""):
                yield change


def _point_warnings(columns: Sequence[Column], platform: Platform, roster: Roster | None) -> Iterator[str]:
    """Warn of maximum points that differ from the platform's, or that it rejects."""
    for column in columns:
        match = platform.grade_column.fullmatch(column.header)
        theirs = match.groupdict().get("points") if match else None
        if platform is CANVAS and roster and roster.points and column.index is not None:
            theirs = roster.points[column.index]
        ours = short(column.max_points)
        if theirs and _differ(theirs, column.max_points):
            advice = (
                f"the import changes it to {ours}"
                if platform is CANVAS
                else f"change it in {platform.title}, since points are exported unscaled"
            )
            yield f"{column.header}: {ours} points in the gradebook, {theirs} in {platform.title}; {advice}."
        if platform is MOODLE and column.max_points > _MOODLE_MAX_POINTS:
            yield (
                f"{column.header}: {ours} points, but Moodle rejects a file with a grade above {_MOODLE_MAX_POINTS} "
                "unless its settings unlimitedgrades and gradepointmax allow it."
            )


def _differ(theirs: str, ours: float) -> bool:
    try:
        return abs(float(theirs.replace(",", ".")) - ours) > 1e-6
    except ValueError:
        return False


def _ungraded_warnings(exported: Sequence[AssignmentScores]) -> Iterator[str]:
    """Name the students without a total, and the questions that still have to be graded."""
    for one in exported:
        groups = defaultdict[tuple[str, ...], list[StudentScore]](list)
        for score in one.scores:
            if score.total is None and not score.excused:
                groups[score.ungraded].append(score)
        for questions, scores in groups.items():
            students = ", ".join(score.student for score in scores)
            yield f"No grade for {one.name} yet; still to be graded: {', '.join(questions)} ({students})."


def _table(
    students: Sequence[str],
    columns: Sequence[Column],
    platform: Platform,
    roster: Roster | None,
    rows: Mapping[str, int],
) -> list[list[str]]:
    """Return all rows of the file, the header first."""
    header = roster.header if roster else platform.default_columns
    kept = [name for name in header if name in platform.student_columns]
    table = [[*kept, *(for_csv_cell(column.header) for column in columns)]]
    if platform is CANVAS:
        points = [str(short(column.max_points)) for column in columns]
        table.append(["    Points Possible", *[""] * (len(kept) - 1), *points])
    for student in students:
        row = roster.rows[rows[student]] if roster else ()
        known = dict(zip(roster.header, row, strict=True)) if roster else _default_row(student, platform)
        names = (for_csv_cell(known[name]) if name in platform.name_columns else known[name] for name in kept)
        table.append([*names, *(_cell(column, student, row) or platform.no_grade for column in columns)])
    return table


def _cell(column: Column, student: str, row: Sequence[str]) -> str:
    """Return the grade of a student; without a submission, the roster's own cell."""
    return column.cells.get(student, row[column.index] if column.index is not None else "")


def _default_row(student: str, platform: Platform) -> dict[str, str]:
    """Return the row of a student without a roster: the id in the gradebook stands for the name and the login."""
    name, login = platform.name_columns[0], platform.id_columns[0]
    return dict.fromkeys(platform.default_columns, "") | {name: student, login: student}


def _encoded(table: list[list[str]], platform: Platform, roster: Roster | None) -> bytes:
    """Return the file as bytes; Blackboard gets the roster's own delimiter and encoding."""
    own = roster if roster and platform is BLACKBOARD else platform
    text = io.StringIO(newline="")
    quoting: Literal[0, 1] = csv.QUOTE_ALL if platform is BLACKBOARD else csv.QUOTE_MINIMAL
    csv.writer(text, delimiter=own.delimiter, quoting=quoting).writerows(table)
    if own.encoding == "utf-16":
        return b"\xff\xfe" + text.getvalue().encode("utf-16-le")
    return text.getvalue().encode(own.encoding)
