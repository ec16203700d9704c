"""What the stages hand to each other: frozen records, and their JSON.

    course ──▶ Assignment        intake ──▶ Submission        observe ──▶ Run (observations on disk)
    check ──▶ tuple[Outcome, …]  grade ──▶ GradeRecord

Everything written for others carries ``schema``, so that a reader knows what it holds.
"""

from typing import Annotated, Literal

import msgspec

SCHEMA = 1

Verdict = Literal["passed", "failed", "error", "timeout", "crash", "missing", "broken"]
"""What became of one check: ``broken`` is the instructor's, all others are the student's."""

Status = Literal["graded", "needs_review", "not_graded"]
"""A record is ``graded``, held back for the instructor, or not graded because the machine failed."""

ProbeStatus = Literal["ok", "error", "timeout", "crash", "absent"]
"""How a probe ended in the jail: ``absent`` means that the student's function or file is not there."""


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen record that refuses fields it does not know."""


class Limits(Record, rename="kebab", frozen=True, kw_only=True):
    """What one submission may use; a process, a file or a byte more ends the run."""

    probe_s: float = 20.0
    """wall-clock seconds for one probe"""
    wall_s: float = 120.0
    """wall-clock seconds for the whole run"""
    memory_mib: int = 2048
    processes: int = 64
    disk_mib: int = 64
    """size of the private file system, the submission's own files not counted"""
    output_kib: int = 64
    """how much of stdout and stderr is kept; 512 times as much ends the run"""
    answer_mib: int = 64
    """size of all that the probes may send back together"""
    submission_mib: int = 100
    files: int = 200


class LatePolicy(Record, rename="kebab", frozen=True, kw_only=True):
    """What handing in after the due date costs; nothing, where course.toml has no ``[late]``."""

    grace_hours: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """so late it still is in time"""
    percent_per_day: Annotated[float, msgspec.Meta(ge=0, le=100)] = 0.0
    """of the score, for every day begun after the grace"""
    days: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """after so many days nothing is left of the score; without it that never happens"""


class NotebookRun(Record, rename="kebab", frozen=True, kw_only=True):
    """Whether the notebook is run for who grades by hand, who then sees its pictures; no grade hangs on it."""

    run: Literal["never", "sample", "as-is"] = "never"
    """``sample``: on the sample and for one epoch, without the cells that are tagged ``minutes``"""
    cell_s: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    """wall-clock seconds for one cell"""
    wall_s: Annotated[float, msgspec.Meta(gt=0)] = 300.0
    """wall-clock seconds for all of it"""


class Question(Record, frozen=True, kw_only=True):
    """One question: ``name`` is the id of its cell in the notebook and of its checks."""

    name: str
    title: str
    points: float
    manual: bool = False
    """graded by hand, from a rubric in the notebook"""


class DatasetRequirements(Record, frozen=True, kw_only=True):
    """What is asked on one data set: accuracy bars, in percent of the held-out images, and more where checks use it."""

    bars: dict[str, tuple[float, float]]
    """by name of the weights: (pass, full)"""
    bands: dict[str, tuple[float, float]] = {}
    """where a result that was handed in must lie, in percent, by name of the run: (lowest, highest)"""
    caps: dict[str, float] = {}
    """what a design of the student's own may use, by name"""
    files: tuple[str, ...] = ()
    """the data set is on disk if one of these lies in its folder; without any, if the folder is there"""


class Assignment(Record, rename="kebab", frozen=True, kw_only=True):
    """One assignment as its folders describe it."""

    name: str
    title: str
    questions: tuple[Question, ...]
    submission: dict[str, str]
    """files that a submission should hold: name → what it is; more are allowed, and "a or b" asks for one of two"""
    given: tuple[str, ...]
    """files of source/given handed to students with this assignment"""
    limits: Limits
    held_out: dict[str, DatasetRequirements] = {}
    late: LatePolicy = LatePolicy()
    notebook: NotebookRun = NotebookRun()
    root: str
    """the folder of the bundle"""

    @property
    def points(self) -> float:
        """Points to be had automatically."""
        return sum(question.points for question in self.questions if not question.manual)

    @property
    def asked_files(self) -> frozenset[str]:
        """The names in ``submission``, of two that may stand for each other both."""
        return frozenset(name for names in self.submission for name in names.split(" or "))


class Submission(Record, frozen=True, kw_only=True):
    """A safe copy of what a student handed in."""

    student: str
    """the name as given, shown to people"""
    key: str
    """the name as a folder"""
    files: tuple[str, ...]
    """relative names of the copied files, sorted"""
    sha256: str
    """of all names and contents"""
    receipt: str = ""
    """the same of the files that the assignment asks for, as the student's packer prints it"""
    problems: tuple[str, ...]
    """sentences for the student: what was left out or could not be read"""


class ProbeResult(Record, frozen=True, kw_only=True):
    """How one probe ended; its tensors and values lie in the observations file."""

    name: str
    status: ProbeStatus
    message: str = ""
    """for the student: the error and the lines of their own files it came from, capped"""
    wall_s: float = 0.0


class JailRun(Record, frozen=True, kw_only=True):
    """One run in the jail: what is kept beside the submission, so that checks can be mended and run again."""

    schema: int = SCHEMA
    assignment: str
    student: str
    seed: int
    dataset: str
    tier: str
    """which jail held the code"""
    probes: tuple[ProbeResult, ...]
    values: dict[str, dict[str, msgspec.Raw]]
    """by probe: what came back that is not a tensor, as undecoded JSON; nothing in it is believed"""
    output: str = ""
    """the start of what the student's code printed, for the instructor only"""
    ended: str = ""
    """a sentence for the student if the whole run was ended early, else empty"""
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
    """by label: one value per step, the first at x = 1"""


class CheckResult(Record, frozen=True, kw_only=True):
    """What one check says."""

    check: str
    """file and function, for the instructor"""
    question: str
    line: str
    """the first line of the check's docstring: what the student reads"""
    verdict: Verdict
    points: float
    possible: float
    message: str = ""
    """for the student, or for the instructor where the fate is ``broken``"""
    exhibits: tuple[Table | Curves, ...] = ()


class QuestionScore(Record, frozen=True, kw_only=True):
    """The sum of a question's checks."""

    name: str
    title: str
    points: float
    possible: float


class GradeRecord(Record, frozen=True, kw_only=True):
    """The grade of one submission, and how it came about."""

    schema: int = SCHEMA
    gradeprop: str
    assignment: str
    student: str
    key: str
    status: Status
    reason: str = ""
    """one sentence where the status is not ``graded``"""
    points: float
    possible: float
    questions: tuple[QuestionScore, ...]
    results: tuple[CheckResult, ...]
    problems: tuple[str, ...] = ()
    """sentences for the student on what they handed in"""
    files: tuple[str, ...] = ()
    sha256: str = ""
    receipt: str = ""
    """what the student's packer printed, if the files it packed came through unchanged"""
    seed: int = 0
    dataset: str = ""
    tier: str = ""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    ran_with: dict[str, str] = {}
    """what the code met in the jail, by part: a version, or the start of a SHA-256; see ``changes``"""
    judged_with: dict[str, str] = {}
    """what judged the answers, likewise"""

    @property
    def unsafe(self) -> bool:
        """Whether the code ran without a jail, so that it could forge this very record."""
        return self.tier.startswith("none")
