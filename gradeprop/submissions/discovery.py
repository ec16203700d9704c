"""Find the submissions in the paths that a command receives, and their students.

<class>/<student>/  <class>/<student>.zip       a class; other files in it are named and left out
<class>/<student>/<hw>/                         the same, as nbgrader lays it out
<student>/  <student>.zip                       one submission
a platform's download                           see lms_downloads
"""

import itertools
import os
import zipfile
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import SubmissionError
from gradeprop.core.models import Unattributed
from gradeprop.core.paths import student_key
from gradeprop.core.sanitize import filename
from gradeprop.submissions import identity, layout
from gradeprop.submissions.entry import is_ignored
from gradeprop.submissions.reader import Member, entries, list_folder

_MIN_CLASS = 2
_WORK = (".py", ".ipynb")


@dataclass(frozen=True, slots=True)
class Found:
    """The submissions in some paths."""

    submissions: tuple[tuple[Path, str], ...]
    """(folder or archive, student)"""
    unattributed: tuple[Unattributed, ...] = ()
    """possible submissions that a person must assign to a student"""
    notes: tuple[str, ...] = ()
    """sentences on files that are not submissions"""
    owners: Mapping[Path, int] = field(default_factory=dict)
    """the user id that owned each submission when it was attributed"""


def find_submissions(
    paths: Sequence[Path],
    assignment: Assignment,
    student: str | None = None,
    students: Collection[str] = (),
    ids_of: identity.IdsOf = identity.no_ids,
) -> Found:
    """Find the submissions in some paths.

    If there are several paths, none is a class: the inner folder of a submission must not be taken for a student.

    Args:
        student: the student of the only submission, as a person says, so that nothing is doubted.
        students: ids of the gradebook, in lower case.
        ids_of: for students who are named otherwise.

    Raises:
        SubmissionError: a path does not exist, or it is not clear what it is.
    """
    paths = list(dict.fromkeys(paths))
    for path in paths:
        if not os.path.lexists(path):
            raise SubmissionError(f"{path} does not exist.")
    if student is not None:
        if not student.strip():
            raise SubmissionError("--student names nobody: its value is empty.")
        if len(paths) != 1:
            raise SubmissionError(f"--student names one student, but there are {len(paths)} submissions.")
        return Found(((_nbgrader_folder(paths[0], assignment), student),))
    if len(paths) == 1 and (members := _class_members(paths[0], assignment)) is not None:
        return _class(paths[0].stat().st_uid, members, assignment, students, ids_of)
    for path in paths:
        _require_submission(path, assignment)
    claims = [(_nbgrader_folder(path, assignment), _named(path, assignment)) for path in paths]
    return _attributed(claims, students, ids_of)


def _class_members(path: Path, assignment: Assignment) -> list[Member] | None:
    """Return the entries of a class folder; None if the path is one submission.

    Raises:
        SubmissionError: it may be either.
    """
    if not path.is_dir():
        _refuse_class_archive(path, assignment)
        return None
    members = [entry for entry in list_folder(path) if not entry.name.startswith(".") and not is_ignored(entry.name)]
    inner = [entry for entry in members if entry.is_folder or identity.is_archive(entry.name)]
    if not inner:
        return None
    if len(inner) == len(members):
        return members
    with_work = itertools.islice((entry for entry in inner if _holds_work(entry.path, assignment)), _MIN_CLASS)
    is_class = len(list(with_work)) == _MIN_CLASS
    has_work = any(entry.name in assignment.asked_files for entry in members)
    if has_work and not is_class:
        return None
    if is_class and not has_work:
        return members
    raise SubmissionError(
        f"{path} contains {len(inner)} folders or zips and other files, so it may be a class or one student's work. "
        "For a class, remove the other files; for one student, add --student NAME."
    )


def _class(
    owner: int, members: Iterable[Member], assignment: Assignment, students: Collection[str], ids_of: identity.IdsOf
) -> Found:
    """Sort the entries of a class folder: submissions, files that may be one, and others."""
    claims: list[tuple[Path, str]] = []
    loose, notes = list[Unattributed](), list[str]()
    for entry in members:
        path = entry.path
        if entry.is_folder:
            other = _other_assignments(path, assignment)
            if other:
                notes.append(f"{filename(entry.name)} has no folder {assignment.name}, so nothing was submitted.")
            else:
                claims.append((_nbgrader_folder(path, assignment), identity.claimed_student(path)))
        elif identity.is_archive(entry.name):
            claims.append((path, identity.claimed_student(path)))
        elif path.is_symlink():
            loose.append(
                Unattributed(path=str(path), reason=f"{filename(entry.name)} is a link, which is not followed.")
            )
        elif path.suffix in _WORK:
            why = "is a single file in a folder of submissions; put it into a folder with its student's name"
            loose.append(Unattributed(path=str(path), reason=f"{filename(entry.name)} {why}."))
        else:
            notes.append(f"{filename(entry.name)} is neither a folder nor a zip; it is left out.")
    found = _attributed(claims, students, ids_of, owner)
    return replace(found, unattributed=(*loose, *found.unattributed), notes=tuple(notes))


