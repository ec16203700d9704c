"""Parser of a platform's bulk download: one zip or folder of long names → one folder or zip for each student.

    Canvas       lovelaceada_LATE_12345_67890_student_code-1.py       name, lateness, user, file, name as uploaded
    Moodle       Ada Lovelace_12345_assignsubmission_file_/student_code.py     or ..._file_student_code.py
    Blackboard   Lab 1_ada_attempt_2026-01-31-12-30-00_student_code.py
    Brightspace  12345-678 - Ada Lovelace - Jan 31, 2026 1130 AM/student_code.py      or ... AM - student_code.py
    Gradescope   submission_678/student_code.py, and submission_metadata.yml with the student of each

A student is identified as the platform does it: by the user number in Canvas and Brightspace, the participant number in
Moodle, the login in Blackboard, the student id or e-mail address in Gradescope. Text that a student can choose, such as
their own name or a file's, never decides who owns a file: where a name can be read in two ways, a person decides.

Source: instructure/canvas-lms, lib/content_zipper.rb; moodle/moodle, mod/assign/locallib.php;
nbgrader, plugins/zipcollect.py (Blackboard); community.d2l.com and help.gradescope.com (the last two).
"""

import contextlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import CourseError
from gradeprop.core.models import Unattributed
from gradeprop.core.paths import student_key
from gradeprop.core.sanitize import filename
from gradeprop.core.scratch import ScratchDir
from gradeprop.submissions.entry import MAX_ENTRIES, Entry, Refused, copy_file, is_ignored, refusal
from gradeprop.submissions.reader import entries

_SCHEMES = {
    "Canvas": re.compile(  # found at every position, see _canvas
        r"(?:^|(?<=_))(?=(?P<student>\d+|anon_[A-Za-z0-9]+)_(?:\d+_(?P<file>[^/]+)|(?P<text>(?:text|link)\.html))$)"
    ),
    "Moodle": re.compile(r"[^_/]+_(?P<student>\d+)_assignsubmission_(?:file|onlinetext)_?(?:/|(?<=_))(?P<file>.+)"),
    "Blackboard": re.compile(
        r"(?P<before>[^/]+?)_(?P<student>[^_/]+)_attempt_(?P<attempt>\d{4}(?:-\d\d){5})(?:_(?P<file>[^/]+)|\.txt)"
    ),
    "Brightspace": re.compile(r"(?P<student>\d+)-\d+ - [^/]+? - (?P<date>[^/]*?\b\d{4}\b[^/]*?)(?:/| - )(?P<file>.+)"),
}
_GRADESCOPE, _METADATA = re.compile(r"(?P<submission>submission_\d+)/(?P<file>.+)"), "submission_metadata.yml"
_MAX_METADATA_BYTES, _MAX_DIGITS = 8 * 2**20, 30
_PLATFORM_FILES = frozenset({"index.html", _METADATA})
_MAX_NAME = 600
"""letters in a name: a zip may have names of 65,535, which take the patterns hours"""
_LATE = "_LATE_"  # between the name, in small letters, and the number of the user
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
    late: bool = False
    """Canvas calls it late"""
    rivals: tuple[str, ...] = ()
    """other students that the file may belong to"""


@dataclass(frozen=True, slots=True)
class Download:
    """A class, unpacked from a download."""

    platform: str
    submissions: tuple[tuple[Path, str], ...]
    """(folder or zip, student)"""
    unattributed: tuple[Unattributed, ...]
    """entries that were left out, and why"""
    attempts: dict[str, str]
    """student → time of the latest attempt; empty if the names do not contain it"""
    late: frozenset[str] = frozenset()
    """the students whose submission the platform calls late"""


def parse_name(name: str, platform: str | None = None) -> ParsedName | None:
    """Parse a file name by the scheme of one platform, or of the first one that fits; None if none does."""
    if len(name) > _MAX_NAME:
        return None
    for known, pattern in _SCHEMES.items():
        if platform not in (None, known):
            continue
        if known == "Canvas":
            readings = [match for match in pattern.finditer(name) if re.fullmatch(r"(?:\w+_)?", name[: match.start()])]
        else:
            readings = [match] if (match := pattern.fullmatch(name)) else []
        if readings:
            found = readings[0].groupdict(default="")
            rivals = tuple(dict.fromkeys(match["student"] for match in readings[1:]))
            file = found["file"] or found.get("text", "")
            attempt = found.get("attempt") or _attempt(found.get("date", ""))
            late = known == "Canvas" and _LATE in f"_{name[: readings[0].start()]}"
            return ParsedName(known, found["student"], file, attempt, found.get("before", ""), late, rivals)
    return None


