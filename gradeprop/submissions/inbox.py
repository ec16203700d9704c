"""A folder that submissions arrive in, of which each student's latest counts.

    <exchange>/<course>/inbound/<student>+<hw>+<time>+<random>/    nbgrader's exchange, for all assignments
    <drop>/<student>/  <drop>/<student>.zip                        any other folder; names of a platform's download, too

The folder is never written to. In nbgrader's exchange, other names are nobody's submission.
"""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from gradeprop.core.errors import SubmissionError
from gradeprop.core.models import Unattributed
from gradeprop.core.paths import student_key
from gradeprop.core.sanitize import filename
from gradeprop.submissions import arrival_time, identity, lms_downloads, reader
from gradeprop.submissions.arrival_time import INBOUND, STAMP
from gradeprop.submissions.entry import Refused, is_ignored
from gradeprop.submissions.reader import Member, State

_UNFINISHED = re.compile(r"^[.~]|(\.(part|partial|filepart|crdownload|tmp|download)|~)$", re.IGNORECASE)

Say = Callable[[str], None]
"""receives a sentence for the instructor"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One submission as it is in the folder."""

    path: Path
    student: str
    name_time: str
    """the time in a name of nbgrader's exchange, else empty"""
    owner: int
    """user id"""
    state: State

    @property
    def time(self) -> datetime:
        """When it arrived, naive UTC. The student chooses the time in the name; the kernel's is trusted."""
        claim = arrival_time.parse_time(self.name_time)
        return arrival_time.trusted_time(claim, arrival_time.change_time(self.state))

    @property
    def is_complete(self) -> bool:
        """True if nothing more is expected: a zip ends with its list of contents, nbgrader writes the time last."""
        if self.name_time:
            try:
                return reader.read_small(self.path, STAMP, 1) is not None
            except Refused:
                return False
        return self.state[0] > 1 or not self.path.suffix or reader.is_whole_zip(self.path)


