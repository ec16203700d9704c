"""The penalty for late submissions. Pure: the same times give the same penalty.

Days are counted on the clock of the course: a day of 25 hours, at the end of summer time, is one day. A day of 23 hours
is one day, too, and 24 hours after the due date never count as two.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from gradeprop.core.assignment import LatePolicy

_HOUR_S, _DAY_S = 3600.0, 86400.0


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late a submission is, and how many of its days cost points."""

    days: int = 0
    """begun after the due date, the student's extension and the grace period"""
    free: int = 0
    """paid with the student's free late days"""
    waived: bool = False
    """the instructor has waived the penalty"""
    unknown: bool = False
    """the platform says that it is late, and nobody says how late"""

    @property
    def charged(self) -> int:
        """The days that cost points."""
        return 0 if self.waived else self.days - self.free

    @property
    def text(self) -> str:
        """The days, and why some cost nothing: "3 days late, 2 of them free"; empty if it is in time."""
        if not self.days:
            return "late, arrival time unknown" if self.unknown else ""
        free = "penalty waived" if self.waived else f"{self.free} of them free" if self.free else ""
        return ", ".join(filter(None, (f"{self.days} day{'s' * (self.days > 1)} late", free)))


def seconds_late(policy: LatePolicy, due: datetime, arrival: datetime) -> float:
    """Return the seconds between two times (naive UTC), or fewer if the clock of the course shows fewer."""
    zone = _zone(policy)
    shown = [time.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) for time in (due, arrival)]
    return max(0.0, min((arrival - due).total_seconds(), (shown[1] - shown[0]).total_seconds()))


def to_utc(policy: LatePolicy, time: datetime) -> datetime:
    """Convert a time on the clock of the course, or one with a zone of its own, to naive UTC."""
    aware = time if time.tzinfo or not policy.timezone else time.replace(tzinfo=_zone(policy))
    return aware.astimezone(UTC).replace(tzinfo=None)


def _zone(policy: LatePolicy) -> ZoneInfo | None:
    return ZoneInfo(policy.timezone) if policy.timezone else None


def days_late(policy: LatePolicy, seconds_late: float) -> int:
    """Count the days begun after the grace period; 0 within it."""
    beyond = seconds_late - policy.grace_hours * _HOUR_S
    return math.ceil(beyond / _DAY_S) if beyond > 0 else 0


def spend_free_days(assignments: Iterable[tuple[LatePolicy, Lateness]]) -> list[Lateness]:
    """Pay late days with a student's free ones, in the order of the assignments; waived ones need none."""
    spent, paid = 0, []
    for policy, late in assignments:
        free = 0 if late.waived else max(0, min(late.days, policy.free_days - spent))
        spent += free
        paid.append(replace(late, free=free))
    return paid


def penalty(policy: LatePolicy, score: float, days: int) -> float:
    """Return the points to subtract from a score: a share for each day that counts, all of it after the last day."""
    if policy.days is not None and days > policy.days:
        return score
    return round(score * min(days * policy.percent_per_day, 100.0) / 100, 2)
