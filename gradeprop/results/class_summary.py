"""Statistics, lists and groups of a class for its report, computed from all grade records of an assignment."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gradeprop.core.assignment import Assignment, Question
from gradeprop.core.models import GradeRecord, Unattributed
from gradeprop.core.paths import STUDENT_CODE, AssignmentPaths
from gradeprop.course.known_answers import read_known_answers
from gradeprop.results.item_analysis import ItemAnalysis, analyze_items
from gradeprop.results.misconceptions import Misconception, find_misconceptions
from gradeprop.results.mistakes import Mistake, find_mistakes
from gradeprop.results.score import Graded, StudentScore
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

    pairs: Sequence[Graded]
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
    late: Sequence[StudentScore]
    missing: Sequence[StudentScore]
    """students of the gradebook without a submission"""
    need_help: Sequence[GradeRecord]
    """with less than half of the automatic points, the fewest first"""
    final: Sequence[float]
    """scores without a part that is missing"""
    waiting: int
    """written answers that a person must grade"""
    points: Sequence[float]
    """the final scores; while there are none, the automatic points"""
    possible: float
    """maximum of ``points``"""
    totals: dict[str, float]
    """mean, median, p95, min, max of ``points``; empty if nothing is graded"""
    histogram: Sequence[tuple[str, int]]
    shares: dict[str, list[float]]
    """points of everyone in percent, by title of the question"""
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

    @property
    def labels(self) -> dict[str, str]:
        """Names of the students, by key."""
        return {record.key: score.name for record, score in self.pairs}


def summarize(
    assignment: Assignment,
    pairs: Sequence[Graded],
    paths: AssignmentPaths,
    earlier: Sequence[SubmittedCode] = (),
    missing: Sequence[StudentScore] = (),
) -> ClassSummary:
    """Summarize the results of a class.

    Args:
        earlier: code of former years, with which this class is compared.
        missing: students without a submission.

    Raises:
        CourseError: a known answer cannot be read.
    """
    records = [record for record, _ in pairs]
    every = [record for record in records if record.status == "graded"]
    graded = [record for record in every if STUDENT_CODE in record.files]
    keys = {record.key for record in graded}
    scores = [score for record, score in pairs if record.key in keys and not score.excused]
    final = [score.total for score in scores if score.total is not None]
    automatic = [part for score in scores if (part := score.part(written=False)[0]) is not None]
    points, possible = (final, max(score.possible for score in scores)) if final else (automatic, assignment.points)
    by_question = _points_of_questions(assignment, scores)
    identical, similar = find_similar(submitted_code(records, paths.autograded), earlier, stub_code(paths))
    return ClassSummary(
        pairs=pairs,
        records=records,
        graded=graded,
        without_code=[record for record in every if STUDENT_CODE not in record.files],
        flagged=[(record.student, each.flag) for record in records for each in record.results if each.flag],
        on_hold=[record for record in records if record.status not in ("graded", "needs_attention")],
        attention=[record for record in records if record.attention],
        unattributed=read_unattributed(paths),
        unsafe=[record for record in records if record.unsafe],
        late=sorted(
            (score for _, score in pairs if score.late.text and not score.excused), key=lambda score: -score.late.days
        ),
        missing=missing,
        need_help=sorted((each for each in graded if each.points < each.possible / 2), key=lambda each: each.points),
        final=final,
        waiting=sum(len(score.waiting) for score in scores),
        points=points,
        possible=possible,
        totals=_statistics(points),
        histogram=_histogram_rows(points, possible),
        shares={one.title: [100 * each / one.points for each in values] for one, values in by_question.items()},
        questions=[_question_row(question, values) for question, values in by_question.items()],
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


def _points_of_questions(assignment: Assignment, scores: Sequence[StudentScore]) -> dict[Question, list[float]]:
    """Return the points of everyone who has some, by question, in the order of the assignment."""
    everyone = [score.known for score in scores]
    points = {one: [each[one.name] for each in everyone if one.name in each] for one in assignment.questions}
    return {question: values for question, values in points.items() if values}


def _question_row(question: Question, points: Sequence[float]) -> QuestionRow:
    return QuestionRow(
        title=question.title,
        possible=question.points,
        mean=statistics.fmean(points),
        median=statistics.median(points),
        full=sum(each >= question.points for each in points),
        none=sum(each <= 0 for each in points),
    )
