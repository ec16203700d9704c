"""``nbgrader autograde`` and formgrader's button through our grader; nbgrader_config.py names these classes.

    submitted/<student>/<hw> ── GradingExporter ──▶ autograded/<hw>/<key>, gradebook     as ``gradeprop grade``
                                       └──────────▶ a folder of ours for each submission, see ``staging``
    that folder ── nbgrader ──▶ autograded_notebooks/<student>/<hw> ──▶ formgrader, feedback

nbgrader creates its exporter once per run, before it touches a submission. The exporter grades the class, and then
points nbgrader to our folders instead of the submissions. Nothing else of a student reaches nbgrader: no link, no time
stamp, no cell, no metadata.
"""

import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from datetime import datetime
from glob import glob
from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import LateSubmissionPlugin

from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import GradepropError, SubmissionError
from gradeprop.core.models import GradeRecord
from gradeprop.core.paths import CoursePaths, student_key
from gradeprop.course import release
from gradeprop.course.config import read_assignment, require_dataset
from gradeprop.course.notebook import read_cells, writable
from gradeprop.grading import batch
from gradeprop.grading.jobs import Job, plan
from gradeprop.grading.settings import RunSettings
from gradeprop.grading.store import Store
from gradeprop.integrations.nbgrader import staging
from gradeprop.results import gradebook, gradebook_scores, late_penalty
from gradeprop.submissions.arrival_time import STAMP, format_timestamp, write_trusted_timestamp


