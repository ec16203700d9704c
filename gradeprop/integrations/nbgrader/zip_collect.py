"""Plugins for ``nbgrader zip_collect``: downloads of Canvas, Moodle and Blackboard, read as by ``gradeprop grade``.

    downloaded/<hw>/archive/                the download: zips, or the files from them
    downloaded/<hw>/extracted/<student>/    a safe copy of each submission; a student's own zip is opened
    submitted/<student>/<hw>/               nbgrader's copy, with timestamp.txt if the download has times

nbgrader's own extractor unpacks whatever a zip contains, of any size, and knows one scheme of names.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from nbgrader.plugins import ExtractorPlugin, FileNameCollectorPlugin

from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import SubmissionError
from gradeprop.core.paths import CoursePaths, student_key
from gradeprop.course.config import read_assignment
from gradeprop.submissions import intake, lms_downloads
from gradeprop.submissions.arrival_time import write_arrival_time

_TIMES = ".timestamps"  # in extracted/; no student's key begins with a dot
_ATTEMPT = re.compile(r"(\d{4}-\d\d-\d\d)-(\d\d)-(\d\d)-(\d\d)")


class Extractor(ExtractorPlugin):  # type: ignore[misc]  # nbgrader publishes no types
    """Creates a folder for each student, with checked files of limited size."""

    def extract(self, archive_path: str, extracted_path: str) -> None:
        """Read every downloaded zip in the archive folder, and the other files in it as one download.

        Raises:
            CourseError: the assignment cannot be read.
        """
        coursedir = self.parent.coursedir
        course = CoursePaths.find(Path(coursedir.root))
        assignment = read_assignment(course, coursedir.assignment_id)
        archive, into = Path(archive_path), Path(extracted_path)
        names = sorted(each.name for each in archive.iterdir())
        zips = [name for name in names if name.lower().endswith(".zip") and lms_downloads.parse_name(name) is None]
        downloads = [*((archive / name, []) for name in zips), *([(archive, zips)] if names != zips else [])]
        times = dict[str, str]()
        for path, skip in downloads:
            try:
                with lms_downloads.open_lms_download(path, assignment, course.cache, skip) as download:
                    if download is None:
                        self.log.warning("%s is not a download from Canvas, Moodle or Blackboard; skipped.", path)
                        continue
                    for entry in download.unattributed:
                        self.log.warning(entry.reason)
                    for submission, student in download.submissions:
                        self._take(submission, student, assignment, into)
                    times |= download.attempts
            except SubmissionError as error:
                self.log.error(str(error))
        lines = [_ATTEMPT.sub(r"\1 \2:\3:\4 ", time) + student_key(student) for student, time in times.items() if time]
        (into / _TIMES).write_text("\n".join(lines), encoding="utf-8")

    def _take(self, submission: Path, student: str, assignment: Assignment, into: Path) -> None:
        folder = into / student_key(student)
        if folder.exists():
            self.log.warning("%s is in more than one download; only the first is used.", student)
            return
        try:
            copied = intake.take(submission, student, assignment, folder)
        except SubmissionError as error:
            folder.mkdir()
            (folder / submission.name).write_bytes(submission.read_bytes())  # unchanged, for a person to look at
            self.log.warning("%s: %s", student, error)
            return
        for sentence in copied.problems:
            self.log.warning("%s: %s", student, sentence)


class Collector(FileNameCollectorPlugin):  # type: ignore[misc]
    """Takes the student and the file name from the path that the extractor chose."""

    def collect(self, submitted_file: str) -> dict[str, str] | None:
        """Return the student, the file name and the time, if known; None to skip the file."""
        extracted = Path(self.parent._format_collect_path(self.parent.extracted_directory))
        student, *rest = Path(submitted_file).relative_to(extracted).parts
        if not rest or Path(submitted_file).suffix not in self.valid_ext:
            return None
        times, course = dict(self._times(extracted)), self.parent.coursedir
        if student in times:  # the platform's time, which autograde trusts
            paths = CoursePaths.find(Path(course.root)).assignment(course.assignment_id)
            write_arrival_time(paths.arrival(student), datetime.fromisoformat(times[student]))
        return {"student_id": student, "file_id": "/".join(rest)} | (
            {"timestamp": times[student]} if student in times else {}
        )

    def _times(self, extracted: Path) -> Iterator[tuple[str, str]]:
        file = extracted / _TIMES
        for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
            yield line[20:], line[:19]
