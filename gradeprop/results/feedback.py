"""The page that a student reads: one HTML file without scripts, which loads nothing from elsewhere."""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from itertools import starmap
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gradeprop.core.models import Assignment, CheckResult, Curves, GradeRecord
from gradeprop.core.storage import write_bytes

ON_HOLD = {
    "needs_attention": "Not graded yet: your instructor must look at what you submitted. This costs you no points.",
    "needs_review": "Your instructor is reviewing this grade: one of the checks is broken. This costs you no points.",
    "not_graded": "Not graded yet: the grading machine failed, not your work. It will be graded again.",
}
"""the sentence for the student, by status"""
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


def write_feedback(assignment: Assignment, record: GradeRecord, file: Path) -> None:
    """Write the feedback page of one record.

    Raises:
        JailError: the file cannot be written.
    """
    write_bytes(page(assignment, record).encode(), file)


def page(assignment: Assignment, record: GradeRecord) -> str:
    """Return the feedback page as HTML; every text in it is escaped."""
    by_question: dict[str, list[CheckResult]] = defaultdict(list)
    for result in record.results:
        by_question[result.question].append(result)
    template = _environment().get_template("feedback.html")
    return template.render(
        assignment=assignment,
        record=record,
        by_question=by_question,
        manual=[question for question in assignment.questions if question.manual],
        style=Markup(_environment().get_template("style.css").render()),
    )


def cell_html(record: GradeRecord, question: str) -> str:
    """Return the check results of one question as HTML for a cell of a notebook; every text in it is escaped."""
    results = [result for result in record.results if result.question == question]
    return _environment().get_template("cell.html").render(results=results)


@cache
def _environment() -> Environment:
    loader = PackageLoader("gradeprop.results")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"points": points, "differs": _differs, "prose": prose, "chart": chart}
    environment.globals.update(marks=defaultdict(lambda: "✗", _MARKS), words=_WORDS, on_hold=ON_HOLD)
    return environment


def points(value: float) -> str:
    """Format points without trailing zeros: 4, 2.5."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


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
    template = _environment().get_template("curves.svg")
    return Markup(template.render(curves=curves, series=series, lines=lines, steps=steps, low=low, high=high))
