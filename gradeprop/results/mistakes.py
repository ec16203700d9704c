"""The commonest mistakes of a class: checks that cost points, and reasons why many checks could not run."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from gradeprop.core.models import Cause, CheckResult, GradeRecord
from gradeprop.results.feedback import COULD_NOT_RUN


class Mistake(NamedTuple):
    """A check that cost points, or a reason why several checks of a submission could not run."""

    check: str
    """file and function; "" for a reason"""
    line: str
    title: str
    """of its question; for a reason, the number of checks"""
    failures: int
    """submissions"""
    lost: float
    """points that the class lost by it"""
    message: str
    """the most frequent one"""
    same_message: int
    students: list[GradeRecord]


def find_mistakes(graded: Sequence[GradeRecord]) -> list[Mistake]:
    """Return the checks that cost points, the most frequent first.

    If several checks of a submission could not run for one reason, the reason is listed in their place.
    """
    by_check: dict[str, list[tuple[GradeRecord, CheckResult]]] = defaultdict(list)
    by_reason: dict[str, list[tuple[GradeRecord, Cause]]] = defaultdict(list)
    titles = {score.name: score.title for record in graded for score in record.questions}
    for record in graded:
        reasons = {each.message: each for each in record.causes if each.is_shared and each.verdict in COULD_NOT_RUN}
        for reason in reasons.values():
            by_reason[reason.message.partition("\n")[0]].append((record, reason))
        for result in record.results:
            if result.points < result.possible and result.message not in reasons:
                by_check[result.check].append((record, result))
    mistakes = [
        *(_reason(failures) for failures in by_reason.values()),
        *(_mistake(failures, titles) for failures in by_check.values()),
    ]
    return sorted(mistakes, key=lambda mistake: (-mistake.failures, -mistake.lost, mistake.check, mistake.line))


def _reason(failures: Sequence[tuple[GradeRecord, Cause]]) -> Mistake:
    message, same_message = Counter(cause.message for _, cause in failures).most_common(1)[0]
    line, _, rest = message.partition("\n")
    checks = sorted({cause.checks for _, cause in failures})
    return Mistake(
        check="",
        line=line,
        title=f"{' to '.join(map(str, {checks[0]: 0, checks[-1]: 0}))} checks could not run",
        failures=len(failures),
        lost=sum(cause.lost for _, cause in failures),
        message=rest,
        same_message=same_message,
        students=[record for record, _ in failures],
    )


def _mistake(failures: Sequence[tuple[GradeRecord, CheckResult]], titles: dict[str, str]) -> Mistake:
    first = failures[0][1]
    message, same_message = Counter(result.message for _, result in failures).most_common(1)[0]
    return Mistake(
        check=first.check,
        line=first.line,
        title=titles.get(first.question, first.question),
        failures=len(failures),
        lost=sum(result.possible - result.points for _, result in failures),
        message=message,
        same_message=same_message,
        students=[record for record, _ in failures],
    )
