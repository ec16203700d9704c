"""The page about a class that its instructor reads: one HTML file, with a table beside each picture."""

import io
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gradeprop.core.assignment import Assignment, Question
from gradeprop.core.models import GradeRecord
from gradeprop.core.own_modules import own_modules
from gradeprop.core.paths import STUDENT_CODE, AssignmentPaths
from gradeprop.core.storage import write_bytes
from gradeprop.results import refresh, similarity
from gradeprop.results.feedback import points, prose
from gradeprop.results.mistakes import find_mistakes
from gradeprop.results.score import Graded, StudentScore
from gradeprop.results.unattributed import read_unattributed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAX_NAMES = 300
_MAX_ROWS = 60
_BARS = (
    ("full points", "#0072b2", lambda share: share >= 100),
    ("partial points", "#8fc1e3", lambda share: 0 < share < 100),
    ("no points", "#d9dee6", lambda share: share <= 0),
)


class QuestionRow(NamedTuple):
    """The results of the class in one question."""

    title: str
    possible: float
    mean: float
    median: float
    full: int
    """submissions with all points"""
    none: int
    """submissions without any point"""


def write_class_report(assignment: Assignment, paths: AssignmentPaths) -> Path:
    """Write the report about all records of an assignment beside them, and return its path.

    Raises:
        CourseError: a record cannot be read.
        JailError: the page cannot be written.
    """
    graded = refresh.read_pairs(paths.course, assignment, refresh.read_records(paths.course, assignment))
    write_bytes(page(assignment, graded, paths).encode(), paths.report)
    return paths.report


def page(assignment: Assignment, pairs: Sequence[Graded], paths: AssignmentPaths) -> str:
    """Return the class report as HTML; every text of a student in it is escaped."""
    records = [record for record, _ in pairs]
    graded = [record for record in records if record.status == "graded"]
    scores = [score for record, score in pairs if record.status == "graded" and not score.excused]
    final = [score.total for score in scores if score.total is not None]
    automatic = [part for score in scores if (part := score.part(written=False)[0]) is not None]
    given, possible = (final, max(score.possible for score in scores)) if final else (automatic, assignment.points)
    wall_s = sorted(record.wall_s for record in records if record.wall_s)
    identical, similar = _similar_submissions(records, paths)
    template = _environment().get_template("report.html")
    return template.render(
        assignment=assignment,
        records=records,
        graded=graded,
        flagged=[(record.student, each.flag) for record in records for each in record.results if each.flag],
        on_hold=[record for record in records if record.status not in ("graded", "needs_attention")],
        attention=[record for record in records if record.attention],
        unattributed=read_unattributed(paths),
        unsafe=[record for record in records if record.unsafe],
        pairs=pairs,
        final=final,
        waiting=sum(len(score.waiting) for score in scores),
        possible=possible,
        totals=_statistics(given),
        histogram=_histogram_rows(given, possible),
        questions=_question_rows(assignment, scores),
        mistakes=find_mistakes(graded),
        wall_s=_statistics(wall_s),
        slowest=sorted(records, key=lambda record: -record.wall_s)[:10],
        identical=identical,
        similar=similar,
        labels={record.key: score.name for record, score in pairs},
        keys={record.student: record.key for record in records},
        max_names=_MAX_NAMES,
        max_rows=_MAX_ROWS,
        pictures=_pictures(assignment, scores, given, possible, wall_s),
        style=Markup(_environment().get_template("style.css").render()),
    )


def _statistics(values: Sequence[float]) -> dict[str, float]:
    """Return mean, median, 95th percentile, minimum and maximum; empty without values."""
    if not values:
        return {}
    ordered = sorted(values)
    return {
        "mean": statistics.fmean(ordered),
        "median": statistics.median(ordered),
        "p95": ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))],
        "min": ordered[0],
        "max": ordered[-1],
    }


def _histogram_rows(points: Sequence[float], possible: float) -> list[tuple[str, int]]:
    """Return the histogram as a table of ten rows, for screen readers."""
    counts = Counter(min(9, int(10 * each / possible)) if possible else 0 for each in points)
    return [(f"{step * possible / 10:g} to {(step + 1) * possible / 10:g}", counts[step]) for step in range(10)]


def _points_of_questions(assignment: Assignment, scores: Sequence[StudentScore]) -> dict[Question, list[float]]:
    """Return the points of everyone who has some, by question, in the order of the assignment."""
    everyone = [{**score.points, **score.to_confirm} for score in scores]
    points = {one: [each[one.name] for each in everyone if one.name in each] for one in assignment.questions}
    return {question: values for question, values in points.items() if values}


