"""Outcomes → grade record; pure: the same outcomes give the same record."""

from collections.abc import Sequence

from gradeprop import __version__
from gradeprop.core.models import Assignment, GradeRecord, Outcome, QuestionScore, Run, Status, Submission


def grade(assignment: Assignment, submission: Submission, run: Run, outcomes: Sequence[Outcome]) -> GradeRecord:
    """The grade of one submission; held back for review if any check is broken."""
    broken = [outcome for outcome in outcomes if outcome.fate == "broken"]
    status: Status = "needs_review" if broken else "graded"
    return _record(assignment, submission, status, broken[0].message if broken else "", outcomes, run)


def not_graded(assignment: Assignment, submission: Submission, reason: str) -> GradeRecord:
    """The record of a submission that the machine failed: no points are claimed, and none are lost."""
    return _record(assignment, submission, "not_graded", reason, (), None)


def needs_review(assignment: Assignment, submission: Submission, reason: str) -> GradeRecord:
    """The record of a submission that the course itself could not grade."""
    return _record(assignment, submission, "needs_review", reason, (), None)


def _record(
    assignment: Assignment,
    submission: Submission,
    status: Status,
    reason: str,
    outcomes: Sequence[Outcome],
    run: Run | None,
) -> GradeRecord:
    questions = _questions(assignment, outcomes)
    about = {} if run is None else {name: getattr(run, name) for name in ("seed", "dataset", "tier", "wall_s", "cpu_s")}
    problems = submission.problems
    if run is not None and run.ended and run.ended not in problems:
        problems = (*problems, run.ended)
    return GradeRecord(
        gradeprop=__version__,
        assignment=assignment.name,
        student=submission.student,
        key=submission.key,
        status=status,
        reason=reason,
        points=round(sum(question.points for question in questions), 6),
        possible=assignment.points,
        questions=questions,
        outcomes=tuple(outcomes),
        problems=problems,
        files=submission.files,
        sha256=submission.sha256,
        receipt=submission.receipt,
        **about,
    )


def _questions(assignment: Assignment, outcomes: Sequence[Outcome]) -> tuple[QuestionScore, ...]:
    earned = dict.fromkeys((question.name for question in assignment.questions), 0.0)
    for outcome in outcomes:
        if outcome.question in earned:
            earned[outcome.question] += outcome.points
    return tuple(
        QuestionScore(
            name=question.name,
            title=question.title,
            points=round(min(earned[question.name], question.points), 6),
            possible=question.points,
        )
        for question in assignment.questions
        if not question.manual
    )
