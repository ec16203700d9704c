"""The questions of assignment.toml against those of the checks: names exist, and points add up."""

import difflib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from gradeprop.core.assignment import Assignment
from gradeprop.core.models import CheckResult
from gradeprop.judge.protocol import Check


def find_wrong_points(assignment: Assignment, checks: Iterable[Check], tests: Path) -> list[CheckResult]:
    """Report checks of unknown questions, and questions whose checks don't add up to their points."""
    points = {question.name: question.points for question in assignment.questions if not question.manual}
    by_question: dict[str, list[Check]] = defaultdict(list)
    for check in checks:
        by_question[check.question].append(check)
    found = [
        *_unknown(assignment, by_question, points),
        *(message for name in points if (message := _wrong_sum(name, points[name], by_question[name], tests))),
    ]
    return [
        CheckResult(
            check=tests.name,
            question="",
            line="The points add up.",
            verdict="broken",
            points=0.0,
            possible=0.0,
            message=message,
        )
        for message in found
    ]


def _unknown(assignment: Assignment, by_question: dict[str, list[Check]], points: dict[str, float]) -> Iterator[str]:
    manual = {question.name for question in assignment.questions if question.manual}
    for name in by_question.keys() - points.keys():
        similar = difflib.get_close_matches(name, points, n=1)
        why = f"; did you mean {similar[0]!r}?" if similar else f"; there are {', '.join(map(repr, points))}."
        for check in by_question[name]:
            if name in manual:
                yield f"{check.place}: the question {name!r} is graded by hand, as assignment.toml says."
            else:
                yield f"{check.place}: no question {name!r} in assignment.toml{why}"


def _wrong_sum(name: str, points: float, checks: list[Check], tests: Path) -> str:
    total = sum(check.points for check in checks)
    if abs(total - points) <= 1e-9:
        return ""
    parts = ", ".join(f"{Path(check.place).name} has {check.points:g}" for check in checks) or "there are none"
    return f"{tests}: the checks of {name!r} sum to {total:g} points; {points:g} in assignment.toml ({parts})."
