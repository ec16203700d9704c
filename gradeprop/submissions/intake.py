"""Intake: a student's folder or zip → a safe copy, or a clear refusal.

No path leaves the copy, only regular files are copied, and sizes are limited both as claimed and as read. A file that
must be refused is left out, and a sentence says so; only a submission that cannot be read at all is an error.
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
from gradeprop.core.own_modules import own_modules
from gradeprop.core.paths import GIVEN, student_key
from gradeprop.core.sanitize import filename
from gradeprop.submissions import validation
from gradeprop.submissions.reader import IGNORED, MAX_DEPTH, Entry, Refused, entries

_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # names that Windows reserves
_CHUNK_BYTES = 2**16
_MAX_NAME_BYTES = 255
_MAX_SENTENCES = 20


def student_name(path: Path) -> str:
    """Return the name of the student that a folder or zip is named after."""
    name = os.fsencode(path.absolute().name).decode("utf-8", "backslashreplace")
    return unicodedata.normalize("NFC", name[:-4] if name.lower().endswith(".zip") else name)


def take(path: Path, student: str | None, assignment: Assignment, into: Path) -> Submission:
    """Make a safe copy of a submission in the folder ``into``, which then contains nothing else.

    Raises:
        SubmissionError: the submission cannot be read at all; ``into`` does not exist then.
        JailError: the copy cannot be written.
    """
    name = student or student_name(path)
    part = into.with_name(f".{into.name}.part")
    problems: list[str] = []
    try:
        for old in (part, into):
            shutil.rmtree(old, ignore_errors=True)
        part.mkdir(parents=True)
        with entries(path) as found:
            digests = _copy(_select(found, assignment, problems), assignment.limits, part, problems)
        part.replace(into)
    except OSError as error:
        raise JailError(f"a submission could not be copied to {into}: {error.strerror}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    if len(problems) > _MAX_SENTENCES:
        problems[_MAX_SENTENCES:] = [f"{len(problems) - _MAX_SENTENCES} more were left out."]
    files = tuple(sorted(digests))
    problems += validation.find_problems(into, files, assignment.submission)
    covered = assignment.asked_files | own_modules(into, files)
    graded = {name: digest for name, digest in digests.items() if name in covered}
    return Submission(
        student=name,
        key=student_key(name),
        files=files,
        sha256=_sha256(digests),
        receipt=_sha256(graded) if graded else "",
        problems=tuple(problems),
    )


def _select(found: Iterable[Entry], assignment: Assignment, problems: list[str]) -> list[Entry]:
    """Choose the entries to copy, the required files first, so that no other file can crowd them out."""
    safe: list[Entry] = []
    for entry in found:
        if not IGNORED.isdisjoint(entry.name.split("/")):
            continue
        if flaw := entry.flaw or refusal(entry.name):
            problems.append(f"{filename(entry.name)} {flaw}, and was left out.")
        else:
            safe.append(entry)
    ranked = sorted(
        enumerate(_without_outer_folder(safe)),  # if a name occurs twice, the last one counts, as in every unzip
        key=lambda pair: (pair[1].name not in assignment.asked_files, pair[1].name.count("/"), pair[1].name, -pair[0]),
    )
    chosen: dict[str, Entry] = {}
    for _, entry in ranked:
        first = chosen.setdefault(unicodedata.normalize("NFC", entry.name).casefold(), entry)
        if first is not entry and first.name == entry.name:
            problems.append(f"{filename(entry.name)} occurs more than once; the last one is used.")
        elif first is not entry:
            problems.append(
                f"{filename(entry.name)} has the same name as {filename(first.name)} except for case, and was left out."
            )
    return list(chosen.values())


def refusal(name: str) -> str:
    """Return the reason why a relative name is refused; "" if it is valid."""
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", name):
        return "is outside the submission"
    if not name.isprintable() or "\\" in name or any(part in ("", ".") or part != part.strip() for part in parts):
        return "has an odd name"
    if any(_DEVICE.fullmatch(part) for part in parts):
        return "has the name of a device"
    if (
        len(parts) > MAX_DEPTH
        or len(name) > 2 * _MAX_NAME_BYTES
        or any(len(part.encode()) > _MAX_NAME_BYTES for part in parts)
    ):
        return "has a name that is too long"
    return ""


def _without_outer_folder(found: Sequence[Entry]) -> Sequence[Entry]:
    """Remove the outer folders that all entries share from their names."""
    while len(tops := {entry.name.partition("/")[0] for entry in found}) == 1 and tops != {GIVEN}:
        if not all("/" in entry.name for entry in found):
            break
        found = [replace(entry, name=entry.name.partition("/")[2]) for entry in found]
    return found


def _copy(chosen: Sequence[Entry], limits: Limits, into: Path, problems: list[str]) -> dict[str, bytes]:
    """Copy as many entries as the limits allow; return the SHA-256 of each file by name."""
    digests: dict[str, bytes] = {}
    max_bytes = limits.submission_mib * 2**20
    for position, entry in enumerate(chosen):
        if len(digests) == limits.files:
            rest = len(chosen) - position
            problems.append(f"There are more than {limits.files} files; {rest} were left out, such as {entry.name}.")
            break
        target = into / entry.name
        try:
            digests[entry.name], size = copy_file(entry, target, max_bytes)
            max_bytes -= size
        except Refused as refused:
            problems.append(f"{filename(entry.name)} {refused}, and was left out.")
    return digests


def copy_file(entry: Entry, target: Path, max_bytes: int) -> tuple[bytes, int]:
    """Copy one file of at most ``max_bytes`` bytes, whatever size it claims; return its SHA-256 and size.

    Raises:
        Refused: the file is larger, cannot be read, or conflicts with another.
    """
    digest, size = hashlib.sha256(), 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with entry.opened() as read, target.open("xb") as file:
            while entry.size <= max_bytes and (chunk := read(_CHUNK_BYTES)):
                file.write(chunk)
                digest.update(chunk)
                if (size := size + len(chunk)) > max_bytes:
                    break
    except (FileExistsError, NotADirectoryError):
        raise Refused("is in a folder that also exists as a file") from None
    except Refused:
        target.unlink(missing_ok=True)
        raise
    if max(size, entry.size) > max_bytes:
        target.unlink()
        raise Refused("makes the submission larger than is allowed")
    return digest.digest(), size


def _sha256(digests: dict[str, bytes]) -> str:
    """Hash all names and contents, independent of their order; source/given/submit.py computes the same."""
    total = hashlib.sha256()
    for name in sorted(digests):
        total.update(f"{len(name.encode())} {name} ".encode() + digests[name])
    return total.hexdigest()
