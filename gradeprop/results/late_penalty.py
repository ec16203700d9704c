"""What is taken off for handing in late; pure: the same times give the same penalty."""

import math

from gradeprop.core.models import LatePolicy

_HOUR_S, _DAY_S = 3600.0, 86400.0


def days_late(policy: LatePolicy, seconds_late: float) -> int:
    """Days begun after the grace; 0 within it."""
    beyond = seconds_late - policy.grace_hours * _HOUR_S
    return math.ceil(beyond / _DAY_S) if beyond > 0 else 0


def penalty(policy: LatePolicy, score: float, seconds_late: float) -> float:
    """Points taken off a score: a share for every day begun, all of it after the last day."""
    days = days_late(policy, seconds_late)
    if policy.days is not None and days > policy.days:
        return score
    return round(score * min(days * policy.percent_per_day, 100.0) / 100, 6)
