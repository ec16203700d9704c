"""``nbgrader collect`` and formgrader's button, without following links or trusting a student's names and clock.

nbgrader's own class copies what a link in the exchange points to, with the rights of the instructor. It takes the
student and the time from the name of a folder, which any account can choose, and stops at the first folder that it
cannot copy or parse.
"""

from datetime import datetime
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any

from nbgrader.exchange.default import ExchangeCollect
from nbgrader.utils import parse_utc

from gradeprop.core.errors import SubmissionError
from gradeprop.core.paths import CoursePaths
from gradeprop.core.sanitize import filename
from gradeprop.results import gradebook_db
from gradeprop.submissions import identity
from gradeprop.submissions.arrival_time import last_change, trusted_time, write_arrival_time, write_trusted_timestamp
from gradeprop.submissions.entry import Entry, Refused, copy_file, refusal
from gradeprop.submissions.reader import entries

_UNKNOWN = datetime.min


class Collect(ExchangeCollect):  # type: ignore[misc]
    """Copies regular files, each opened once, from folders that belong to their student; notes the arrival times."""

    @cached_property
    def _students(self) -> frozenset[str]:
        return gradebook_db.students(self.coursedir.db_url)

    def _path_to_record(self, path: str) -> dict[str, Any]:
        folder = Path(path)
        username, _, claimed, *_ = folder.name.rsplit("+", 3)  # <student>+<assignment>+<time>+<random>
        record: dict[str, Any] = {
            "username": username,
            "filename": folder.name,
            "timestamp": _UNKNOWN,
            "owner": 0,
            "doubt": "",
        }
        try:
            record["owner"] = folder.lstat().st_uid
            record["timestamp"] = trusted_time(_time(claimed), last_change(folder))
        except (OSError, SubmissionError) as error:
            return record | {"doubt": f"cannot be read: {error}"}
        if doubt := identity.doubt_about_text(folder):
            return record | {"doubt": doubt}
        collector = folder.parent.stat().st_uid
        return record | {"doubt": identity.doubt_about_owner([username], record["owner"], self._students, collector)}

    def _sort_by_timestamp(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Sort a student's submissions, the latest first, and those that may be another's last."""
        trusted = [record for record in records if not record["doubt"]]
        if identity.are_rivals([record["owner"] for record in trusted]):
            for record in trusted:
                record["doubt"] = identity.RIVALS.format(record["username"])
        return sorted(records, key=lambda record: (not record["doubt"], record["timestamp"]), reverse=True)

    src_records: list[dict[str, Any]]

    def copy_files(self) -> None:
        """Copy the latest submission of each student, and name those that a person must look at."""
        for record in self.src_records:
            if record["doubt"]:
                self.log.error("%s %s; it is not collected", filename(record["filename"]), record["doubt"])
        self.src_records = [record for record in self.src_records if not record["doubt"]]
        super().copy_files()

    def do_copy(self, src: str, dest: str, log: Any = None) -> None:
        """Copy a submission as far as possible, and note its arrival time.

        Raises:
            JailError: the copy cannot be written.
        """
        self._copy(Path(src), Path(dest))
        record = self._path_to_record(src)
        claimed, arrival = record["filename"].rsplit("+", 3)[2], record["timestamp"]
        paths = CoursePaths(Path(self.coursedir.root)).assignment(self.coursedir.assignment_id)
        note = paths.arrival(record["username"])
        write_arrival_time(note, arrival, "" if _time(claimed) == arrival else claimed)
        write_trusted_timestamp(Path(dest), note)

    def _copy(self, source: Path, target: Path) -> None:
        """Copy the files that nbgrader's settings allow, and name those that were left out."""
        target.mkdir(parents=True)
        left = 1000 * self.coursedir.max_dir_size
        try:
            with entries(source) as found:
                for entry in found:
                    try:
                        if self._is_wanted(entry):
                            left -= copy_file(entry, target / entry.name, left)[1]
                    except Refused as refused:
                        self.log.warning("%s: %s %s, and was left out", source.name, entry.name, refused)
        except SubmissionError as error:
            self.log.error("%s", error)

    def _is_wanted(self, entry: Entry) -> bool:
        """Return True if a file is to be copied.

        Raises:
            Refused: it must not be copied, or is too large.
        """
        course = self.coursedir
        if flaw := entry.flaw or refusal(entry.name):
            raise flaw
        *folders, name = entry.name.split("/")
        if any(fnmatch(part, pattern) for part in (*folders, name) for pattern in course.ignore):
            return False
        if course.include and not any(fnmatch(name, pattern) for pattern in course.include):
            return False
        if course.max_file_size and entry.size > 1000 * course.max_file_size:
            raise Refused(f"is larger than {course.max_file_size} kB (CourseDirectory.max_file_size)")
        return True


def _time(claimed: str) -> datetime | None:
    try:
        time: datetime = parse_utc(claimed)
    except (ValueError, OverflowError):
        return None
    return time
