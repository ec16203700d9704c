"""The penalty for late submissions. Pure: the same times give the same penalty."""

import math

from gradeprop.core.assignment import LatePolicy

_HOUR_S, _DAY_S = 3600.0, 86400.0


def days_late(policy: LatePolicy, seconds_late: float) -> int:
    """Count the days begun after the grace period; 0 within it."""
    beyond = seconds_late - policy.grace_hours * _HOUR_S
    return math.ceil(beyond / _DAY_S) if beyond > 0 else 0


def penalty(policy: LatePolicy, score: float, seconds_late: float) -> float:
    """Return the points to subtract from a score: a share for each day begun, all of it after the last day."""
    days = days_late(policy, seconds_late)
    if policy.days is not None and days > policy.days:
        return score
    return round(score * min(days * policy.percent_per_day, 100.0) / 100, 6)