def _attributed(
    claims: Sequence[identity.Claim],
    students: Collection[str],
    ids_of: identity.IdsOf,
    collector: int | None = None,
) -> Found:
    """Set aside the submissions whose owner contradicts the name; then all that claim the same student.

    In this order, so that nobody holds back another's submission by putting a second one beside it.
    """
    doubtful, owners, sound = list[Unattributed](), dict[Path, int](), list[identity.Claim]()
    ids = ids_of({student for _, student in claims})
    for path, student in claims:
        try:
            owners[path] = path.lstat().st_uid
        except OSError as error:  # it was there a moment ago
            reason = f"{filename(path.name)} cannot be read: {error.strerror}."
            doubtful.append(Unattributed(path=str(path), reason=reason))
            continue
        names = dict.fromkeys((student, ids.get(student, student)))
        owned = identity.doubt_about_owner(names, owners[path], students, collector)
        if doubt := owned or identity.doubt_about_text(path):
            doubtful.append(Unattributed(path=str(path), reason=f"{filename(path.name)} {doubt}."))
        else:
            sound.append((path, student))
    by_key: dict[str, list[Path]] = defaultdict(list)
    for path, student in sound:
        by_key[student_key(student)].append(path)
    single = list[identity.Claim]()
    for path, student in sound:
        if len(rivals := by_key[student_key(student)]) == 1:
            single.append((path, student))
        else:
            names_of_all = " and ".join(filename(rival.name) for rival in rivals)
            doubt = f"is one of several submissions for {filename(student)} ({names_of_all}); keep one of them"
            doubtful.append(Unattributed(path=str(path), reason=f"{filename(path.name)} {doubt}."))
    kept = {path: owners[path] for path, _ in single}
    return Found(identity.identified(single, ids), tuple(doubtful), owners=kept)


def _refuse_class_archive(path: Path, assignment: Assignment) -> None:
    """Refuse an archive that looks like a whole class but is no download that we know.

    Raises:
        SubmissionError: several folders or names in it hold the requested files.
    """
    try:
        with entries(path) as found:
            names = [entry.name for entry in found if not is_ignored(entry.name)]
    except SubmissionError:  # intake reports it
        return
    holders = {name.rpartition("/")[0] for name in names if name.rpartition("/")[2] in assignment.asked_files}
    marked = {name for name in names for file in assignment.asked_files if name.endswith((f" - {file}", f"_{file}"))}
    if max(len(holders), len(marked)) >= _MIN_CLASS:
        raise SubmissionError(
            f"{path.name} looks like a class ({max(len(holders), len(marked))} times the requested files), but is no "
            "download of Canvas, Moodle, Blackboard, Brightspace or Gradescope. Unpack it, give each student one "
            "folder, and grade the folder; if it is one student's work, add --student NAME."
        )


def _require_submission(path: Path, assignment: Assignment) -> None:
    """Refuse a file that is no archive, and a path whose name is not a student's.

    Raises:
        SubmissionError: the sentence says what to do.
    """
    if path.is_file() and not identity.is_archive(path.name) and not zipfile.is_zipfile(path):
        raise SubmissionError(
            f"{path} is one file, and not a zip; name the folder or zip of a student, or of the class."
        )
    if identity.claimed_student(path) == assignment.name and not _in_submitted(path):
        raise SubmissionError(f"{path.name} is named after the assignment, not after a student; add --student NAME.")


def _named(path: Path, assignment: Assignment) -> str:
    in_place = path.name == assignment.name and _in_submitted(path)
    return identity.claimed_student(path.absolute().parent if in_place else path)


def _in_submitted(path: Path) -> bool:
    """Return True for submitted/<student>/<hw>, as nbgrader lays it out."""
    return path.is_dir() and path.absolute().parent.parent.name == "submitted"


def _nbgrader_folder(path: Path, assignment: Assignment) -> Path:
    """Return the folder of this assignment if a student's folder has one, and no work beside it."""
    inside = _inside(path)
    has_inner = any(entry.is_folder and entry.name == assignment.name for entry in inside)
    has_work = any(_is_work(entry.name, assignment) for entry in inside)
    return path / assignment.name if has_inner and not has_work else path


def _other_assignments(path: Path, assignment: Assignment) -> bool:
    """Return True if a student's folder has only the folders of other assignments."""
    course = Path(assignment.root) / "source"
    names = [entry.name for entry in _inside(path) if not entry.name.startswith(".")]
    known = [name for name in names if (course / name / "assignment.toml").is_file()]
    return bool(names) and assignment.name not in names and len(known) == len(names)


def _inside(path: Path) -> list[Member]:
    """List what is in a student's folder; nothing if it is none, or cannot be read, which intake reports."""
    try:
        return list_folder(path)
    except SubmissionError:
        return []


def _holds_work(path: Path, assignment: Assignment) -> bool:
    """Return True if a folder or zip contains a requested file."""
    try:
        with entries(path) as found:
            return any(layout.is_requested(entry.name, assignment.asked_files) for entry in found)
    except SubmissionError:
        return False


def _is_work(name: str, assignment: Assignment) -> bool:
    return name in assignment.asked_files or name.endswith(_WORK)
