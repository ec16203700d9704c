"""A platform's column of grades, as LTI and Canvas both offer it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from gradeprop.core.errors import CourseError
from gradeprop.integrations.lms.roster import Roster, most_alike

EXCUSED = "excused"
"""stands for a grade that a person on the platform has waived"""


class Target(Protocol):
    """One column of grades on a platform."""

    title: str
    """of the platform"""
    column: str
    """the address of the column, for the journal"""
    max_points: float | None
    """of the column; None if the platform scales what it receives"""

    def members(self) -> Roster:
        """Return the students of the course; the first column identifies them to the platform.

        Raises:
            PlatformError: the platform refuses.
        """

    def grades(self) -> Mapping[str, float | str] | None:
        """Return the grades that are there, as a fraction of the maximum, or ``EXCUSED``; None if it does not tell.

        Raises:
            PlatformError: the platform refuses.
        """

    def send(self, user: str, points: float, max_points: float) -> None:
        """Send one score.

        Raises:
            RejectedError: the platform rejects it for this student.
            UnreachableError: another try may succeed.
            PlatformError: the platform refuses every request, for example because a token has expired.
        """


def choose(titles: Sequence[str], known: Mapping[str, str], where: str | Path, or_else: str = "") -> str:
    """Return the id of the column with one of these titles.

    Args:
        known: the platform's: id → title.
        or_else: what else a person may do.

    Raises:
        CourseError: there is none, or more than one.
    """
    wanted = {title.strip().casefold() for title in titles}
    found = [name for name, title in known.items() if title.strip().casefold() in wanted or name in titles]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(found)
        message = f"has {len(found)} assignments called {titles[0]!r}; choose one with --column and its id: {ids}"
        raise CourseError(message, where)
    names = [repr(title) for title in most_alike(titles[0], known.values())]
    choice = f"; choose one with --column {names[0]}" if names else ""
    raise CourseError(f"has no assignment {titles[0]!r}, but: {', '.join(names) or 'none'}{choice}{or_else}", where)
