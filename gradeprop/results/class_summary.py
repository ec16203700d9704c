"""What a class report says: figures, lists and groups computed from all grade records of an assignment."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gradeprop.core.assignment import Assignment
from gradeprop.core.models import GradeRecord, QuestionScore, Unattributed
from gradeprop.core.paths import STUDENT_CODE, AssignmentPaths
from gradeprop.course.known_answers import read_known_answers
from gradeprop.results.item_analysis import ItemAnalysis, analyze_items
from gradeprop.results.misconceptions import Misconception, find_misconceptions
from gradeprop.results.mistakes import Mistake, find_mistakes
from gradeprop.results.similar_submissions import SubmittedCode, find_similar, stub_code, submitted_code
from gradeprop.results.similarity import IdenticalGroup, SimilarGroup
from gradeprop.results.unattributed import read_unattributed


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


@dataclass(frozen=True, slots=True)
class ClassSummary:
    """The results of a class."""

    records: Sequence[GradeRecord]
    graded: Sequence[GradeRecord]
    """those whose code was graded; all statistics are about them"""
    without_code: Sequence[GradeRecord]
    """graded as they are, without student_code.py"""
    flagged: Sequence[tuple[str, str]]
    """(student, what a person should look at)"""
    on_hold: Sequence[GradeRecord]
    attention: Sequence[GradeRecord]
    unattributed: Sequence[Unattributed]
    unsafe: Sequence[GradeRecord]
    need_help: Sequence[GradeRecord]
    """with less than half of the automatic points, the fewest first"""
    totals: dict[str, float]
    """mean, median, p95, min, max of the points; empty if nothing is graded"""
    histogram: Sequence[tuple[str, int]]
    questions: Sequence[QuestionRow]
    checks: ItemAnalysis
    misconceptions: Sequence[Misconception]
    mistakes: Sequence[Mistake]
    wall_s: dict[str, float]
    """as ``totals``, of the seconds in the jail"""
    identical: Sequence[IdenticalGroup]
    similar: Sequence[SimilarGroup]

    @property
    def slowest(self) -> Sequence[GradeRecord]:
        return sorted(self.records, key=lambda record: -record.wall_s)[:10]


def summarize(
    assignment: Assignment,
    records: Sequence[GradeRecord],
    paths: AssignmentPaths,
    earlier: Sequence[SubmittedCode] = (),
) -> ClassSummary:
    """Summarize the results of a class.

    Args:
        earlier: code of former years, with which this class is compared.

    Raises:
        CourseError: a known answer cannot be read.
    """
    every = [record for record in records if record.status == "graded"]
    graded = [record for record in every if STUDENT_CODE in record.files]
    identical, similar = find_similar(submitted_code(records, paths.autograded), earlier, stub_code(paths))
    return ClassSummary(
        records=records,
        graded=graded,
        without_code=[record for record in every if STUDENT_CODE not in record.files],
        flagged=[(record.student, each.flag) for record in records for each in record.results if each.flag],
        on_hold=[record for record in records if record.status not in ("graded", "needs_attention")],
        attention=[record for record in records if record.attention],
        unattributed=read_unattributed(paths),
        unsafe=[record for record in records if record.unsafe],
        need_help=sorted((each for each in graded if each.points < each.possible / 2), key=lambda each: each.points),
        totals=_statistics([record.points for record in graded]),
        histogram=_histogram_rows([record.points for record in graded], assignment.points),
        questions=_question_rows(graded),
        checks=analyze_items(graded),
        misconceptions=find_misconceptions(graded, read_known_answers(assignment, paths)),
        mistakes=find_mistakes(graded),
        wall_s=_statistics([record.wall_s for record in records if record.wall_s]),
        identical=identical,
        similar=similar,
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


def _question_rows(graded: Sequence[GradeRecord]) -> list[QuestionRow]:
    by_name: dict[str, list[QuestionScore]] = defaultdict(list)
    for record in graded:
        for score in record.questions:
            by_name[score.name].append(score)
    return [_question_row(scores) for scores in by_name.values()]


def _question_row(scores: Sequence[QuestionScore]) -> QuestionRow:
    points, possible = [score.points for score in scores], scores[-1].possible
    return QuestionRow(
        title=scores[-1].title,
        possible=possible,
        mean=statistics.fmean(points),
        median=statistics.median(points),
        full=sum(each >= possible for each in points),
        none=sum(each <= 0 for each in points),
    )
