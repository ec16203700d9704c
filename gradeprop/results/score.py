"""The score of one student in one assignment: one number, and the parts that it is made of. Pure.

    automatic points + points by hand − late penalty = score       none while a part is missing, or if excused

Terminal, grades.csv, pages, class report, gradebook and every export take the number and its parts from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from gradeprop.core.assignment import Assignment, LatePolicy
from gradeprop.core.models import GradeRecord
from gradeprop.results import late_penalty
from gradeprop.results.late_penalty import Lateness

DAYS_LATE = "days late"
"""stands among the ungraded questions if the arrival time of a late submission is unknown"""
_NO_LATENESS = Lateness()


class CellGrade(NamedTuple):
    """The points of one question, as the gradebook or a record has them."""

    points: float | None
    """with a score by hand in place of the automatic one; None if there is neither"""
    needs_person: bool
    """a person must give or confirm the points"""


@dataclass(frozen=True, slots=True)
class StudentScore:
    """The points of one student in one assignment."""

    student: str
    """the student's id in the gradebook"""
    other_ids: tuple[str, ...]
    """the id in the learning platform and the e-mail address, if the gradebook has them"""
    points: dict[str, float]
    """by question, without those in ``ungraded``"""
    ungraded: tuple[str, ...]
    """questions without a score, or with one that a person must look at"""
    penalty: float
    """points taken off for late submission"""
    name: str = ""
    """the person's name; the id if the gradebook has none"""
    max_points: Mapping[str, float] = field(default_factory=dict)
    """by question"""
    written: frozenset[str] = frozenset()
    """the questions that are graded by hand"""
    to_confirm: Mapping[str, float] = field(default_factory=dict)
    """by ungraded question: points that a person must confirm"""
    comments: Mapping[str, str] = field(default_factory=dict)
    """by question: what the person who graded wrote"""
    late: Lateness = _NO_LATENESS
    submitted_by: str = ""
    """the member of the student's group whose submission counts; empty if it is the student's own"""
    excused: bool = False
    """need not submit, and has no score, whatever was graded"""

    @property
    def total(self) -> float | None:
        """The score, after the late penalty; None while a question is ungraded, so that no partial sum is exported."""
        if self.ungraded or self.excused:
            return None
        return round(max(0.0, sum(self.points.values()) - self.penalty), 2)

    @property
    def possible(self) -> float:
        return sum(self.max_points.values())

    @property
    def known(self) -> dict[str, float]:
        """The points of each question that has some, by question; a person may still have to confirm them."""
        return {**self.points, **self.to_confirm}

    def part(self, *, written: bool) -> tuple[float | None, float]:
        """Return the points and the maximum of the automatic or the written questions; None if none has points yet."""
        names = [name for name in self.max_points if (name in self.written) is written]
        points = [self.known[name] for name in names if name in self.known]
        return (round(sum(points), 2) if points else None), sum(self.max_points[name] for name in names)

    @property
    def label(self) -> str:
        """The person's name and the id, for lists."""
        return self.student if self.name == self.student else f"{self.name} ({self.student})"

    @property
    def waiting(self) -> tuple[str, ...]:
        """The written questions that a person must grade."""
        return tuple(name for name in self.ungraded if name in self.written)


Graded = tuple[GradeRecord, StudentScore]
"""a record with its score"""


@dataclass(frozen=True, slots=True)
class AssignmentScores:
    """The scores of everyone in one assignment, without those who have withdrawn from the course."""

    name: str
    max_points: dict[str, float]
    """by question"""
    scores: tuple[StudentScore, ...]
    """sorted by student"""
    withdrawn: tuple[str, ...] = ()
    """ids of the students who have withdrawn"""
    missing: tuple[StudentScore, ...] = ()
    """empty scores of the students who should have submitted and have not"""


def combine(
    base: StudentScore, grades: Mapping[str, CellGrade], policy: LatePolicy | None, stored_penalty: float = 0.0
) -> StudentScore:
    """Combine the grades of the questions, and how late the submission is, into a score.

    Args:
        base: the student, the questions, and the lateness.
        policy: of the assignment; None if it has none, so that the stored penalty counts.
    """
    known = {name: grade.points for name in base.max_points if (grade := grades.get(name)) and grade.points is not None}
    unsure = [name for name in base.max_points if name not in known or grades[name].needs_person]
    penalty = stored_penalty
    if policy is not None:
        penalty = late_penalty.penalty(policy, sum(known.values()), base.late.charged)
        if base.late.unknown and policy.is_strict and not base.late.waived:
            unsure.append(DAYS_LATE)
    return replace(
        base,
        points={name: points for name, points in known.items() if name not in unsure},
        to_confirm={name: known[name] for name in unsure if name in known},
        ungraded=tuple(unsure),
        penalty=penalty,
    )


def of_record(assignment: Assignment, record: GradeRecord) -> StudentScore:
    """Return the score as far as a record alone says it: without points by hand, and as if in time."""
    manual = {question.name: question.points for question in assignment.questions if question.manual}
    max_points = {one.name: one.possible for one in record.questions} | manual
    base = StudentScore(record.key, (), {}, (), 0.0, record.student, max_points, frozenset(manual))
    earned = record.questions if record.status == "graded" else ()
    return combine(base, {one.name: CellGrade(one.points, record.held is not None) for one in earned}, LatePolicy())
