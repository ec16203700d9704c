"""Classical test theory for the checks of an assignment: how hard each is, and whether it separates strong from weak.

Source: Crocker & Algina, Introduction to Classical and Modern Test Theory, chapters 14 and 7.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gradeprop.core.models import GradeRecord

_MIN_STUDENTS = 10
"""fewer say nothing about a correlation"""


class Item(NamedTuple):
    """One check as an item of a test."""

    check: str
    line: str
    question: str
    """name"""
    possible: float
    mean: float
    """mean share of its points, from 0 (nobody) to 1 (everybody)"""
    discrimination: float | None
    """correlation with the points of all other checks; None if everybody has the same points"""


class ItemAnalysis(NamedTuple):
    """All checks, the hardest first, and how consistent they are."""

    items: list[Item]
    alpha: float | None
    """Cronbach's α; None if it cannot be computed"""
    students: int


def analyze_items(graded: Sequence[GradeRecord]) -> ItemAnalysis:
    """Analyze the checks over the submissions that have a result of every check; a small class has no correlations."""
    checks = {result.check: result for record in graded for result in record.results}
    rows = [{result.check: result.points for result in record.results} for record in graded]
    complete = [[row[check] for check in checks] for row in rows if row.keys() == checks.keys()]
    points = np.array(complete, dtype=float).reshape(len(complete), len(checks))
    if not points.size:
        return ItemAnalysis([], None, 0)
    total, is_enough = points.sum(axis=1), len(points) >= _MIN_STUDENTS
    items = [
        Item(
            check=name,
            line=result.line,
            question=result.question,
            possible=result.possible,
            mean=float(column.mean()) / result.possible,
            discrimination=_correlation(column, total - column) if is_enough else None,
        )
        for (name, result), column in zip(checks.items(), points.T, strict=True)
    ]
    return ItemAnalysis(sorted(items, key=lambda item: item.mean), _alpha(points) if is_enough else None, len(points))


def _correlation(one: np.ndarray, other: np.ndarray) -> float | None:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def _alpha(points: np.ndarray) -> float | None:
    """Return Cronbach's α of points (students, checks)."""
    count, variance = points.shape[1], points.sum(axis=1).var(ddof=1)
    if count < 2 or variance == 0:
        return None
    return float(count / (count - 1) * (1 - points.var(axis=0, ddof=1).sum() / variance))
