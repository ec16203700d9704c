"""Intake: a student's folder or zip → a safe copy, or a clear refusal.

No path leaves the copy, only regular files are copied, and sizes are limited both as claimed and as read. Each file is
read once; what follows works on our copy: zips in it are unpacked, the requested files are found, and text is
converted to UTF-8. A file that must be refused is left out, and a sentence says so. If it is not clear what the work
is, ``Submission.attention`` says why, and a person decides.
"""

import hashlib
import re
import shutil
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import JailError, SubmissionError
from gradeprop.core.models import Submission
from gradeprop.core.own_modules import own_modules
from gradeprop.core.paths import STUDENT_CODE, CoursePaths, student_key
from gradeprop.core.sanitize import filename
from gradeprop.submissions import layout, validation
from gradeprop.submissions.entry import MAX_ENTRIES, Entry, Refused, Unreadable, copy_file, is_ignored, refusal
from gradeprop.submissions.reader import entries
from gradeprop.submissions.text import to_utf8

_DEF, _NOT_IMPLEMENTED = re.compile(rb"^\s*def \w+", re.M), re.compile(rb"^\s*raise NotImplementedError", re.M)
_MAX_STUB_BYTES = 2**20
_MAX_SENTENCES = 20
_MAX_ZIPS, _MAX_DEPTH_OF_ZIPS = 10, 3
"""zips in a submission that are unpacked, if there is no code beside them"""
_WORK = (".py", ".ipynb", ".zip")
"""files that are copied before others, if the limits do not allow for all"""


