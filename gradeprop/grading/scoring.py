"""Outcomes → grade record; pure: the same outcomes give the same record."""

from collections.abc import Sequence

from gradeprop import __version__
from gradeprop.core.models import Assignment, CheckResult, GradeRecord, JailRun, QuestionScore, Status, Submission


def grade(assignment: Assignment, submission: Submission, run: JailRun, results: Sequence[CheckResult]) -> GradeRecord:
    """The grade of one submission; held back for review if any check is broken."""
    broken = [result for result in results if result.verdict == "broken"]
    status: Status = "needs_review" if broken else "graded"
    return _record(assignment, submission, status, broken[0].message if broken else "", results, run)


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
    results: Sequence[CheckResult],
    run: JailRun | None,
) -> GradeRecord:
    questions = _questions(assignment, results)
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
        results=tuple(results),
        problems=problems,
        files=submission.files,
        sha256=submission.sha256,
        receipt=submission.receipt,
        **about,
    )


def _questions(assignment: Assignment, results: Sequence[CheckResult]) -> tuple[QuestionScore, ...]:
    earned = dict.fromkeys((question.name for question in assignment.questions), 0.0)
    for result in results:
        if result.question in earned:
            earned[result.question] += result.points
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
