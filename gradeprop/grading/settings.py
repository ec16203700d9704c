"""Parameters of one grading run, and what it reads of the course at its start."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import CourseError
from gradeprop.core.models import Submission
from gradeprop.core.paths import AssignmentPaths, CoursePaths
from gradeprop.course.notebook import Cell, read_cells
from gradeprop.grading import fingerprints
from gradeprop.grading.fingerprints import Fingerprints


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Parameters of one grading run."""

    course: CoursePaths
    assignment: Assignment
    dataset: str
    requested_seed: int | None = None
    """seed that repeats an earlier run; without it, each run of a submission draws its own"""
    results_folder: Path | None = None
    """where results go; without it, autograded/<hw>"""
    unsafe: bool = False
    """run the code even if this machine can make no jail; every record says so"""
    as_is: bool = False
    """grade submissions that need attention as they are: what was not found is worth nothing"""

    @property
    def paths(self) -> AssignmentPaths:
        return self.course.assignment(self.assignment.name)

    @property
    def results(self) -> Path:
        return self.results_folder or self.paths.autograded

    def holds(self, submission: Submission) -> bool:
        """Return True if a person must look at a submission before it is graded."""
        return submission.attention != "" and not self.as_is

    def draw_seed(self) -> int:
        """Draw the seed of one run of one submission, which nobody can know before, nor from another run."""
        return secrets.randbits(63) if self.requested_seed is None else self.requested_seed


@dataclass(frozen=True, slots=True)
class Sources:
    """Fingerprints of everything a grade depends on besides the submission, and the cells of the notebook."""

    ran_with: Fingerprints
    judged_with: Fingerprints
    cells: tuple[Cell, ...]
    """of the instructor's notebook; empty if there is none, or none that can be read"""

    @classmethod
    def read(cls, settings: RunSettings) -> "Sources":
        assignment, paths = settings.assignment, settings.paths
        try:
            cells = read_cells(paths.notebook)
        except CourseError:  # release and autograde report it
            cells = ()
        return cls(
            fingerprints.ran_with(assignment, paths, settings.dataset),
            fingerprints.judged_with(assignment, paths),
            cells,
        )
