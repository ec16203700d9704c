"""Parser of a platform's bulk download: one zip or folder of long names → one folder or zip for each student.

    Canvas      lovelaceada_LATE_12345_67890_student_code-1.py        name, lateness, user, file, name as uploaded
    Moodle      Ada Lovelace_12345_assignsubmission_file_/student_code.py      or ..._file_student_code.py
    Blackboard  Lab 1_ada_attempt_2026-01-31-12-30-00_student_code.py

A student is identified as the platform does it: by the user number in Canvas, the participant number in Moodle, the
login in Blackboard. Text that a student can choose, such as their own name or a file's, never decides who owns a file:
each pattern matches at the first possible position, and the platform has cleaned the text before it.

Source: instructure/canvas-lms, lib/content_zipper.rb; moodle/moodle, mod/assign/locallib.php;
nbgrader, plugins/zipcollect.py (Blackboard).
"""

import contextlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gradeprop.core.errors import CourseError
from gradeprop.core.models import Assignment
from gradeprop.core.paths import student_key
from gradeprop.core.sanitize import filename
from gradeprop.core.scratch import ScratchDir
from gradeprop.submissions.intake import copy_file, refusal
from gradeprop.submissions.reader import IGNORED, MAX_ENTRIES, Entry, Refused, entries

_SCHEMES = {
    "Canvas": re.compile(
        r"(?:\w*?_)??(?:LATE_)?(?P<student>\d+|anon_[A-Za-z0-9]+)_(?:\d+_(?P<file>[^/]+)|(?P<text>(?:text|link)\.html))"
    ),
    "Moodle": re.compile(r"[^_/]+_(?P<student>\d+)_assignsubmission_(?:file|onlinetext)_?(?:/|(?<=_))(?P<file>.+)"),
    "Blackboard": re.compile(
        r"(?P<before>[^/]+?)_(?P<student>[^_/]+)_attempt_(?P<attempt>\d{4}(?:-\d\d){5})(?:_(?P<file>[^/]+)|\.txt)"
    ),
}
_COPY_NUMBER = re.compile(r"-\d+(?=\.\w+$)")  # Canvas adds it if the student has uploaded that name before


@dataclass(frozen=True, slots=True)
class ParsedName:
    """The parts of one file name in a download."""

    platform: str
    student: str
    file: str
    """the student's name of the file; empty for files that the platform adds itself"""
    attempt: str = ""
    """2026-01-31-12-30-00; empty if the download contains only one attempt"""
    before: str = ""
    """the text before the student, if that is the assignment's name"""


@dataclass(frozen=True, slots=True)
class Download:
    """A class, unpacked from a download."""

    platform: str
    submissions: tuple[tuple[Path, str], ...]
    """(folder or zip, student)"""
    warnings: tuple[str, ...]
    """sentences for the instructor: entries that were left out, and why"""
    attempts: dict[str, str]
    """student → time of the latest attempt; empty if the names do not contain it"""


def parse_name(name: str, platform: str | None = None) -> ParsedName | None:
    """Parse a file name by the scheme of one platform, or of the first one that fits; None if none does."""
    for known, pattern in _SCHEMES.items():
        if platform in (None, known) and (match := pattern.fullmatch(name)):
            found = match.groupdict(default="")
            file = found["file"] or found.get("text", "")
            return ParsedName(known, found["student"], file, found.get("attempt", ""), found.get("before", ""))
    return None


def detect_platform(names: Sequence[str]) -> str | None:
    """Return the platform whose scheme more than half of the names follow; None if there is none."""
    for platform in _SCHEMES:
        if 2 * sum(parse_name(name, platform) is not None for name in names) > len(names):
            return platform
    return None


