"""``nbgrader collect``, and formgrader's button: no link is followed, no clock of a student believed.

nbgrader's own copies what a link in the exchange points to, with the rights of the instructor; takes the time from the
name of a folder, which a student's process chose; and ends at the first folder that it cannot copy or understand.
"""

import shutil
import stat
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from nbgrader.exchange.default import ExchangeCollect
from nbgrader.utils import ignore_patterns, parse_utc

from gradeprop.submissions.arrival_time import last_change, trusted_time, write_arrival_time, write_trusted_timestamp

Ignore = Callable[[str, Sequence[str]], set[str]]


class Collect(ExchangeCollect):  # type: ignore[misc]
    """Copies links as links, which intake then names and leaves out, and notes when each submission came."""

    def _path_to_record(self, path: str) -> dict[str, Any]:
        name = Path(path).name
        username, _, claimed, *_ = name.rsplit("+", 3)  # <student>+<assignment>+<time>+<random>
        return {
            "username": username,
            "filename": name,
            "timestamp": trusted_time(_time(claimed), last_change(Path(path))),
        }

    def do_copy(self, src: str, dest: str, log: Any = None) -> None:
        course = self.coursedir
        unwanted = ignore_patterns(course.ignore, course.include, course.max_file_size, self.log)
        try:
            shutil.copytree(src, dest, symlinks=True, ignore=_ignoring(unwanted, 1000 * course.max_dir_size))
        except shutil.Error as error:  # what can be copied is there
            self.log.error("%s could not be copied whole: %s", src, error.args[0][0][2])
        record = self._path_to_record(src)
        name, came = record["filename"].rsplit("+", 3)[2], record["timestamp"]
        write_arrival_time(Path(dest), came, "" if _time(name) == came else name)
        write_trusted_timestamp(Path(dest))


def _time(claimed: str) -> datetime | None:
    try:
        found: datetime = parse_utc(claimed)
    except (ValueError, OverflowError):
        return None
    return found


def _ignoring(unwanted: Ignore, room: int) -> Ignore:
    """Leave out what is unwanted, what is neither file nor folder nor link, and what goes beyond so many bytes."""
    taken = 0

    def ignore(folder: str, names: Sequence[str]) -> set[str]:
        nonlocal taken
        left = set(unwanted(folder, names))
        for name in names:
            about = Path(folder, name).lstat()
            if stat.S_ISREG(about.st_mode) and name not in left:
                left |= {name} if taken + about.st_size > room else set()
                taken += 0 if name in left else about.st_size
            elif not (stat.S_ISDIR(about.st_mode) or stat.S_ISLNK(about.st_mode)):
                left.add(name)
        return left

    return ignore
