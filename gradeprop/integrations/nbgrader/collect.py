"""``nbgrader collect`` and formgrader's button, without following links or trusting a student's clock.

nbgrader's own class copies what a link in the exchange points to, with the rights of the instructor. It takes the time
from the name of a folder, which a student's process chose, and stops at the first folder that it cannot copy or parse.
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
    """Copies links as links, which intake then reports and leaves out, and notes the arrival times."""

    def _path_to_record(self, path: str) -> dict[str, Any]:
        name = Path(path).name
        username, _, claimed, *_ = name.rsplit("+", 3)  # <student>+<assignment>+<time>+<random>
        return {
            "username": username,
            "filename": name,
            "timestamp": trusted_time(_time(claimed), last_change(Path(path))),
        }

    def do_copy(self, src: str, dest: str, log: Any = None) -> None:
        """Copy a submission as far as possible, and note its arrival time.

        Raises:
            JailError: the copy cannot be written.
        """
        course = self.coursedir
        unwanted = ignore_patterns(course.ignore, course.include, course.max_file_size, self.log)
        try:
            shutil.copytree(src, dest, symlinks=True, ignore=_limited(unwanted, 1000 * course.max_dir_size))
        except shutil.Error as error:  # raised after everything else was copied
            self.log.error("%s could not be copied completely: %s", src, error.args[0][0][2])
        record = self._path_to_record(src)
        claimed, arrival = record["filename"].rsplit("+", 3)[2], record["timestamp"]
        write_arrival_time(Path(dest), arrival, "" if _time(claimed) == arrival else claimed)
        write_trusted_timestamp(Path(dest))


def _time(claimed: str) -> datetime | None:
    try:
        time: datetime = parse_utc(claimed)
    except (ValueError, OverflowError):
        return None
    return time


def _limited(unwanted: Ignore, max_bytes: int) -> Ignore:
    """Also ignore what is not a file, folder or link, and the files beyond a total size."""
    copied = 0

    def ignore(folder: str, names: Sequence[str]) -> set[str]:
        nonlocal copied
        ignored = set(unwanted(folder, names))
        for name in names:
            about = Path(folder, name).lstat()
            if stat.S_ISREG(about.st_mode) and name not in ignored:
                ignored |= {name} if copied + about.st_size > max_bytes else set()
                copied += 0 if name in ignored else about.st_size
            elif not (stat.S_ISDIR(about.st_mode) or stat.S_ISLNK(about.st_mode)):
                ignored.add(name)
        return ignored

    return ignore