@contextlib.contextmanager
def open_lms_download(
    path: Path, assignment: Assignment, within: Path, skip: Sequence[str] = ()
) -> Iterator[Download | None]:
    """Unpack a platform's download for the duration of the context; yield None if ``path`` is not a download.

    Args:
        path: a folder or zip.
        assignment: names the required files and the limits.
        within: the folder to unpack into, on a disk that has room for the class.
        skip: names at the top level to ignore.

    Raises:
        SubmissionError: the zip or folder cannot be read.
        CourseError: it contains too many files.
    """
    with entries(path) as lazily:
        every_entry = list(lazily)
        found = _without_outer_folder(
            [e for e in every_entry if IGNORED.isdisjoint(e.name.split("/")) and e.name not in skip]
        )
        platform = detect_platform([entry.name for entry in found])
        if platform is None:
            yield None
            return
        if len(every_entry) >= MAX_ENTRIES:
            raise CourseError(f"contains {MAX_ENTRIES:,} files or more; split it into several parts", path)
        within.mkdir(parents=True, exist_ok=True)
        scratch = ScratchDir(within)
        try:
            yield _unpack(platform, found, assignment, scratch.path)
        finally:
            scratch.remove()


def _unpack(platform: str, found: Sequence[Entry], assignment: Assignment, into: Path) -> Download:
    warnings: list[str] = []
    by_student: dict[str, list[tuple[ParsedName, Entry]]] = defaultdict(list)
    for entry in found:
        if named := parse_name(entry.name, platform):
            by_student[unicodedata.normalize("NFC", named.student)].append((named, entry))
        else:
            warnings.append(f"{filename(entry.name)} does not follow the naming scheme of {platform}; it was left out.")
    submissions, attempts = [], {}
    for student, files in by_student.items():
        attempts[student] = max(named.attempt for named, _ in files)
        try:
            latest = [pair for pair in files if pair[0].attempt == attempts[student]]
            submission = _write_submission(
                _latest_files(student, files, latest), assignment, into / student_key(student)
            )
            submissions.append((submission, student))
        except Refused as refused:
            warnings.append(f"The submission of {filename(student)} was left out: {refused}.")
    return Download(platform, tuple(submissions), tuple(warnings), attempts)


def _latest_files(
    student: str, files: Iterable[tuple[ParsedName, Entry]], latest: Sequence[tuple[ParsedName, Entry]]
) -> Sequence[tuple[ParsedName, Entry]]:
    """Return the files of a student's latest attempt.

    Raises:
        Refused: the files may belong to two students whose logins contain a _.
    """
    before = sorted({named.before for named, _ in files})
    if len(before) > 1:
        names = " and ".join(f"{filename(each)}_{filename(student)}" for each in before[:2])
        raise Refused(f"files begin with {names}, which may be two students; rename one of them")
    return [pair for pair in latest if pair[0].file]


def _write_submission(files: Sequence[tuple[ParsedName, Entry]], assignment: Assignment, folder: Path) -> Path:
    """Copy the files of one student into ``folder``; return it, or its only file if that is a zip."""
    names = _original_names([named.file for named, _ in files], assignment)
    max_bytes = assignment.limits.submission_mib * 2**20
    folder.mkdir()
    for name, (_, entry) in zip(names, files, strict=True):
        if flaw := entry.flaw or refusal(name):
            raise Refused(f"{filename(entry.name)} {flaw}")
        try:
            _, size = copy_file(entry, folder / name, max_bytes)
        except Refused as refused:
            raise Refused(f"{filename(entry.name)} {refused}") from refused
        max_bytes -= size
    return folder / names[0] if len(names) == 1 and names[0].lower().endswith(".zip") else folder


def _original_names(names: Sequence[str], assignment: Assignment) -> list[str]:
    """Remove the number that a platform has added to the name of a required file."""
    used = set(names)
    originals = []
    for name in names:
        plain = _COPY_NUMBER.sub("", name)
        if plain in assignment.asked_files and name not in assignment.asked_files and plain not in used:
            used.add(plain)
            name = plain
        originals.append(name)
    if double := next((name for name in originals if originals.count(name) > 1), None):
        raise Refused(f"{filename(double)} occurs twice")
    return originals


def _without_outer_folder(found: Sequence[Entry]) -> Sequence[Entry]:
    """Remove a single folder around all entries, which some programs add; a student's own folder stays."""
    tops = {entry.name.partition("/")[0] for entry in found}
    if len(tops) != 1 or not all("/" in entry.name for entry in found) or parse_name(found[0].name):
        return found
    return [replace(entry, name=entry.name.partition("/")[2]) for entry in found]
