"""Records of a class → one page for its instructor: HTML that needs nothing else, a table beside each picture."""

import io
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gradeprop.core import storage
from gradeprop.core.models import Assignment, CheckResult, GradeRecord, QuestionScore
from gradeprop.core.paths import STUDENT_CODE, AssignmentPaths
from gradeprop.core.storage import write_bytes
from gradeprop.results import similarity

_MOST_NAMES = 300
_MOST_ROWS = 60


class QuestionRow(NamedTuple):
    """How the class did in one question."""

    title: str
    possible: float
    mean: float
    median: float
    full: int
    none: int


class Mistake(NamedTuple):
    """A check that was not passed: how often, with what message most, by whom."""

    check: str
    line: str
    title: str
    number: int
    lost: float
    message: str
    same: int
    students: list[GradeRecord]


def write_report(assignment: Assignment, paths: AssignmentPaths) -> Path:
    """Write the page of all that is graded, beside the records; its file.

    Raises:
        CourseError: a record cannot be read.
        JailError: the page cannot be written.
    """
    everyone = [storage.read(GradeRecord, file) for file in sorted(paths.autograded.glob("*/record.json"))]
    write_bytes(page(assignment, everyone, paths).encode(), paths.report)
    return paths.report


def page(assignment: Assignment, everyone: Sequence[GradeRecord], paths: AssignmentPaths) -> str:
    """The page as HTML; every text of a student in it is escaped."""
    graded = [record for record in everyone if record.status == "graded"]
    took = sorted(record.wall_s for record in everyone if record.wall_s)
    same, near = _alike(everyone, paths)
    template = _environment().get_template("report.html")
    return template.render(
        assignment=assignment,
        everyone=everyone,
        graded=graded,
        held=[record for record in everyone if record.status != "graded"],
        unsafe=[record for record in everyone if record.unsafe],
        totals=_spread([record.points for record in graded]),
        histogram=_table_of([record.points for record in graded], assignment.points),
        questions=_questions(graded),
        mistakes=_mistakes(graded),
        took=_spread(took),
        slowest=sorted(everyone, key=lambda record: -record.wall_s)[:10],
        same=same,
        near=near,
        keys={record.student: record.key for record in everyone},
        most_names=_MOST_NAMES,
        most_rows=_MOST_ROWS,
        pictures=_pictures(assignment, graded, took),
        style=Markup(_environment().get_template("style.css").render()),
    )


def _spread(values: Sequence[float]) -> dict[str, float]:
    """Mean, median, 95th percentile, least and most; empty where there is nothing."""
    if not values:
        return {}
    ordered = sorted(values)
    last = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    middle = statistics.median(ordered)
    return {"mean": statistics.fmean(ordered), "median": middle, "p95": last, "least": ordered[0], "most": ordered[-1]}


def _table_of(points: Sequence[float], possible: float) -> list[tuple[str, int]]:
    """The histogram in ten steps, for who does not see the picture."""
    counted = Counter(min(9, int(10 * each / possible)) if possible else 0 for each in points)
    return [(f"{step * possible / 10:g} to {(step + 1) * possible / 10:g}", counted[step]) for step in range(10)]


def _questions(graded: Sequence[GradeRecord]) -> list[QuestionRow]:
    by_name: dict[str, list[QuestionScore]] = defaultdict(list)
    for record in graded:
        for score in record.questions:
            by_name[score.name].append(score)
    return [_question(scores) for scores in by_name.values()]


def _question(scores: Sequence[QuestionScore]) -> QuestionRow:
    points, possible = [score.points for score in scores], scores[-1].possible
    return QuestionRow(
        title=scores[-1].title,
        possible=possible,
        mean=statistics.fmean(points),
        median=statistics.median(points),
        full=sum(each >= possible for each in points),
        none=sum(each <= 0 for each in points),
    )


