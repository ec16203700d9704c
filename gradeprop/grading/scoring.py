"""Compute a grade record from check results; pure: the same results give the same record."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from gradeprop import __version__
from gradeprop.core.assignment import Assignment
from gradeprop.core.models import (
    Cause,
    CheckResult,
    GradeRecord,
    Held,
    JailRun,
    QuestionScore,
    Status,
    Submission,
    Verdict,
)
from gradeprop.core.paths import student_key

_RUN_FIELDS = ("seed", "dataset", "tier", "wall_s", "cpu_s")


def grade(assignment: Assignment, submission: Submission, run: JailRun, results: Sequence[CheckResult]) -> GradeRecord:
    """Score one submission; if any check is broken, the record *needs review*."""
    broken = [result for result in results if result.verdict == "broken"]
    status: Status = "needs_review" if broken else "graded"
    return _record(assignment, submission, status, broken[0].message if broken else "", results, run)


def not_graded(assignment: Assignment, submission: Submission, reason: str) -> GradeRecord:
    """Make the record of a submission on which the machine failed; it neither gives nor takes points."""
    return _record(assignment, submission, "not_graded", reason, (), None)


def needs_attention(assignment: Assignment, submission: Submission, old: GradeRecord | None) -> GradeRecord:
    """Make the record of a submission that a person must look at; an older grade stands meanwhile."""
    if old is None or old.status == "needs_attention":
        return _record(assignment, submission, "needs_attention", submission.attention, (), None)
    fields = {name: getattr(submission, name) for name in ("sha256", "problems", "seen")}
    return msgspec.structs.replace(old, held=Held(reason=submission.attention, **fields))


def needs_review(assignment: Assignment, submission: Submission, reason: str) -> GradeRecord:
    """Make the record of a submission that cannot be graded because of an error in the course."""
    return _record(assignment, submission, "needs_review", reason, (), None)


def unread(student: str, attention: str = "") -> Submission:
    """Make a submission without files: it could not be read, for the reason given."""
    key = student_key(student)
    return Submission(student=student, key=key, files=(), sha256="", problems=(), attention=attention)


def _record(
    assignment: Assignment,
    submission: Submission,
    status: Status,
    reason: str,
    results: Sequence[CheckResult],
    run: JailRun | None,
) -> GradeRecord:
    questions = _questions(assignment, results)
    run_fields = {} if run is None else {name: getattr(run, name) for name in _RUN_FIELDS}
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
        causes=find_causes(results),
        points=round(sum(question.points for question in questions), 2),
        possible=assignment.points,
        questions=questions,
        results=tuple(results),
        problems=problems,
        files=submission.files,
        sha256=submission.sha256,
        receipt=submission.receipt,
        seen=submission.seen,
        **run_fields,
    )


def find_causes(results: Sequence[CheckResult]) -> tuple[Cause, ...]:
    """Group the checks that lost points by their message, the message that cost most points first.

    A check without a message, or a broken one, is not a cause.
    """
    groups: dict[tuple[str, Verdict], list[CheckResult]] = defaultdict(list)
    for result in results:
        if result.points < result.possible and result.message and result.verdict != "broken":
            groups[result.message, result.verdict].append(result)
    causes = [
        Cause(
            message=message,
            verdict=verdict,
            checks=len(group),
            lost=round(sum(result.possible - result.points for result in group), 6),
        )
        for (message, verdict), group in groups.items()
    ]
    return tuple(sorted(causes, key=lambda cause: -cause.lost))


def _questions(assignment: Assignment, results: Sequence[CheckResult]) -> tuple[QuestionScore, ...]:
    earned = dict.fromkeys((question.name for question in assignment.questions), 0.0)
    for result in results:
        if result.question in earned:
            earned[result.question] += result.points
    return tuple(
        QuestionScore(
            name=question.name,
            title=question.title,
            points=round(min(earned[question.name], question.points), 2),
            possible=question.points,
        )
        for question in assignment.questions
        if not question.manual
    )
