"""The page about a class that its instructor reads: one HTML file, with a table beside each picture."""

import shutil
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec

from gradeprop.core.assignment import Assignment
from gradeprop.core.paths import AssignmentPaths
from gradeprop.core.storage import write_bytes
from gradeprop.results import refresh
from gradeprop.results.class_summary import ClassSummary, summarize
from gradeprop.results.feedback import environment
from gradeprop.results.misconceptions import Misconception
from gradeprop.results.mistakes import Mistake
from gradeprop.results.report_figures import draw_figures
from gradeprop.results.score import Graded
from gradeprop.results.similar_submissions import SubmittedCode, earlier_code, side_by_side, submitted_code
from gradeprop.results.similarity import SimilarGroup

_MAX_NAMES = 300
_MAX_ROWS = 60
_MAX_PAIRS = 30


def write_class_report(
    assignment: Assignment,
    paths: AssignmentPaths,
    anonymous: bool = False,
    earlier: Path | None = None,
    graded: Sequence[Graded] = (),
) -> Path:
    """Write the report about all records of an assignment beside them, and return its path.

    Args:
        anonymous: for a lecture: no names, no single submissions. Without it, ``report.json`` and pages with similar
            code side by side are written, too.
        earlier: the folder autograded/<hw> of a former year, whose code is compared as well.
        graded: each record with its score; read from disk and the gradebook if not given.

    Raises:
        CourseError: a record or a known answer cannot be read.
        JailError: the page cannot be written.
    """
    pairs = graded or refresh.read_graded(paths.course, assignment)
    former = earlier_code(earlier) if earlier else []
    summary = summarize(assignment, pairs, paths, former, refresh.read_missing(paths.course, assignment))
    file = paths.anonymous_report if anonymous else paths.report
    write_bytes(page(assignment, summary, anonymous).encode(), file)
    if not anonymous:
        _write_pairs(summary.similar, [*submitted_code(summary.records, paths.autograded), *former], paths.similar)
        write_bytes(msgspec.json.format(msgspec.json.encode(to_json(summary))), paths.report_json)
    return file


def _write_pairs(groups: Sequence[SimilarGroup], every: Sequence[SubmittedCode], folder: Path) -> None:
    """Write a page for the closest pair of each group, by its number in the report."""
    code = {each.student: each for each in every}
    shutil.rmtree(folder, ignore_errors=True)
    for number, group in enumerate(groups[:_MAX_PAIRS], 1):
        text = side_by_side(code[group.closest.first], code[group.closest.second])
        write_bytes(text.encode(), folder / f"{number}.html")


def to_json(summary: ClassSummary) -> dict[str, Any]:
    """Return numbers and names of a summary, for programs: the content of ``report.json``."""
    lists = ("graded", "without_code", "on_hold", "attention", "unsafe", "need_help", "late", "missing")
    plain = ("points", "possible", "totals", "waiting", "flagged", "unattributed", "identical", "similar")
    return {
        "schema": 1,
        **{name: [each.student for each in getattr(summary, name)] for name in lists},
        **{name: getattr(summary, name) for name in plain},
        "questions": [each._asdict() for each in summary.questions],
        "checks": [each._asdict() for each in summary.checks.items],
        "alpha": summary.checks.alpha,
        "misconceptions": [_with_names(each) for each in summary.misconceptions],
        "mistakes": [_with_names(each) for each in summary.mistakes],
    }


def _with_names(each: Misconception | Mistake) -> dict[str, Any]:
    return each._asdict() | {"students": [record.student for record in each.students]}


def page(assignment: Assignment, summary: ClassSummary, anonymous: bool = False) -> str:
    """Return the class report as HTML; every text of a student in it is escaped."""
    template = environment().get_template("report.html")
    return template.render(
        **{field.name: getattr(summary, field.name) for field in fields(summary)},
        slowest=summary.slowest,
        labels=summary.labels,
        pictures=draw_figures(summary),
        assignment=assignment,
        anonymous=anonymous,
        keys={record.student: record.key for record in summary.records},
        titles={question.name: question.title for question in assignment.questions},
        max_names=_MAX_NAMES,
        max_rows=_MAX_ROWS,
        max_pairs=0 if anonymous else _MAX_PAIRS,
    )