@dataclass(slots=True)
class Inbox:
    """A folder that submissions of one assignment arrive in."""

    folder: Path
    assignment: str
    say: Say
    students: Collection[str] = ()
    """ids of the gradebook, in lower case"""
    ids_of: identity.IdsOf = identity.no_ids
    unattributed: dict[str, Unattributed] = field(default_factory=dict)
    """by path: submissions that a person must assign to a student"""
    _graded: dict[str, tuple[Path, State]] = field(default_factory=dict)
    """by student's key"""
    _sentences: set[str] = field(default_factory=set)
    _ids: tuple[frozenset[str], Mapping[str, str]] = (frozenset(), {})
    """names of students, and the ids of those that are named by another one"""

    def check(self) -> None:
        """Check that the folder can be read.

        Raises:
            SubmissionError: it cannot.
        """
        if not self.folder.is_dir():
            raise SubmissionError(f"{self.folder} is not a folder; name the folder that submissions arrive in.")
        if not os.access(self.folder, os.R_OK | os.X_OK):
            raise SubmissionError(f"{self.folder} cannot be read; you need the same rights as for nbgrader collect.")

    def latest(self) -> list[Arrival]:
        """Return each student's latest submission that is not graded yet, in order of arrival."""
        newest: dict[str, Arrival] = {}
        try:
            arrivals = sorted(self._arrivals(), key=lambda arrival: arrival.time)
        except SubmissionError as error:  # an NFS server that is restarted
            self.say_once(f"{error} Trying again.")
            return []
        owners = defaultdict[str, set[int]](set)
        for arrival in arrivals:
            owners[student_key(arrival.student)].add(arrival.owner)
        for arrival in arrivals:
            if identity.are_rivals(owners[key := student_key(arrival.student)]):
                self._set_aside(arrival.path, identity.RIVALS.format(arrival.student))
            else:
                newest[key] = arrival
        new = [a for key, a in newest.items() if self._graded.get(key) != (a.path, a.state)]
        return sorted(new, key=lambda arrival: arrival.time)

    def mark_graded(self, arrival: Arrival) -> None:
        """Leave a submission out from now on, unless it changed while it was read."""
        try:
            unchanged = reader.state(arrival.path) == arrival.state
        except SubmissionError:
            unchanged = not os.path.lexists(arrival.path)
        if unchanged:
            self._graded[student_key(arrival.student)] = arrival.path, arrival.state

    def say_once(self, sentence: str) -> None:
        if sentence not in self._sentences:
            self._sentences.add(sentence)
            self.say(sentence)

    def _arrivals(self) -> Iterator[Arrival]:
        members = [member for member in reader.list_folder(self.folder) if not _is_unfinished(member.name)]
        collector = self.folder.stat().st_uid
        is_exchange = any(INBOUND.fullmatch(member.name) for member in members)
        named = [(member, *self._student(member, is_exchange)) for member in members]
        ids = self._ids_of(frozenset(student for _, student, _ in named if student))
        claims = [(m, name, time) for m, name, time in named if name and self._is_theirs(m, name, ids, collector)]
        students = dict(identity.identified([(member.path, name) for member, name, _ in claims], ids))
        for member, _, name_time in claims:
            student = students[member.path]
            graded = self._graded.get(student_key(student))
            if name_time and graded and graded[0] == member.path:  # nbgrader never changes what it has sent
                yield Arrival(member.path, student, name_time, member.owner, graded[1])
                continue
            try:
                yield Arrival(member.path, student, name_time, member.owner, reader.state(member.path))
            except SubmissionError as error:  # removed meanwhile, or the rights of the folder
                if os.path.lexists(member.path):
                    self.say_once(f"{error} It waits.")

    def _ids_of(self, names: frozenset[str]) -> Mapping[str, str]:
        """Return the ids of students who are named otherwise; asks only if there are other names than the last time."""
        if names != self._ids[0]:
            self._ids = names, self.ids_of(names)
        return self._ids[1]

    def _is_theirs(self, member: Member, name: str, ids: Mapping[str, str], collector: int) -> bool:
        """Return True if the owner does not contradict the name; else leave the submission to a person."""
        names = dict.fromkeys((name, ids.get(name, name)))
        doubt = identity.doubt_about_owner(names, member.owner, self.students, collector)
        if doubt := doubt or identity.doubt_about_text(member.path):
            self._set_aside(member.path, doubt)
        return not doubt

    def _student(self, member: Member, is_exchange: bool) -> tuple[str, str]:
        """Return the student and the time in the name; no student if it is not a submission of this assignment."""
        if sent := INBOUND.fullmatch(member.name):
            if sent["assignment"] != self.assignment:
                return "", ""
            student, time = sent["student"], sent["time"]
        elif is_exchange:
            self._set_aside(member.path, "is no submission made by nbgrader submit")
            return "", ""
        elif member.path.is_symlink():
            self._set_aside(member.path, "is a link, which is not followed")
            return "", ""
        elif not member.is_folder and not identity.is_archive(member.name):
            self.say_once(f"{filename(member.name)} is neither a folder nor a zip; it is left out.")
            return "", ""
        else:
            name = lms_downloads.parse_name(member.name) or lms_downloads.parse_name(f"{member.name}/x")
            if name and name.rivals:
                self._set_aside(member.path, f"may belong to {' or '.join((name.student, *name.rivals))}")
                return "", ""
            student, time = name.student if name else identity.claimed_student(member.path), ""
        return student, time

    def _set_aside(self, path: Path, doubt: str) -> None:
        """Leave a submission to a person, with the reason as a clause that begins with its name."""
        sentence = f"{filename(path.name)} {doubt}."
        one = Unattributed(path=str(path), reason=sentence)
        self.unattributed[one.path] = one
        self.say_once(f"{sentence} It is not graded.")


def _is_unfinished(name: str) -> bool:
    return is_ignored(name) or bool(_UNFINISHED.search(name))