def take(path: Path, student: str, assignment: Assignment, into: Path, owner: int | None = None) -> Submission:
    """Make a safe copy of a submission in the folder ``into``, which then contains nothing else.

    Args:
        owner: the user id that owned ``path`` when it was attributed to the student.

    Raises:
        SubmissionError: the submission cannot be read at all; ``into`` does not exist then.
        JailError: the copy cannot be written.
    """
    part = into.with_name(f".{into.name}.part")
    try:
        for old in (part, into):
            shutil.rmtree(old, ignore_errors=True)
        copy = _Copy(assignment, part / "copied")
        copy.folder.mkdir(parents=True)
        copy.add(path, owner=owner)
        copy.unpack_zips(part)
        found = layout.arrange(copy.digests, assignment.submission, _stubs(assignment, copy))
        digests, final = {}, part / "submitted"
        final.mkdir()
        for name, target in found.names.items():
            digests[target] = copy.digests[name]
            (final / target).parent.mkdir(parents=True, exist_ok=True)
            (copy.folder / name).rename(final / target)
        as_packed, notes = dict(digests), [*found.notes, *_convert_texts(final, digests)]
        final.replace(into)
    except OSError as error:
        raise JailError(f"a submission could not be copied to {into}: {error.strerror}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    problems, files = [*copy.problems, *notes], tuple(sorted(digests))
    if len(problems) > _MAX_SENTENCES:
        problems[_MAX_SENTENCES:] = [f"{len(problems) - _MAX_SENTENCES} more were left out."]
    problems += validation.find_problems(into, files, assignment.submission)
    covered = assignment.asked_files | own_modules(into, files)
    packed = {name: digest for name, digest in as_packed.items() if name in covered}
    return Submission(
        student=student,
        key=student_key(student),
        files=files,
        sha256=_sha256(digests),
        receipt=_sha256(packed) if packed else "",
        problems=tuple(problems),
        attention=" ".join(filter(None, [found.doubt, *copy.doubts(files)])),
    )


def _convert_texts(folder: Path, digests: dict[str, bytes]) -> Iterator[str]:
    """Convert text files to UTF-8, with their new SHA-256 in ``digests``; yield sentences on them for the student."""
    for name in sorted(digests):
        if (remark := to_utf8(folder / name)) is not None:
            digests[name] = hashlib.sha256((folder / name).read_bytes()).digest()
            if remark:
                yield f"{filename(name)} {remark}"


def _stubs(assignment: Assignment, copy: "_Copy") -> frozenset[bytes]:
    """Return the SHA-256 of each file without work: the released stub, or one whose functions all raise its error."""
    try:
        stub = CoursePaths(Path(assignment.root)).stub.read_bytes()
    except OSError:
        stub = b""
    files = {name: copy.folder / name for name in copy.digests if layout.is_requested(name, [STUDENT_CODE])}
    texts = {name: file.read_bytes() for name, file in files.items() if file.stat().st_size <= _MAX_STUB_BYTES}
    return frozenset(
        copy.digests[name]
        for name, text in texts.items()
        if text.replace(b"\r\n", b"\n") == stub or 0 < len(_DEF.findall(text)) == len(_NOT_IMPLEMENTED.findall(text))
    )


@dataclass(slots=True)
class _Copy:
    """The files of a submission, as they were copied."""

    assignment: Assignment
    folder: Path
    digests: dict[str, bytes] = field(default_factory=dict)
    """SHA-256 of each file by name"""
    problems: list[str] = field(default_factory=list)
    """sentences on files that were left out"""
    _refused: list[tuple[str, Refused]] = field(default_factory=list)
    _bytes: int = 0

    def add(self, path: Path, below: str = "", owner: int | None = None) -> None:
        """Copy a folder or zip, as far as the limits allow; names begin with ``below``.

        Raises:
            SubmissionError: it cannot be read.
        """
        limits = self.assignment.limits
        with entries(path, owner) as found:
            chosen = self._choose(replace(entry, name=below + entry.name) for entry in found)
            for position, entry in enumerate(chosen):
                if len(self.digests) == limits.files:
                    rest = f"{len(chosen) - position} were left out, such as {filename(entry.name)}"
                    self.problems.append(f"There are more than {limits.files} files; {rest}.")
                    break
                try:
                    left = limits.submission_mib * 2**20 - self._bytes
                    self.digests[entry.name], size = copy_file(entry, self.folder / entry.name, left)
                    self._bytes += size
                except Refused as refused:
                    self._leave_out(entry.name, refused)

    def unpack_zips(self, scratch: Path) -> None:
        """If there is no code, replace each zip by a folder of its content; do the same with zips in it."""
        for _ in range(_MAX_DEPTH_OF_ZIPS):
            zips = sorted(name for name in self.digests if name.lower().endswith(".zip"))
            if layout.has_code(self.digests):
                return
            for name in zips[:_MAX_ZIPS]:  # all of them: of two that differ, a person chooses
                zipped = (self.folder / name).rename(scratch / "a.zip")
                del self.digests[name]
                self._bytes -= zipped.stat().st_size
                try:
                    self.add(zipped, f"{name}/")
                except SubmissionError as error:
                    self._leave_out(name, Unreadable(f"cannot be unpacked ({error})"))

    def doubts(self, files: Sequence[str]) -> list[str]:
        """Say which files were left out that the work may need, given the names of the submission's files."""
        wanted = {name for name in self.assignment.asked_files if name not in files}
        return [
            f"{filename(name)} {refused}."
            for name, refused in self._refused
            if name.rpartition("/")[2] in wanted
            or (isinstance(refused, Unreadable) and (name.endswith((".py", ".zip")) or "." not in name))
        ]

    def _choose(self, found: Iterable[Entry]) -> list[Entry]:
        """Choose the entries to copy, the important ones first, so that no other file can crowd them out."""
        safe: list[Entry] = []
        for number, entry in enumerate(found, 1):
            if number == MAX_ENTRIES:
                self.problems.append(f"There are {MAX_ENTRIES:,} files or more; the rest was not even listed.")
            if is_ignored(entry.name):
                continue
            if flaw := entry.flaw or refusal(entry.name):
                self._leave_out(entry.name, flaw)
            else:
                safe.append(replace(entry, name=_stripped(entry.name)))
        ranked = sorted(enumerate(safe), key=lambda pair: (*self._rank(pair[1].name), -pair[0]))
        chosen: dict[str, Entry] = {}
        for _, entry in ranked:  # if a name occurs twice, the last one counts, as in every unzip
            first = chosen.setdefault(unicodedata.normalize("NFC", entry.name).casefold(), entry)
            name = filename(entry.name)
            if first is not entry and first.name == entry.name:
                self.problems.append(f"{name} occurs more than once; the last one is used.")
            elif first is not entry:
                other = filename(first.name)
                self.problems.append(f"{name} has the same name as {other} except for case, and was left out.")
        return list(chosen.values())

    def _rank(self, name: str) -> tuple[bool, bool, int, str]:
        base = name.rpartition("/")[2]
        return base not in self.assignment.asked_files, not base.lower().endswith(_WORK), name.count("/"), name

    def _leave_out(self, name: str, refused: Refused) -> None:
        self._refused.append((name, refused))
        self.problems.append(f"{filename(name)} {refused}, and was left out.")


def _stripped(name: str) -> str:
    """Remove blanks around the name of each folder and file, which no two systems treat alike."""
    return "/".join(part.strip() for part in name.split("/"))


def _sha256(digests: dict[str, bytes]) -> str:
    """Hash all names and contents, independent of their order; source/given/submit.py computes the same."""
    total = hashlib.sha256()
    for name in sorted(digests):
        total.update(f"{len(name.encode())} {name} ".encode() + digests[name])
    return total.hexdigest()
