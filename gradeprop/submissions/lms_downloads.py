"""A class as a learning platform hands it over, one zip or folder of long names → a folder or zip per student.

    Canvas      lovelaceada_LATE_12345_67890_student_code-1.py        name, lateness, user, file, name as uploaded
    Moodle      Ada Lovelace_12345_assignsubmission_file_/student_code.py      or ..._file_student_code.py
    Blackboard  Lab 1_ada_attempt_2026-01-31-12-30-00_student_code.py

A student is called by what the platform tells them apart by: the number of the user in Canvas, of the participant in
Moodle, the login in Blackboard. What a student may choose, their own name and a file's, never decides whose it is: each
pattern takes the first place where it fits, and the platform has cleaned what stands before it.

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
from gradeprop.submissions.intake import copy_one, refusal
from gradeprop.submissions.reader import IGNORED, LOOKED_AT, Entry, Refused, entries

_SCHEMES = {
    "Canvas": re.compile(
        r"(?:\w*?_)??(?:LATE_)?(?P<student>\d+|anon_[A-Za-z0-9]+)_(?:\d+_(?P<file>[^/]+)|(?P<text>(?:text|link)\.html))"
    ),
    "Moodle": re.compile(r"[^_/]+_(?P<student>\d+)_assignsubmission_(?:file|onlinetext)_?(?:/|(?<=_))(?P<file>.+)"),
    "Blackboard": re.compile(
        r"(?P<before>[^/]+?)_(?P<student>[^_/]+)_attempt_(?P<attempt>\d{4}(?:-\d\d){5})(?:_(?P<file>[^/]+)|\.txt)"
    ),
}
_COPY = re.compile(r"-\d+(?=\.\w+$)")  # Canvas, where a student's files hold that name already


@dataclass(frozen=True, slots=True)
class Named:
    """What a platform's name says of one file."""

    platform: str
    student: str
    file: str
    """as the student called it; empty for what the platform adds itself"""
    attempt: str = ""
    """2026-01-31-12-30-00, where every attempt is in the download"""
    before: str = ""
    """what stands before the student, where that is the assignment's"""


@dataclass(frozen=True, slots=True)
class Download:
    """A class that was unpacked."""

    platform: str
    submissions: tuple[tuple[Path, str], ...]
    """a folder or zip, and whose it is"""
    said: tuple[str, ...]
    """sentences for the instructor: what could not be taken, and what became of it"""
    attempts: dict[str, str]
    """by student: when, where the names say so"""


def parse(name: str, platform: str | None = None) -> Named | None:
    """What a name says, by the scheme of one platform or of the first that it fits."""
    for known, pattern in _SCHEMES.items():
        if platform in (None, known) and (match := pattern.fullmatch(name)):
            found = match.groupdict(default="")
            file = found["file"] or found.get("text", "")
            return Named(known, found["student"], file, found.get("attempt", ""), found.get("before", ""))
    return None


def platform_of(names: Sequence[str]) -> str | None:
    """The platform whose scheme most of the names follow, if more than half do."""
    for platform in _SCHEMES:
        if 2 * sum(parse(name, platform) is not None for name in names) > len(names):
            return platform
    return None


@contextlib.contextmanager
def unpacked(path: Path, assignment: Assignment, within: Path, skip: Sequence[str] = ()) -> Iterator[Download | None]:
    """The class in a platform's download, as long as the context lasts; None where ``path`` is none.

    Args:
        within: the folder to unpack into, on a disk that has room for the class.
        skip: names at the top that are something else.

    Raises:
        SubmissionError: it is a zip or folder that cannot be read.
        CourseError: it holds more files than are looked at.
    """
    with entries(path) as lazily:
        listed = list(lazily)
        found = _stepped_into([e for e in listed if IGNORED.isdisjoint(e.name.split("/")) and e.name not in skip])
        platform = platform_of([entry.name for entry in found])
        if platform is None:
            yield None
            return
        if len(listed) >= LOOKED_AT:
            raise CourseError(f"holds {LOOKED_AT:,} files or more; take it in several parts", path)
        within.mkdir(parents=True, exist_ok=True)
        scratch = ScratchDir(within)
        try:
            yield _unpack(platform, found, assignment, scratch.path)
        finally:
            scratch.remove()


def _unpack(platform: str, found: Sequence[Entry], assignment: Assignment, into: Path) -> Download:
    said: list[str] = []
    by_student: dict[str, list[tuple[Named, Entry]]] = defaultdict(list)
    for entry in found:
        if named := parse(entry.name, platform):
            by_student[unicodedata.normalize("NFC", named.student)].append((named, entry))
        else:
            said.append(f"{filename(entry.name)} is not named as {platform} names what was handed in; it was left out.")
    made, attempts = [], {}
    for student, files in by_student.items():
        attempts[student] = max(named.attempt for named, _ in files)
        try:
            latest = [pair for pair in files if pair[0].attempt == attempts[student]]
            made.append((_make(_one_student(student, files, latest), assignment, into / student_key(student)), student))
        except Refused as refused:
            said.append(f"Nothing of {filename(student)} was taken: {refused}.")
    return Download(platform, tuple(made), tuple(said), attempts)


def _one_student(
    student: str, files: Iterable[tuple[Named, Entry]], latest: Sequence[tuple[Named, Entry]]
) -> Sequence[tuple[Named, Entry]]:
    """The files of the latest attempt; logins that hold a _ would make two students one."""
    before = sorted({named.before for named, _ in files})
    if len(before) > 1:
        names = " and ".join(f"{filename(each)}_{filename(student)}" for each in before[:2])
        raise Refused(f"files begin with {names}, which may be two students; rename one of them")
    return [pair for pair in latest if pair[0].file]


def _make(files: Sequence[tuple[Named, Entry]], assignment: Assignment, folder: Path) -> Path:
    """The files of one student in ``folder``; where that is a single zip, the zip."""
    names = _as_asked([named.file for named, _ in files], assignment)
    room = assignment.limits.submission_mib * 2**20
    folder.mkdir()
    for name, (_, entry) in zip(names, files, strict=True):
        if flaw := entry.flaw or refusal(name):
            raise Refused(f"{filename(entry.name)} {flaw}")
        try:
            _, size = copy_one(entry, folder / name, room)
        except Refused as refused:
            raise Refused(f"{filename(entry.name)} {refused}") from refused
        room -= size
    return folder / names[0] if len(names) == 1 and names[0].lower().endswith(".zip") else folder


def _as_asked(names: Sequence[str], assignment: Assignment) -> list[str]:
    """The names with the number taken off that a platform added to a file that was asked for."""
    taken = set(names)
    made = []
    for name in names:
        plain = _COPY.sub("", name)
        if plain in assignment.asked_files and name not in assignment.asked_files and plain not in taken:
            taken.add(plain)
            name = plain
        made.append(name)
    if double := next((name for name in made if made.count(name) > 1), None):
        raise Refused(f"{filename(double)} is there twice")
    return made


def _stepped_into(found: Sequence[Entry]) -> Sequence[Entry]:
    """The same without the one folder around all, which some programs add; a student's own folder stays."""
    tops = {entry.name.partition("/")[0] for entry in found}
    if len(tops) != 1 or not all("/" in entry.name for entry in found) or parse(found[0].name):
        return found
    return [replace(entry, name=entry.name.partition("/")[2]) for entry in found]