class GradingExporter(NotebookExporter):  # type: ignore[misc]
    """The ``c.Autograde.exporter_class``: grades the requested submissions before nbgrader converts them."""

    def __init__(self, **config: Any) -> None:
        """Grade, if a run of autograde creates this exporter.

        Raises:
            NbGraderException: a submission could not be graded or stored; the text says why.
        """
        super().__init__(**config)
        if not isinstance(self.parent, Autograde):
            return
        try:
            _grade(self.parent, self._temporary_folder())
        except GradepropError as error:
            self.parent.log.error(str(error))
            raise NbGraderException(str(error)) from error

    def _temporary_folder(self) -> Path:
        """Create a folder that is removed together with this exporter."""
        folder = Path(tempfile.mkdtemp(prefix="gradeprop-autograde-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder


class ReleaseExporter(NotebookExporter):  # type: ignore[misc]
    """The ``c.GenerateAssignment.exporter_class``: writes the same files as ``gradeprop release``."""

    def __init__(self, **config: Any) -> None:
        """Register the notebook's cells, if a run of generate_assignment with a database creates this exporter.

        Raises:
            NbGraderException: the notebook or the gradebook does not allow it; the text says why.
        """
        super().__init__(**config)
        if isinstance(self.parent, GenerateAssignment) and not self.parent.no_database:
            coursedir = self.parent.coursedir
            try:
                course = CoursePaths.find(Path(coursedir.root))
                assignment = read_assignment(course, coursedir.assignment_id)
                gradebook.register_notebook_cells(
                    assignment, read_cells(course.assignment(assignment.name).notebook), coursedir.db_url
                )
            except GradepropError as error:
                self.parent.log.error(str(error))
                raise NbGraderException(str(error)) from error

    def from_filename(self, filename: str, resources: Any = None, **options: Any) -> tuple[str, Any]:
        """Return the released notebook, with the other files of the release as its outputs.

        Raises:
            CourseError: the release cannot be built.
        """
        _, resources = super().from_filename(filename, resources, **options)  # registers the cells in the gradebook
        assert isinstance(self.parent, GenerateAssignment)
        course = CoursePaths.find(Path(self.parent.coursedir.root))
        try:
            files = release.build_release(read_assignment(course, resources["nbgrader"]["assignment"]), course)
        except GradepropError as error:
            self.parent.log.error(str(error))
            raise
        notebook = files.pop(Path(filename).name).decode()
        resources["outputs"] = files
        return notebook, resources


class LatePenalties(LateSubmissionPlugin):  # type: ignore[misc]
    """The ``c.AssignLatePenalties.plugin_class``: the policy of course.toml or assignment.toml."""

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float | None:
        """Return the points to take off; None if there are none."""
        course = CoursePaths.find(Path.cwd())  # nbgrader works in the folder of the course
        name, policies = str(self.parent.assignment_id), gradebook_scores.policies_of(course)
        (known,) = gradebook_scores.read(self.parent.db_url, [name], policies)
        days = next((one.late.charged for one in known.scores if one.student == student_id), 0)
        return late_penalty.penalty(policies[name], score, days) or None


def _grade(converter: Any, staged: Path) -> None:
    """Grade the requested submissions, and have the converter work on ``staged`` in place of them."""
    course = CoursePaths.find(Path(converter.coursedir.root))
    assignment = read_assignment(course, converter.coursedir.assignment_id)
    paths = course.assignment(assignment.name)
    released = staging.released_files(course, assignment)
    named = _submissions(converter, assignment.name)
    arrivals = {student: write_trusted_timestamp(path, paths.arrival(student)) for path, student in named}
    dataset = require_dataset(assignment, os.environ.get("GRADEPROP_DATASET") or "auto")
    with Store(RunSettings(course, assignment, dataset)) as store:
        jobs = plan(store, named, "force" if converter.force else "changed")
        waiting: list[tuple[Path, Job]] = []
        for (path, student), job in zip(named, jobs, strict=True):
            if job.need == "nothing" and _is_converted(converter, assignment, student, arrivals[student]):
                converter.log.info("%s has not changed since it was graded; --force grades it again", path)
            else:
                waiting.append((path, job))
        everyone = {job.student: arrivals[job.student] for _, job in waiting}
        cells = writable(read_cells(paths.notebook))
        gradebook.register_submissions(everyone, assignment, cells, converter.coursedir.db_url)
        graded = _run(converter, store, [job for _, job in waiting])
    converter.assignments = {}
    for (path, job), record in zip(waiting, graded, strict=True):
        student = job.student
        shutil.rmtree(_result(converter, assignment.name, student), ignore_errors=True)
        folder = staged / student / assignment.name
        staging.stage(folder, released, record, assignment, paths.student(record.key))
        staging.write_timestamp(folder, arrivals[student])
        staging.copy_secret(path, folder)
        converter.assignments[str(folder)] = [str(folder / f"{assignment.name}.ipynb")]
    _redirect(converter, staged)


def _redirect(converter: Any, staged: Path) -> None:
    """Have the converter read submissions from ``staged``, and copy no file of source/, which students could see."""
    empty = staged / ".empty"
    empty.mkdir()
    traits = {name: getattr(converter.coursedir, name) for name in converter.coursedir.trait_names(config=True)}
    traits |= {"submitted_directory": str(staged), "source_directory": str(empty), "notebook_id": "*"}
    converter.coursedir = CourseDirectory(parent=converter.parent, **traits)


def _submissions(converter: Any, name: str) -> list[tuple[Path, str]]:
    """Return every requested submission with its student, also those without a notebook."""
    course = converter.coursedir
    pattern = re.compile(course.format_path(course.submitted_directory, "(?P<student>[^/]+)", name, escape=True))
    paths = glob(course.format_path(course.submitted_directory, course.student_id, name))  # noqa: PTH207  (absolute)
    named = [(Path(path), match["student"]) for path in sorted(paths) if (match := pattern.fullmatch(path))]
    excluded = course.student_id_exclude.split(",")
    by_key: dict[str, str] = {}
    for _, student in named:
        if (first := by_key.setdefault(student_key(student), student)) != student:
            raise SubmissionError(
                f"The grader cannot tell the students {first!r} and {student!r} apart; rename one of their folders."
            )
    return [(path, student) for path, student in named if student not in excluded]


def _is_converted(converter: Any, assignment: Assignment, student: str, arrival: datetime | None) -> bool:
    """Return True if formgrader has a notebook of this submission, with its arrival time."""
    stamp = (result := _result(converter, assignment.name, student)) / STAMP
    text = stamp.read_text() if stamp.is_file() else ""
    return (result / f"{assignment.name}.ipynb").is_file() and text == format_timestamp(arrival)


def _run(converter: Any, store: Store, jobs: Sequence[Job]) -> list[GradeRecord]:
    """Grade as ``gradeprop grade`` does, and log the progress, which formgrader reads."""
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        converter.log.info("Graded %s of %s", done, len(jobs))

    if not jobs:
        return []
    graded = batch.run(store, jobs, report=lambda job, record: tick(), db_url=converter.coursedir.db_url)
    for record in graded:
        result = record.attention or record.reason or f"{record.points:g} of {record.possible:g} points"
        converter.log.info("%s: %s, %s", record.student, record.status.replace("_", " "), result)
    return graded


def _result(converter: Any, name: str, student: str) -> Path:
    return Path(converter.coursedir.format_path(converter.coursedir.autograded_directory, student, name))
