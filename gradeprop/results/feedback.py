"""The page that a student reads: one HTML file without scripts, which loads nothing from elsewhere."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import starmap
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gradeprop.core.assignment import Assignment
from gradeprop.core.models import CheckResult, Curves, GradeRecord
from gradeprop.core.storage import write_bytes
from gradeprop.results.score import StudentScore, of_record

ON_HOLD = {
    "needs_attention": "Not graded yet: your instructor must look at what you submitted. This costs you no points.",
    "needs_review": "Your instructor is reviewing this grade: one of the checks is broken. This costs you no points.",
    "not_graded": "Not graded yet: the grading machine failed, not your work. It will be graded again.",
}
"""the sentence for the student, by status"""
COULD_NOT_RUN = frozenset({"error", "timeout", "crash", "missing"})
"""verdicts of checks whose probe returned nothing"""
_MAX_CAUSES = 10
_MARKS = {"passed": "✓", "broken": "…"}
_WORDS = {
    "passed": "passed",
    "failed": "not yet",
    "error": "your code raised an error",
    "timeout": "your code took too long",
    "crash": "your code ended the process",
    "missing": "missing",
    "broken": "on hold for your instructor",
}


class Group(NamedTuple):
    """Checks of one question that lost points for the same reason; or one other check."""

    results: list[CheckResult]
    number: int
    """of the reason in the list at the top of the page; 0 if the message is shown here"""


def write_feedback(assignment: Assignment, record: GradeRecord, file: Path) -> None:
    """Write the feedback page of a new record; ``refresh`` adds what the gradebook knows.

    Raises:
        JailError: the file cannot be written.
    """
    write_bytes(page(assignment, record).encode(), file)


def page(assignment: Assignment, record: GradeRecord, score: StudentScore | None = None) -> str:
    """Return the feedback page as HTML; every text in it is escaped.

    Args:
        score: as the gradebook has it; without it, the record alone counts.
    """
    score = score or of_record(assignment, record)
    by_question: dict[str, list[CheckResult]] = defaultdict(list)
    for result in record.results:
        by_question[result.question].append(result)
    causes = record.causes[:_MAX_CAUSES] if record.status == "graded" else ()
    numbers = {cause.message: number for number, cause in enumerate(causes, 1) if cause.is_shared}
    template = environment().get_template("feedback.html")
    return template.render(
        assignment=assignment,
        record=record,
        score=score,
        scored=score.known,
        titles={question.name: question.title for question in assignment.questions},
        causes=causes,
        problems=[problem for problem in record.problems if problem not in {cause.message for cause in causes}],
        questions=[(question, _groups(by_question[question.name], numbers)) for question in record.questions],
        manual=[question for question in assignment.questions if question.manual],
    )


def cell_html(record: GradeRecord, question: str) -> str:
    """Return the check results of one question as HTML for a cell of a notebook; every text in it is escaped."""
    results = [result for result in record.results if result.question == question]
    return environment().get_template("cell.html").render(groups=_groups(results, {}))


def _groups(results: Sequence[CheckResult], numbers: Mapping[str, int]) -> list[Group]:
    """Put checks that lost points for the same reason together, at the place of the first.

    Args:
        numbers: the reasons in the list at the top of the page: message → number.
    """
    groups: dict[str, Group] = {}
    for position, result in enumerate(results):
        alone = not result.message or result.points >= result.possible or result.verdict == "broken"
        key = str(position) if alone else f" {result.message}"
        groups.setdefault(key, Group([], 0 if alone else numbers.get(result.message, 0))).results.append(result)
    return list(groups.values())


def extent(verdict: str, checks: int) -> str:
    """Say how many checks failed for one reason: "48 checks could not run"."""
    return f"{checks} check{'s' * (checks > 1)} {'could not run' if verdict in COULD_NOT_RUN else 'lost points'}"


@cache
def environment() -> Environment:
    """Return the templates of this subpackage, which escape every text, with their filters."""
    loader = PackageLoader("gradeprop.results")
    found = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    found.filters |= {"points": points, "short": _short, "differs": _differs, "prose": prose, "chart": chart}
    found.globals.update(marks=defaultdict(lambda: "✗", _MARKS), words=_WORDS, on_hold=ON_HOLD, extent=extent)
    return found


def points(value: float) -> str:
    """Format points without trailing zeros: 4, 2.5."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _short(number: float) -> str:
    return f"{number:.3g}" if number < 1000 else f"{number:.0f}"


def prose(text: str) -> Markup:
    """Escape text, and set ``names`` between double backticks as code."""
    parts = text.split("``")
    return Markup("").join(Markup("<code>{}</code>").format(part) if i % 2 else part for i, part in enumerate(parts))


def _differs(row: Sequence[str], header: Sequence[str]) -> bool:
    """Return True if the cells ``yours`` and ``expected`` of a row differ."""
    return {"yours", "expected"} <= {*header} and row[header.index("yours")] != row[header.index("expected")]


def chart(curves: Curves) -> Markup:
    """Draw curves as SVG, with a description for screen readers."""
    series = {label: values for label, values in curves.series.items() if values}
    if not series:
        return Markup("")
    steps = max(len(values) for values in series.values())
    low, high = min(map(min, series.values())), max(map(max, series.values()))

    def place(step: int, value: float) -> str:
        """Return plot coordinates: x from 0 to 450, y from 0 (high) to 190 (low)."""
        return f"{450 * step / max(steps - 1, 1):.1f},{190 * (high - value) / ((high - low) or 1):.1f}"

    lines = {label: " ".join(starmap(place, enumerate(values))) for label, values in series.items()}
    template = environment().get_template("curves.svg")
    return Markup(template.render(curves=curves, series=series, lines=lines, steps=steps, low=low, high=high))