def _question_rows(assignment: Assignment, scores: Sequence[StudentScore]) -> list[QuestionRow]:
    return [
        QuestionRow(
            title=question.title,
            possible=question.points,
            mean=statistics.fmean(points),
            median=statistics.median(points),
            full=sum(each >= question.points for each in points),
            none=sum(each <= 0 for each in points),
        )
        for question, points in _points_of_questions(assignment, scores).items()
    ]


def _similar_submissions(
    records: Iterable[GradeRecord], paths: AssignmentPaths
) -> tuple[list[similarity.IdenticalGroup], list[similarity.SimilarGroup]]:
    stub = _text(paths.course.stub) + _text(paths.release / STUDENT_CODE)
    weights: dict[str, list[Path]] = {}
    code: dict[str, list[str]] = {}
    for record in records:
        folder = paths.student(record.key).submitted
        names = [name for name in record.files if name.endswith(".safetensors")]
        weights[record.student] = [folder / name for name in names if (folder / name).is_file()]
        code[record.student] = similarity.tokenize_files(_own_code(folder, record.files), stub)
    identical = similarity.merge([*similarity.identical_files(weights), *similarity.identical_code(code)])
    return identical, similarity.group(similarity.similar_code(code))


def _own_code(folder: Path, files: Sequence[str]) -> list[str]:
    """Return the text of student_code.py and of each own module that it imports."""
    existing = [name for name in files if (folder / name).is_file()]
    return [_text(folder / name) for name in (STUDENT_CODE, *sorted(own_modules(folder, existing)))]


def _text(file: Path) -> str:
    return file.read_text(errors="replace") if file.is_file() else ""


def _pictures(
    assignment: Assignment,
    scores: Sequence[StudentScore],
    points: Sequence[float],
    possible: float,
    wall_s: Sequence[float],
) -> dict[str, Markup]:
    """Draw each picture as inline SVG; a table beside it holds the same numbers."""
    if not scores:
        return {}
    shares = {
        question.title: [100 * each / question.points for each in values]
        for question, values in _points_of_questions(assignment, scores).items()
    }
    pictures = {"totals": _histogram(points, possible, "points")}
    pictures["questions"] = _bars(shares)
    if wall_s:
        pictures["wall_s"] = _histogram(wall_s, max(wall_s), "seconds")
    return pictures


def _histogram(values: Sequence[float], maximum: float, label: str) -> Markup:
    from matplotlib.figure import Figure  # takes a second, which no other command should wait for

    figure = Figure(figsize=(7.2, 2.4), layout="constrained")
    axes = figure.subplots()
    axes.hist(values, bins=20, range=(0, maximum or 1), color="#0072b2", edgecolor="white")
    axes.set_xlabel(label)
    axes.set_ylabel("submissions")
    return _svg(figure)


def _bars(shares: dict[str, list[float]]) -> Markup:
    """Draw a bar for each question: the percentage of the class with full, partial and no points.

    Args:
        shares: the score of each submission in percent, by title of the question.
    """
    from matplotlib.figure import Figure  # as above

    figure = Figure(figsize=(7.2, 0.9 + 0.34 * len(shares)), layout="constrained")
    axes, left = figure.subplots(), [0.0] * len(shares)
    titles = [title if len(title) <= 40 else f"{title[:39]}…" for title in shares]
    for label, colour, belongs in _BARS:
        width = [100 * sum(map(belongs, each)) / len(each) for each in shares.values()]
        axes.barh(titles, width, left=left, color=colour, label=label, edgecolor="white")
        left = [a + b for a, b in zip(left, width, strict=True)]
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("percentage of the class")
    axes.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    return _svg(figure)


def _svg(figure: "Figure") -> Markup:
    """Return a figure as SVG that is the same in every run; text becomes paths, so neither ``$`` nor fonts matter."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "gradeprop", "svg.fonttype": "path", "text.parse_math": False}):
        data = io.StringIO()
        for axes in figure.axes:
            axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(data, format="svg", metadata={"Date": None, "Creator": None})
    text = data.getvalue()
    return Markup(text[text.index("<svg") :])  # drawn here, from numbers and the course's own titles


@cache
def _environment() -> Environment:
    loader = PackageLoader("gradeprop.results")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"short": _short, "prose": prose, "points": points}
    return environment


def _short(number: float) -> str:
    return f"{number:.3g}" if number < 1000 else f"{number:.0f}"