def _mistakes(graded: Sequence[GradeRecord]) -> list[Mistake]:
    """Checks that cost points, those that the most failed first."""
    failed: dict[str, list[tuple[GradeRecord, CheckResult]]] = defaultdict(list)
    titles = {score.name: score.title for record in graded for score in record.questions}
    for record in graded:
        for result in record.results:
            if result.points < result.possible:
                failed[result.check].append((record, result))
    found = []
    for check, each in failed.items():
        message, same = Counter(result.message for _, result in each).most_common(1)[0]
        result = each[0][1]
        lost = sum(one.possible - one.points for _, one in each)
        title, students = titles.get(result.question, result.question), [record for record, _ in each]
        found.append(Mistake(check, result.line, title, len(each), lost, message, same, students))
    return sorted(found, key=lambda mistake: (-mistake.number, mistake.check))


def _alike(
    everyone: Iterable[GradeRecord], paths: AssignmentPaths
) -> tuple[list[similarity.Same], list[similarity.Near]]:
    stub = _text(paths.course.stub) + _text(paths.release / STUDENT_CODE)
    weights: dict[str, list[Path]] = {}
    code: dict[str, list[str]] = {}
    for record in everyone:
        folder = paths.student(record.key).submitted
        names = [name for name in record.files if name.endswith(".safetensors")]
        weights[record.student] = [folder / name for name in names if (folder / name).is_file()]
        code[record.student] = similarity.tokens(_text(folder / STUDENT_CODE), stub)
    return [*similarity.same_files(weights), *similarity.same_code(code)], similarity.near_code(code)


def _text(file: Path) -> str:
    return file.read_text(errors="replace") if file.is_file() else ""


def _pictures(assignment: Assignment, graded: Sequence[GradeRecord], took: Sequence[float]) -> dict[str, Markup]:
    """Each as inline SVG; what it shows is in a table beside it."""
    if not graded:
        return {}
    shares: dict[str, list[float]] = defaultdict(list)
    for record in graded:
        for score in record.questions:
            shares[score.title].append(100 * score.points / score.possible)
    pictures = {"totals": _histogram([record.points for record in graded], assignment.points, "points")}
    pictures["questions"] = _bars(shares)
    if took:
        pictures["took"] = _histogram(took, max(took), "seconds")
    return pictures


def _histogram(values: Sequence[float], most: float, label: str) -> Markup:
    from matplotlib.figure import Figure  # a second, which no other command need wait for

    figure = Figure(figsize=(7.2, 2.4), layout="constrained")
    axes = figure.subplots()
    axes.hist(values, bins=20, range=(0, most or 1), color="#0072b2", edgecolor="white")
    axes.set_xlabel(label)
    axes.set_ylabel("submissions")
    return _svg(figure)


def _bars(shares: dict[str, list[float]]) -> Markup:
    """By question: how many got all, a part, nothing, in percent of the class."""
    from matplotlib.figure import Figure  # as above

    figure = Figure(figsize=(7.2, 0.9 + 0.34 * len(shares)), layout="constrained")
    axes, left = figure.subplots(), [0.0] * len(shares)
    titles = [title if len(title) <= 40 else f"{title[:39]}…" for title in shares]
    parts = (("all points", "#0072b2", lambda s: s >= 100), ("a part", "#8fc1e3", lambda s: 0 < s < 100))
    for label, colour, belongs in (*parts, ("none", "#d9dee6", lambda s: s <= 0)):
        width = [100 * sum(map(belongs, each)) / len(each) for each in shares.values()]
        axes.barh(titles, width, left=left, color=colour, label=label, edgecolor="white")
        left = [a + b for a, b in zip(left, width, strict=True)]
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("percent of the class")
    axes.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    return _svg(figure)


def _svg(figure: "Figure") -> Markup:  # type: ignore[name-defined]  # noqa: F821
    """Text is drawn as paths, so that no ``$`` and no font matters; nothing in it changes from run to run."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "gradeprop", "svg.fonttype": "path", "text.parse_math": False}):
        data = io.StringIO()
        for axes in figure.axes:
            axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(data, format="svg", metadata={"Date": None, "Creator": None})
    text = data.getvalue()
    return Markup(text[text.index("<svg") :])  # drawn here, of numbers and of the course's own titles


@cache
def _environment() -> Environment:
    loader = PackageLoader("gradeprop.results")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"short": lambda number: f"{number:.3g}" if number < 1000 else f"{number:.0f}"}
    return environment
