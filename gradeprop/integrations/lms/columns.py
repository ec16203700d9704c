"""The columns of a platform's file: one for each assignment, and for each question if that is asked for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import CourseError
from gradeprop.integrations.lms.platforms import Platform, as_they_are
from gradeprop.integrations.lms.roster import Roster
from gradeprop.results.grades_csv import short
from gradeprop.results.score import AssignmentScores


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
    out_of: float | None = None
    """the maximum points to scale every assignment to"""
    new_columns: bool = False
    """add a column for an assignment that the roster does not have"""
    id_column: str = ""
    """the column of the roster that identifies students, if it is none that the platform's record names"""

    @property
    def form(self) -> Platform:
        """The platform's record with the chosen column of ids."""
        if not self.id_column:
            return self.platform
        own = {"id_columns": (self.id_column,), "required_columns": (), "recognise": as_they_are, "also": ()}
        return replace(self.platform, **own)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of grades."""

    header: str
    max_points: float
    index: int | None
    """of the column in the roster; None if it is new"""
    cells: dict[str, str]
    """by student; empty while a question is ungraded"""
    key: str
    """the column's name among earlier exports"""


def selected(scores: AssignmentScores, assignment: Assignment, left_out: frozenset[str]) -> AssignmentScores:
    """Leave students out, and sort the questions as in the assignment: the database keeps no order."""
    places = {question.name: place for place, question in enumerate(assignment.questions)}

    def ordered(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(names, key=lambda name: (places.get(name, len(places)), name)))

    return replace(
        scores,
        max_points={name: scores.max_points[name] for name in ordered(scores.max_points)},
        scores=tuple(
            replace(score, ungraded=ordered(score.ungraded)) for score in scores.scores if score.student not in left_out
        ),
    )


def columns_of(
    scores: AssignmentScores, assignment: Assignment, options: ExportOptions, roster: Roster | None
) -> Iterator[Column]:
    """Yield the column of an assignment, and those of its questions if the options ask for them.

    Raises:
        CourseError: the roster has no such column, and the options do not ask for a new one.
    """
    chosen = options.titles.get(scores.name)
    titles = [chosen] if chosen else [assignment.title, scores.name]
    whole = sum(scores.max_points.values())
    scale = options.out_of / whole if options.out_of and whole else 1.0
    totals = {score.student: score.total for score in scores.scores}
    excused = {score.student: options.form.excused for score in scores.scores if score.excused}
    cells = _cells(totals, scale) | excused
    yield _column(scores.name, titles, round(whole * scale, 4), cells, options, roster)
    for question, max_points in scores.max_points.items() if options.questions else ():
        cells = _cells({score.student: score.points.get(question) for score in scores.scores}, scale)
        headers = [f"{title}: {question}" for title in titles]
        yield _column(scores.name, headers, round(max_points * scale, 4), cells, options, roster)


def _cells(points: Mapping[str, float | None], scale: float) -> dict[str, str]:
    return {name: "" if value is None else str(short(round(value * scale, 4))) for name, value in points.items()}


def _column(
    assignment: str,
    titles: Sequence[str],
    max_points: float,
    cells: dict[str, str],
    options: ExportOptions,
    roster: Roster | None,
) -> Column:
    index = roster.find_column(titles) if roster else None
    if roster and index is not None:
        header = roster.header[index]
        return Column(header, max_points, index, cells, assignment if roster.platform.only_column else header)
    if roster and not options.new_columns:
        known = roster.candidates(titles[0])
        like = f"; choose one with --column {assignment}={known[0]!r}" if known else ""
        message = (
            f"found no column {titles[0]!r}; its columns of grades are: {', '.join(map(repr, known)) or 'none'}{like}, "
            "or add a new column with --new-column"
        )
        raise CourseError(message, roster.file)
    header = options.form.new_column.format(title=titles[0])
    return Column(header, max_points, None, cells, header)


def point_warnings(columns: Sequence[Column], platform: Platform, roster: Roster | None) -> Iterator[str]:
    """Warn of maximum points that differ from the platform's, or that it rejects."""
    for column in columns:
        ours, theirs = str(short(column.max_points)), _number(_their_points(column, platform, roster))
        if theirs and abs(float(theirs) - column.max_points) > 1e-6:
            advice = platform.points_advice.format(ours=ours, theirs=theirs)
            yield f"{column.header}: {ours} points in this file, {theirs} in {platform.title}; {advice}."
        elif platform.max_points and column.max_points > platform.max_points:
            yield (
                f"{column.header}: {ours} points, but {platform.title} rejects a file with a grade above "
                f"{platform.max_points:g} unless its settings allow it; use --out-of {platform.max_points:g}."
            )


def _their_points(column: Column, platform: Platform, roster: Roster | None) -> str:
    """Return the maximum points that the roster has for a column; empty if it does not say."""
    if roster and platform.points_column in roster.titles:
        return next((row[roster.titles.index(platform.points_column)] for row in roster.rows), "")
    if roster and roster.points and column.index is not None:
        return roster.points[column.index]
    match = platform.grade_column.fullmatch(column.header)
    return match.groupdict().get("points") or "" if match else ""


def _number(text: str) -> str:
    """Write a number as we do: 100 for 100,00; empty for other text."""
    try:
        return str(short(float(text.replace(",", "."))))
    except ValueError:
        return ""
