"""Records that the stages exchange: frozen, typed, and stored as JSON.

course ──▶ Assignment        submissions ──▶ Submission        jail ──▶ JailRun (observations on disk)
judge ──▶ tuple[CheckResult, …]      grading ──▶ GradeRecord

Every record that is stored for others has a field ``schema``, the version of its format.
"""

from typing import Annotated, Literal

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


class Limits(Record, rename="kebab", frozen=True, kw_only=True):
    """Limits of one submission; a run that exceeds one is ended."""

    probe_s: float = 20.0
    """maximum wall-clock seconds of one probe"""
    wall_s: float = 120.0
    """maximum wall-clock seconds of the whole run"""
    memory_mib: int = 2048
    """maximum memory of all processes together"""
    processes: int = 64
    """maximum number of processes and threads"""
    disk_mib: int = 64
    """size of the private file system, without the submission's own files"""
    output_kib: int = 64
    """stored size of stdout and stderr; a run that prints 512 times as much is ended"""
    answer_mib: int = 64
    """maximum size of everything that the probes return, together"""
    submission_mib: int = 100
    """maximum size of a submission; files beyond it are left out"""
    files: int = 200
    """maximum number of files in a submission; the others are left out"""


class LatePolicy(Record, rename="kebab", frozen=True, kw_only=True):
    """Penalty for late submissions; without ``[late]`` in course.toml there is none."""

    grace_hours: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """hours after the due date that cost nothing"""
    percent_per_day: Annotated[float, msgspec.Meta(ge=0, le=100)] = 0.0
    """percent of the score lost for every day begun after the grace"""
    days: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """days after which the score is 0; None: never"""


class NotebookRun(Record, rename="kebab", frozen=True, kw_only=True):
    """Settings for running a submitted notebook, so that a human grader sees its plots; no score depends on it."""

    run: Literal["never", "sample", "as-is"] = "never"
    """``sample``: on the sample data set, for one epoch, without the cells tagged ``minutes``"""
    cell_s: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    """maximum wall-clock seconds of one cell"""
    wall_s: Annotated[float, msgspec.Meta(gt=0)] = 300.0
    """maximum wall-clock seconds of the whole notebook"""


class Question(Record, frozen=True, kw_only=True):
    """A part of an assignment that carries points."""

    name: str
    title: str
    points: float
    manual: bool = False
    """graded by hand, from a rubric in the notebook"""


class DatasetRequirements(Record, frozen=True, kw_only=True):
    """Requirements on one data set: accuracy bars in percent of the held-out images, and further bounds for checks."""

    bars: dict[str, tuple[float, float]]
    """name of the weights → (pass, full)"""
    bands: dict[str, tuple[float, float]] = {}
    """name of the run → (lowest, highest) plausible result that a student reports, in percent"""
    caps: dict[str, float] = {}
    """name → maximum that a student's own design may use"""
    files: tuple[str, ...] = ()
    """files in the data set's folder; it is on disk if one of them exists, or, if none is listed, the folder"""


class GraderEnvironment(Record, frozen=True, kw_only=True):
    """The Python and the modules that run submissions, as students are told; without it they are told nothing."""

    python: Annotated[str, msgspec.Meta(pattern=r"^(\d+\.\d+)?$")] = ""
    """major and minor version, such as 3.11"""
    modules: dict[str, str] = {}
    """name in an import statement → version; those of the standard library are not listed"""


class Assignment(Record, rename="kebab", frozen=True, kw_only=True):
    """One assignment, read from its folders."""

    name: str
    title: str
    questions: tuple[Question, ...]
    submission: dict[str, str]
    """required files: name → description; "a or b" requires one of the two, and more files are allowed"""
    given: tuple[str, ...]
    """files of source/given that students receive with this assignment"""
    limits: Limits
    held_out: dict[str, DatasetRequirements] = {}
    late: LatePolicy = LatePolicy()
    notebook: NotebookRun = NotebookRun()
    grader: GraderEnvironment = GraderEnvironment()
    root: str
    """the folder of the course"""

    @property
    def points(self) -> float:
        """Points of all automatically graded questions."""
        return sum(question.points for question in self.questions if not question.manual)

    @property
    def asked_files(self) -> frozenset[str]:
        """Names of all required files; both names of an "a or b"."""
        return frozenset(name for names in self.submission for name in names.split(" or "))


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
    """Something that may be a submission, but nothing says reliably whose."""

    path: str
    reason: str
    """a sentence: what was found, and what to do"""


class Held(Record, frozen=True, kw_only=True):
    """A newer submission that a person must look at; the older grade stands meanwhile."""

    reason: str
    sha256: str
    problems: tuple[str, ...]
    seen: str = ""


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

    @property
    def attention(self) -> str:
        """What a person must look at, as a sentence; empty if there is nothing."""
        if self.held:
            return f"A newer submission needs attention: {self.held.reason}"
        return self.reason if self.status == "needs_attention" else ""

    @property
    def unsafe(self) -> bool:
        """True if the code ran without a jail, so that it could have forged this very record."""
        return self.tier.startswith("none")
