"""Records that the stages exchange: frozen, typed, and stored as JSON.

submissions ──▶ Submission        jail ──▶ JailRun (observations on disk)
judge ──▶ tuple[CheckResult, …]      grading ──▶ GradeRecord

Every record that is stored for others has a field ``schema``, the version of its format.
"""

from typing import Literal

import msgspec

SCHEMA = 2

Verdict = Literal["passed", "failed", "error", "timeout", "crash", "missing", "broken"]
"""The verdict of one check. ``broken`` is the instructor's error; all others are results of the student's work."""

Status = Literal["graded", "needs_attention", "needs_review", "not_graded"]
"""``graded``; ``needs_attention``: a person must look at the submission first; ``needs_review``: an error of the
course; ``not_graded``: the machine failed."""

ProbeStatus = Literal["ok", "error", "timeout", "crash", "absent"]
"""The end of a probe in the jail. ``absent``: the student's function or file is missing."""


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen record that rejects unknown fields."""


class Submission(Record, frozen=True, kw_only=True):
    """A safe copy of a student's submission."""

    student: str
    """the student's name, as shown to people"""
    key: str
    """the student's name, as the name of a folder"""
    files: tuple[str, ...]
    """relative names of the copied files, sorted"""
    sha256: str
    """SHA-256 of all names and contents"""
    receipt: str = ""
    """SHA-256 of the required files and the student's own modules; the student's packer prints the same"""
    problems: tuple[str, ...]
    """sentences for the student: files that were left out or cannot be read"""
    attention: str = ""
    """why a person must look before it is graded: what was found; empty if it can be graded"""
    seen: str = ""
    """where it was, and its state there, by which a later run sees that nothing has changed; empty if it was in flux"""


class ProbeResult(Record, frozen=True, kw_only=True):
    """The end of one probe; its tensors are in the observations file, its values in the ``JailRun``."""

    name: str
    status: ProbeStatus
    message: str = ""
    """for the student: the error and the line of the student's own files that raised it; capped"""
    wall_s: float = 0.0


class JailRun(Record, frozen=True, kw_only=True):
    """One run in the jail, stored with the submission so that its checks can be run again without student code."""

    schema: int = SCHEMA
    assignment: str
    student: str
    seed: int
    dataset: str
    tier: str
    """the isolation tier that ran the code"""
    probes: tuple[ProbeResult, ...]
    values: dict[str, dict[str, msgspec.Raw]]
    """probe → name → returned value other than a tensor, as undecoded JSON; untrusted"""
    output: str = ""
    """the start of stdout and stderr, for the instructor only"""
    ended: str = ""
    """a sentence for the student if the whole run was ended early; else empty"""
    wall_s: float = 0.0
    cpu_s: float = 0.0


class Table(Record, frozen=True, kw_only=True, tag="table"):
    """A table that a check shows on the feedback page, such as layer shapes side by side."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Curves(Record, frozen=True, kw_only=True, tag="curves"):
    """Lines over a common x axis that a check shows on the feedback page."""

    caption: str
    x_label: str
    y_label: str
    series: dict[str, tuple[float, ...]]
    """label → one value per step, the first at x = 1"""


class CheckResult(Record, frozen=True, kw_only=True):
    """The result of one check."""

    check: str
    """file and function, for the instructor"""
    question: str
    line: str
    """the first line of the check's docstring, which the student reads"""
    verdict: Verdict
    points: float
    possible: float
    message: str = ""
    """for the student; for the instructor if the verdict is ``broken``"""
    exhibits: tuple[Table | Curves, ...] = ()
    flag: str = ""
    """a sentence for the instructor alone: what a person should look at; it costs no points"""


class Cause(Record, frozen=True, kw_only=True):
    """One reason why points are lost, and the number of checks that failed for it."""

    message: str
    verdict: Verdict
    checks: int
    lost: float

    @property
    def is_shared(self) -> bool:
        """True if several checks failed for the same reason, so that it is shown once for all of them."""
        return self.checks > 1


class QuestionScore(Record, frozen=True, kw_only=True):
    """The sum of the points of a question's checks."""

    name: str
    title: str
    points: float
    possible: float


class Unattributed(Record, frozen=True, kw_only=True):
    """A file or folder that may be a submission, but cannot be assigned to a student."""

    path: str
    reason: str
    """a sentence: what was found, and what to do"""

    def __post_init__(self) -> None:
        """Write bytes that are no text as escapes: a record is UTF-8, and a file's name is not always."""
        msgspec.structs.force_setattr(self, "path", self.path.encode(errors="backslashreplace").decode())


class Held(Record, frozen=True, kw_only=True):
    """A newer submission that a person must look at; the older grade stands meanwhile."""

    reason: str
    sha256: str
    problems: tuple[str, ...]
    seen: str = ""


class Regrade(Record, frozen=True, kw_only=True):
    """One time that a person had a submission graded again, and why."""

    time: str
    """ISO 8601, UTC"""
    reason: str
    before: float
    """automatic points"""
    after: float


class GradeRecord(Record, frozen=True, kw_only=True):
    """The grade of one submission, and how it was computed."""

    schema: int = SCHEMA
    gradeprop: str
    assignment: str
    student: str
    key: str
    status: Status
    reason: str = ""
    """one sentence if the status is not ``graded``; else empty"""
    causes: tuple[Cause, ...] = ()
    """why points are lost, the reason that cost most first"""
    points: float
    possible: float
    questions: tuple[QuestionScore, ...]
    results: tuple[CheckResult, ...]
    problems: tuple[str, ...] = ()
    """sentences for the student about the submitted files"""
    files: tuple[str, ...] = ()
    sha256: str = ""
    receipt: str = ""
    """the receipt that the student's packer printed, if the files arrived unchanged"""
    seen: str = ""
    """as in Submission"""
    seed: int = 0
    dataset: str = ""
    tier: str = ""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    ran_with: dict[str, str] = {}
    """fingerprints of everything that the run in the jail depends on: name → version or start of a SHA-256"""
    judged_with: dict[str, str] = {}
    """fingerprints of everything that the verdicts depend on, in the same form"""
    held: Held | None = None
    """a newer submission that needs attention"""
    regrades: tuple[Regrade, ...] = ()
    """the times that a person asked for the student by name, the first one first"""

    @property
    def attention(self) -> str:
        """The reason why a person must look, as a sentence; empty if there is none."""
        if self.held:
            return f"A newer submission needs attention: {self.held.reason}"
        return self.reason if self.status == "needs_attention" else ""

    @property
    def unsafe(self) -> bool:
        """True if the code ran without a jail, so that it could have forged this very record."""
        return self.tier.startswith("none")
