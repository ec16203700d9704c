"""A student's folder or zip → a safe copy, or a clear refusal.

No path leaves the copy, only regular files come in, and sizes are capped as claimed and again as read. A file that
must be refused is left out, and a sentence says so; only a whole that cannot be read is a ``SubmissionError``.
"""

import hashlib
import os
import re
import shutil
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from gradeprop.core.errors import JailError
from gradeprop.core.models import Assignment, Limits, Submission
from gradeprop.core.paths import GIVEN, student_key
from gradeprop.core.sanitize import filename
from gradeprop.submissions import validation
from gradeprop.submissions.reader import DEPTH, IGNORED, Entry, Refused, entries

_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # what Windows takes for a device
_CHUNK = 2**16
_NAME_BYTES = 255
_SENTENCES = 20


def student_name(path: Path) -> str:
    """The student that a folder or zip is named for."""
    name = os.fsencode(path.absolute().name).decode("utf-8", "backslashreplace")
    return unicodedata.normalize("NFC", name[:-4] if name.lower().endswith(".zip") else name)


def take(path: Path, student: str | None, assignment: Assignment, into: Path) -> Submission:
    """Copy what a student handed in to the folder ``into``, which then holds this submission and nothing older.

    Raises:
        SubmissionError: it cannot be read at all; ``into`` is not there then.
        JailError: the copy cannot be written.
    """
    name = student or student_name(path)
    part = into.with_name(f".{into.name}.part")
    said: list[str] = []
    try:
        for old in (part, into):
            shutil.rmtree(old, ignore_errors=True)
        part.mkdir(parents=True)
        with entries(path) as found:
            digests = _copy(_chosen(found, assignment, said), assignment.limits, part, said)
        part.replace(into)
    except OSError as error:
        raise JailError(f"a submission could not be copied to {into}: {error.strerror}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    if len(said) > _SENTENCES:
        said[_SENTENCES:] = [f"{len(said) - _SENTENCES} more were left out."]
    files = tuple(sorted(digests))
    said += validation.problems(into, files, assignment.submission)
    asked = {name: digest for name, digest in digests.items() if name in assignment.asked_files}
    return Submission(
        student=name,
        key=student_key(name),
        files=files,
        sha256=_sha256(digests),
        receipt=_sha256(asked) if asked else "",
        problems=tuple(said),
    )


def _chosen(found: Iterable[Entry], assignment: Assignment, said: list[str]) -> list[Entry]:
    """The entries to take: what the assignment asks for first, so that no other file can crowd it out."""
    safe: list[Entry] = []
    for entry in found:
        if not IGNORED.isdisjoint(entry.name.split("/")):
            continue
        if flaw := entry.flaw or refusal(entry.name):
            said.append(f"{filename(entry.name)} {flaw}, and was left out.")
        else:
            safe.append(entry)
    ranked = sorted(
        enumerate(_stepped_into(safe)),  # of two with one name the last counts, as for every unzip
        key=lambda pair: (pair[1].name not in assignment.asked_files, pair[1].name.count("/"), pair[1].name, -pair[0]),
    )
    taken: dict[str, Entry] = {}
    for _, entry in ranked:
        first = taken.setdefault(unicodedata.normalize("NFC", entry.name).casefold(), entry)
        if first is not entry and first.name == entry.name:
            said.append(f"{filename(entry.name)} is in it more than once; the last one was taken.")
        elif first is not entry:
            said.append(f"{filename(entry.name)} is {filename(first.name)} in other letters, and was left out.")
    return list(taken.values())


def refusal(name: str) -> str:
    """Why a relative name is refused, if it is."""
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", name):
        return "lies outside of the submission"
    if not name.isprintable() or "\\" in name or any(part in ("", ".") or part != part.strip() for part in parts):
        return "has an odd name"
    if any(_DEVICE.fullmatch(part) for part in parts):
        return "has the name of a device"
    if len(parts) > DEPTH or len(name) > 2 * _NAME_BYTES or any(len(part.encode()) > _NAME_BYTES for part in parts):
        return "has too long a name"
    return ""


def _stepped_into(found: Sequence[Entry]) -> Sequence[Entry]:
    """The same entries without the one folder that all of them lie in."""
    while len(tops := {entry.name.partition("/")[0] for entry in found}) == 1 and tops != {GIVEN}:
        if not all("/" in entry.name for entry in found):
            break
        found = [replace(entry, name=entry.name.partition("/")[2]) for entry in found]
    return found


def _copy(chosen: Sequence[Entry], limits: Limits, into: Path, said: list[str]) -> dict[str, bytes]:
    """Copy as much as the limits allow; the SHA-256 of each file by its name."""
    digests: dict[str, bytes] = {}
    room = limits.submission_mib * 2**20
    for position, entry in enumerate(chosen):
        if len(digests) == limits.files:
            rest = len(chosen) - position
            said.append(f"There are more than {limits.files} files; {rest} were left out, such as {entry.name}.")
            break
        target = into / entry.name
        try:
            digests[entry.name], size = copy_one(entry, target, room)
            room -= size
        except Refused as refused:
            said.append(f"{filename(entry.name)} {refused}, and was left out.")
    return digests


def copy_one(entry: Entry, target: Path, room: int) -> tuple[bytes, int]:
    """Copy one file of at most ``room`` bytes, whatever size it claims; its SHA-256 and size."""
    digest, size = hashlib.sha256(), 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with entry.opened() as read, target.open("xb") as file:
            while entry.size <= room and (chunk := read(_CHUNK)):
                file.write(chunk)
                digest.update(chunk)
                if (size := size + len(chunk)) > room:
                    break
    except (FileExistsError, NotADirectoryError):
        raise Refused("lies in a folder that is also there as a file") from None
    except Refused:
        target.unlink(missing_ok=True)
        raise
    if max(size, entry.size) > room:
        target.unlink()
        raise Refused("makes the submission larger than is allowed")
    return digest.digest(), size


def _sha256(digests: dict[str, bytes]) -> str:
    """Of all names and contents, in whatever order they came; source/given/submit.py computes the same."""
    whole = hashlib.sha256()
    for name in sorted(digests):
        whole.update(f"{len(name.encode())} {name} ".encode() + digests[name])
    return whole.hexdigest()
