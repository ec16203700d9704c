"""One assignment as its files describe it: questions, requested files, limits, data sets, late policy."""

from typing import Annotated, Literal

import msgspec

from gradeprop.core.models import Record


class Limits(Record, rename="kebab", frozen=True, kw_only=True):
    """Limits of one submission; a run that exceeds one is ended."""

    probe_s: Annotated[float, msgspec.Meta(gt=0)] = 20.0
    """maximum wall-clock seconds of one probe"""
    wall_s: Annotated[float, msgspec.Meta(gt=0)] = 120.0
    """maximum wall-clock seconds of the whole run"""
    memory_mib: Annotated[int, msgspec.Meta(ge=1)] = 2048
    """maximum memory of all processes together"""
    processes: Annotated[int, msgspec.Meta(ge=1)] = 64
    """maximum number of processes and threads"""
    disk_mib: Annotated[int, msgspec.Meta(ge=1)] = 64
    """size of the private file system, without the submission's own files"""
    output_kib: Annotated[int, msgspec.Meta(ge=1)] = 64
    """stored size of stdout and stderr; a run that prints 512 times as much is ended"""
    answer_mib: Annotated[int, msgspec.Meta(ge=1)] = 64
    """maximum size of everything that the probes return, together"""
    submission_mib: Annotated[int, msgspec.Meta(ge=1)] = 100
    """maximum size of a submission; files beyond it are left out"""
    files: Annotated[int, msgspec.Meta(ge=1)] = 200
    """maximum number of files in a submission; the others are left out"""


class LatePolicy(Record, rename="kebab", frozen=True, kw_only=True):
    """Penalty for late submissions; without ``[late]`` in course.toml there is none."""

    grace_hours: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """hours after the due date that cost nothing"""
    percent_per_day: Annotated[float, msgspec.Meta(ge=0, le=100)] = 0.0
    """percent of the score lost for every day begun after the grace"""
    days: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """days after which the score is 0; without it, never"""
    free_days: Annotated[int, msgspec.Meta(ge=0)] = 0
    """late days that cost nothing, for each student in the whole course; spent on the earliest assignments first"""
    timezone: str = ""
    """where days begin, such as Europe/Berlin; without it, the time zone of the machine"""

    @property
    def is_strict(self) -> bool:
        """True if lateness can cost points."""
        return self.percent_per_day > 0 or self.days is not None


class NotebookRun(Record, rename="kebab", frozen=True, kw_only=True):
    """Settings for running a submitted notebook, so that a human grader sees its plots; no score depends on it."""

    run: Literal["never", "sample", "as-is"] = "never"
    """``sample``: on the sample data set, for one epoch, without the cells tagged ``minutes``"""
    cell_s: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    """maximum wall-clock seconds of one cell"""
    wall_s: Annotated[float, msgspec.Meta(gt=0)] = 300.0
    """maximum wall-clock seconds of the whole notebook"""


class RubricLevel(Record, frozen=True, kw_only=True):
    """One level of a rubric: the points for an answer of this quality."""

    points: float
    """from 0 to the points of the question"""
    text: str
    """what such an answer has; Markdown"""
    sample: str = ""
    """an answer that gets these points; Markdown"""


class Question(Record, frozen=True, kw_only=True):
    """A part of an assignment that carries points."""

    name: str
    """also the grade_id of its cell in the notebook"""
    title: str
    """title on pages and in tables"""
    points: float
    """more than 0; for an automatic question the sum of the points of its checks"""
    manual: bool = False
    """graded by hand"""
    rubric: tuple[RubricLevel, ...] = ()
    """for the person who grades a written answer, and for the student afterwards"""

    @property
    def levels(self) -> list[RubricLevel]:
        """The levels of the rubric, the best one first."""
        return sorted(self.rubric, key=lambda level: -level.points)

    def reached(self, points: float) -> RubricLevel | None:
        """Return the best level that an answer with these points reaches; None without one."""
        return next((level for level in self.levels if level.points <= points), None)


class DatasetRequirements(Record, frozen=True, kw_only=True):
    """Requirements on one data set: accuracy bars in percent of the held-out images, and further bounds for checks."""

    bars: dict[str, tuple[float, float]]
    """name of the weights → (pass, full)"""
    bands: dict[str, tuple[float, float]] = msgspec.field(default_factory=dict)
    """name of the run → (lowest, highest) plausible result that a student reports, in percent"""
    caps: dict[str, float] = msgspec.field(default_factory=dict)
    """name → maximum that a student's own design may use"""
    files: tuple[str, ...] = ()
    """files in the data set's folder; it is on disk if one of them exists, or, if none is listed, the folder"""
    loader: str = ""
    """module of source/given that loads it, without .py; see course/datasets.py"""
    required: bool = False
    """grades are measured on this data set; on another one only if the command names it"""


class GraderEnvironment(Record, frozen=True, kw_only=True):
    """The Python and the modules that run submissions, as students are told; without it they are told nothing."""

    python: Annotated[str, msgspec.Meta(pattern=r"^(\d+\.\d+)?$")] = ""
    """major and minor version, such as 3.11"""
    modules: dict[str, str] = msgspec.field(default_factory=dict)
    """name in an import statement → version; those of the standard library are not listed"""


class Syllabus(Record, frozen=True, kw_only=True):
    """An assignment in the syllabus and the README that students receive; no grade depends on it."""

    weeks: Annotated[int, msgspec.Meta(ge=1)] = 1
    """weeks that it takes"""
    weight: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    """weight in the grade of the course, relative to the other assignments"""
    objectives: tuple[str, ...] = ()
    """what students can do afterwards; Markdown"""
    prerequisites: str = ""
    """what they must know before; Markdown"""
    data: str = ""
    """data sets, and what the sample is; Markdown"""


class Assignment(Record, rename="kebab", frozen=True, kw_only=True):
    """One assignment, read from its folders."""

    name: str
    title: str
    """title of the assignment, on pages and platforms"""
    questions: tuple[Question, ...]
    """everything that carries points"""
    submission: dict[str, str]
    """required files: name → description; "a or b" requires one of the two, and more files are allowed"""
    given: tuple[str, ...]
    """files of source/given that students receive with this assignment"""
    shared: tuple[str, ...] = ()
    """functions of the solution that later assignments use; an instructor can hand them out after the deadline"""
    limits: Limits
    """what one submission may use; what is not set is that of course.toml"""
    held_out: dict[str, DatasetRequirements] = msgspec.field(default_factory=dict)
    """name of a data set → requirements on accuracy; its images are held out by grader_tests/<hw>/held_out.py"""
    late: LatePolicy = LatePolicy()
    """late policy; what is not set is that of course.toml"""
    notebook: NotebookRun = NotebookRun()
    """whether the notebook is run for the person who grades written answers"""
    grader: GraderEnvironment = GraderEnvironment()
    """what runs the submissions; what is not set is that of course.toml"""
    syllabus: Syllabus = Syllabus()
    """entry in the syllabus"""
    root: str
    """the folder of the course"""

    @property
    def points(self) -> float:
        """Points of all automatically graded questions."""
        return sum(question.points for question in self.questions if not question.manual)

    @property
    def possible(self) -> float:
        """Points of all questions."""
        return sum(question.points for question in self.questions)

    @property
    def asked_files(self) -> frozenset[str]:
        """Names of all required files; both names of an "a or b"."""
        return frozenset(name for names in self.submission for name in names.split(" or "))
