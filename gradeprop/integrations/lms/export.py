"""Scores from the gradebook as a file that a learning platform imports.

    rows     the students with a submission; the platform keeps what it has for everyone else
    cells    a score; empty while a question is ungraded, never a zero; the roster's own cell if a student has no
             submission in one of several assignments, or is excused on the platform

docs/lms.md has the details.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gradeprop.core import models, storage
from gradeprop.core.errors import CourseError
from gradeprop.core.models import Record
from gradeprop.core.paths import CoursePaths
from gradeprop.core.sanitize import without_formula
from gradeprop.course.config import read_assignment
from gradeprop.integrations.lms.columns import Column, ExportOptions, columns_of, point_warnings, selected
from gradeprop.integrations.lms.platforms import Platform
from gradeprop.integrations.lms.roster import Roster, list_names, read_roster
from gradeprop.results import gradebook_scores
from gradeprop.results.grades_csv import short
from gradeprop.results.score import AssignmentScores, StudentScore


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
        storage.write_bytes(self.data, self.file)
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
    file = options.to or Path(options.platform.file or f"{options.platform.name}{options.platform.suffix}")
    if options.roster and options.roster.resolve() == file.resolve():
        raise CourseError("is the roster itself; choose another file for the grades with --to", file)
    assignments = {one.name: read_assignment(course, one.name) for one in scores}
    roster = read_roster(options.roster, options.form) if options.roster else None
    platform = roster.platform if roster else options.form
    exported = [selected(one, assignments[one.name], options.left_out) for one in scores]
    _check(options, platform, scores, course.gradebook)
    students = {score.student: score for one in exported for score in one.scores}
    if not students:
        raise CourseError("there is no submission to export", course.gradebook)
    rows = roster.find_rows((name, score.other_ids) for name, score in students.items()) if roster else {}
    listed = students.keys() & rows.keys() if roster else students.keys()
    columns = [
        replace(column, cells={name: cell for name, cell in column.cells.items() if name in listed})
        for one in exported
        for column in columns_of(one, assignments[one.name], options, roster)
    ]
    order = sorted(listed, key=lambda name: (rows.get(name, 0), name.casefold(), name))
    past_file = course.exported(platform.name)
    past = storage.read(PastExport, past_file) if past_file.is_file() else PastExport()
    table = _Table(platform, roster, rows, columns)
    return Export(
        file=file,
        data=table.encode(order),
        students=tuple(order),
        changes=tuple(_changes(columns, past)),
        warnings=(
            *point_warnings(columns, platform, roster),
            *_row_warnings(students, rows, roster),
            *table.kept_warnings(order),
            *_ungraded_warnings(exported),
        ),
        past=PastExport(columns=past.columns | {column.key: column.cells for column in columns}),
        past_file=past_file,
    )


def _check(options: ExportOptions, platform: Platform, scores: Sequence[AssignmentScores], gradebook: Path) -> None:
    """Check that the options name only students and assignments that exist, and that the file has room for them."""
    if unknown := options.left_out - {score.student for one in scores for score in one.scores}:
        raise CourseError(f"--leave-out names {', '.join(sorted(unknown))}, who submitted nothing", gradebook)
    if unused := options.titles.keys() - {one.name for one in scores}:
        raise CourseError(f"--column names {', '.join(sorted(unused))}, which is not exported", gradebook)
    if platform.only_column and (options.questions or len(scores) != 1):
        names = ", ".join(one.name for one in scores)
        message = f"has one column of grades: name one assignment ({names}), and leave --questions out"
        raise CourseError(message, options.roster or gradebook)


def _changes(columns: Sequence[Column], past: PastExport) -> Iterator[Change]:
    """Yield the cells that differ from the last export of these columns."""
    for column in columns:
        before = past.columns.get(column.key, {})
        for student in dict.fromkeys((*column.cells, *before)):
            change = Change(student, column.header, before.get(student), column.cells.get(student))
            if (change.before or "") != (change.now or ""):
                yield change


def _row_warnings(
    students: Mapping[str, StudentScore], rows: Mapping[str, int], roster: Roster | None
) -> Iterator[str]:
    """Name the students without a row, and the rows without a submission."""
    if roster is None:
        return
    if gone := sorted(students.keys() - rows.keys()):
        yield (
            f"Not in the roster, so not exported: {list_names(gone)}. If they are still in the course, download the "
            "roster again."
        )
    if without := sorted(set(range(len(roster.rows))) - set(rows.values())):
        names = list_names([roster.id_of(row) for row in without])
        yield f"In the roster without a submission, so their grades stay as they are: {names}."


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


@dataclass(frozen=True, slots=True)
class _Table:
    """The rows of the file, in the words of the platform."""

    platform: Platform
    roster: Roster | None
    rows: Mapping[str, int]
    """student → index of the row in the roster"""
    columns: Sequence[Column]

    def encode(self, students: Sequence[str]) -> bytes:
        """Return the file as bytes."""
        form = self.roster if self.roster and self.platform.keeps_form else self.platform
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=form.delimiter, quoting=self.platform.quoting)
        writer.writerows(self._whole() if self.roster and self.platform.keeps_all else self._lines(students))
        if form.encoding == "utf-16":
            return b"\xff\xfe" + text.getvalue().encode("utf-16-le")
        return text.getvalue().encode(form.encoding)

    def kept_warnings(self, students: Sequence[str]) -> Iterator[str]:
        """Name the students whose cells keep what was decided on the platform."""
        for column in self.columns:
            for kept in sorted(self.platform.kept_cells):
                names = [name for name in students if self._theirs(column, name) == kept and column.cells.get(name)]
                if names:
                    yield f"{column.header}: {kept} in {self.platform.title} stays, for {list_names(names)}."

    def _lines(self, students: Sequence[str]) -> Iterator[list[str]]:
        """Yield a row for each student, with the columns that describe students and those of grades."""
        titles = self.roster.titles if self.roster else self.platform.default_columns
        header = self.roster.header if self.roster else titles
        kept = [index for index, title in enumerate(titles) if title in self.platform.student_columns]
        last_title, last = self.platform.last_column or ("", "")
        end = [last] if last else []
        headers = (without_formula(column.header) for column in self.columns)
        yield [*(header[index] for index in kept), *headers, *([last_title] if last else [])]
        if self.platform.points_row:
            points = [str(short(column.max_points)) for column in self.columns]
            yield [self.platform.points_row, *[""] * (len(kept) - 1), *points, *end]
        for student in students:
            known = self.roster.rows[self.rows[student]] if self.roster else self._default(student)
            names = (self._safe(titles[index], known[index]) for index in kept)
            yield [*names, *(self._cell(column, student) for column in self.columns), *end]

    def _whole(self) -> Iterator[list[str]]:
        """Yield the roster with the grades in their columns, and new columns at the end."""
        assert self.roster
        new = [column for column in self.columns if column.index is None]
        owners = {row: student for student, row in self.rows.items()}
        yield [*self.roster.header, *(without_formula(column.header) for column in new)]
        for number, row in enumerate(self.roster.rows):
            cells = [self._safe(title, cell) for title, cell in zip(self.roster.titles, row, strict=True)]
            student = owners.get(number)
            for column in self.columns:
                if column.index is not None and student:
                    cells[column.index] = self._cell(column, student)
                elif column.index is not None and cells[column.index] == "-":
                    cells[column.index] = self.platform.no_grade  # Moodle's import may read a dash as zero
            yield [*cells, *(self._cell(column, student) if student else "" for column in new)]

    def _safe(self, title: str, cell: str) -> str:
        """Return a cell of the roster; logins and ids stay as they are, since the platform looks for them."""
        return cell if title in self.platform.id_columns or cell == "-" else without_formula(cell)

    def _cell(self, column: Column, student: str) -> str:
        """Return the grade of a student; without a submission, or if it is one to keep, the roster's own cell."""
        theirs = self._theirs(column, student)
        is_kept = student not in column.cells or theirs in self.platform.kept_cells
        return (theirs if is_kept else column.cells[student]) or self.platform.no_grade

    def _theirs(self, column: Column, student: str) -> str:
        """Return the cell of the roster; empty if it has no such column."""
        if self.roster is None or column.index is None:
            return ""
        return self.roster.rows[self.rows[student]][column.index].strip()

    def _default(self, student: str) -> list[str]:
        """Return the row of a student without a roster: the id in the gradebook stands for the name and the login."""
        filled = {*self.platform.name_columns[:1], self.platform.id_columns[0]}
        return [student if title in filled else "" for title in self.platform.default_columns]