def _attempt(date: str) -> str:
    """Convert a date of Brightspace's to the form of Blackboard's; empty for a date in another language."""
    try:
        return datetime.strptime(date, "%b %d, %Y %I%M %p").strftime("%Y-%m-%d-%H-%M-%S")
    except ValueError:
        return ""


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
        within: the folder to unpack into, on a disk that has room for the class.
        skip: names at the top level to ignore.

    Raises:
        SubmissionError: the zip or folder cannot be read.
        CourseError: it contains too many files.
    """
    with entries(path) as lazily:
        every_entry = list(lazily)
        found = _without_outer_folder([e for e in every_entry if not is_ignored(e.name) and e.name not in skip])
        submitters = _gradescope_students(found)
        platform = "Gradescope" if submitters else detect_platform([entry.name for entry in found])
        if platform is None:
            yield None
            return
        if len(every_entry) >= MAX_ENTRIES:
            raise CourseError(f"contains {MAX_ENTRIES:,} files or more; split it into several parts", path)
        within.mkdir(parents=True, exist_ok=True)
        scratch = ScratchDir(within)
        try:
            unpack = _Unpacking(platform, assignment, scratch.path)
            for entry in found:
                unpack.sort(entry, _parse(entry.name, platform, submitters))
            yield unpack.finish()
        finally:
            scratch.remove()


def _parse(name: str, platform: str, submitters: Mapping[str, Sequence[str]]) -> list[ParsedName]:
    """Return the name's reading for each student that the file belongs to; several for a group in Gradescope."""
    if platform != "Gradescope":
        return [named] if (named := parse_name(name, platform)) else []
    match = _GRADESCOPE.fullmatch(name)
    students = submitters.get(match["submission"], ()) if match else ()
    return [ParsedName(platform, student, match["file"]) for student in students if match]


def _gradescope_students(found: Iterable[Entry]) -> dict[str, list[str]]:
    """Read whose each submission of a Gradescope export is: folder → ids; empty if this is no such export."""
    entry = next((entry for entry in found if entry.name == _METADATA), None)
    if entry is None:
        return {}
    try:
        with entry.opened() as read:
            about = yaml.load(read(_MAX_METADATA_BYTES), _Loader)
        return {folder: [_gradescope_id(who) for who in one[":submitters"]] for folder, one in about.items()}
    except (Refused, yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return {}


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Reads YAML without merge keys (<<): they copy what they name, and a few lines of them can be gigabytes."""

    def flatten_mapping(self, node: Any) -> None:
        """Leave merge keys as they are, so that they are an error."""


def _gradescope_id(who: Mapping[str, object]) -> str:
    """Return the id of a submitter.

    Raises:
        TypeError: it is no text and no number: written out, a few lines of YAML can be gigabytes.
    """
    found = who.get(":sid") or who.get(":email") or who[":name"]
    if not isinstance(found, str | int) or (isinstance(found, int) and abs(found) >= 10**_MAX_DIGITS):
        raise TypeError
    return str(found)


class _Unpacking:
    """The entries of a download, sorted by student."""

    def __init__(self, platform: str, assignment: Assignment, into: Path) -> None:
        self._platform, self._assignment, self._into = platform, assignment, into
        self._files: dict[str, list[tuple[ParsedName, Entry]]] = defaultdict(list)
        self._unattributed: list[Unattributed] = []

    def sort(self, entry: Entry, names: Sequence[ParsedName]) -> None:
        """Add an entry to its student's, or leave it out."""
        if entry.name in _PLATFORM_FILES:
            return
        if not names:
            self._leave_out(entry.name, f"does not follow the naming scheme of {self._platform}; it was left out.")
        for named in names:
            if named.rivals:
                students = " or ".join((named.student, *named.rivals))
                self._leave_out(entry.name, f"may belong to {students}; it was left out.")
            else:
                self._files[unicodedata.normalize("NFC", named.student)].append((named, entry))

    def finish(self) -> Download:
        """Write the latest attempt of each student."""
        submissions, attempts, late = [], {}, set[str]()
        for student, files in self._files.items():
            attempts[student] = max(named.attempt for named, _ in files)
            if any(named.late for named, _ in files):
                late.add(student)
            try:
                latest = _latest_files(student, files, attempts[student])
                submission = _write_submission(latest, self._assignment, self._into / student_key(student))
                submissions.append((submission, student))
            except Refused as refused:
                self._leave_out(f"The submission of {student}", f"was left out: {refused}.")
        return Download(self._platform, tuple(submissions), tuple(self._unattributed), attempts, frozenset(late))

    def _leave_out(self, name: str, why: str) -> None:
        self._unattributed.append(Unattributed(path=name, reason=f"{filename(name)} {why}"))


def _latest_files(
    student: str, files: Sequence[tuple[ParsedName, Entry]], attempt: str
) -> Sequence[tuple[ParsedName, Entry]]:
    """Return the files of a student's latest attempt.

    Raises:
        Refused: the files may belong to two students whose logins contain a _.
    """
    before = sorted({named.before for named, _ in files})
    if len(before) > 1:
        names = " and ".join(f"{filename(each)}_{filename(student)}" for each in before[:2])
        raise Refused(f"files begin with {names}, which may be two students; rename one of them")
    return [(named, entry) for named, entry in files if named.attempt == attempt and named.file]


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
