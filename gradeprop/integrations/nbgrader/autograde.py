"""``nbgrader autograde``, and formgrader's button, through the pipeline; ``nbgrader_config.py`` names these classes.

    submitted/<student>/<hw> ──Graded──▶ pipeline ──▶ autograded/<hw>/<key>, gradebook     as ``gradeprop grade``
                                  └─────▶ a folder of ours: the notebook handed out, with answers and messages
    that folder ──nbgrader──▶ autograded_notebooks/<student>/<hw> ──▶ formgrader, feedback

nbgrader makes its exporter once per run, before it touches a submission: that is where the class is graded, and where
nbgrader is then shown our folder in place of what students handed in. Nothing that they made reaches it otherwise:
no link, no time stamp, no cell, no metadata.
"""

import copy
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from datetime import datetime
from glob import glob
from pathlib import Path
from typing import Any

import msgspec
import nbformat
from nbconvert.exporters import NotebookExporter
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import LateSubmissionPlugin

from gradeprop.core import sanitize
from gradeprop.core.errors import GradepropError, SubmissionError
from gradeprop.core.models import Assignment, GradeRecord
from gradeprop.core.paths import GIVEN, PUBLIC_CHECKS, CoursePaths, StudentPaths, student_key
from gradeprop.course import release
from gradeprop.course.config import dataset, read_assignment
from gradeprop.course.notebook import read_cells, writable
from gradeprop.grading import batch
from gradeprop.grading.grader import Grader
from gradeprop.jail import run_notebook
from gradeprop.jail.kernel_provisioner import KernelSandbox
from gradeprop.results import feedback, gradebook, late_penalty
from gradeprop.submissions import notebook_answers
from gradeprop.submissions.arrival_time import STAMP, format_timestamp, write_trusted_timestamp

_SHOWN_BYTES = 2**20
"""a file that was handed in is shown to who grades by hand up to this size: code and JSON, not weights"""
_DATA = "/jail/data"
"""where a notebook in the jail finds the data sets"""
_HELD = {
    "needs_review": "Your instructor is looking at this grade: a check is at fault, and you lose nothing by it.",
    "not_graded": "Not graded yet: the grading machine failed, not your work. It will be graded again.",
}


class Graded(NotebookExporter):  # type: ignore[misc]
    """For ``c.Autograde.exporter_class``: grades what nbgrader was asked to, and lets it convert what we made of it."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        if not isinstance(self.parent, Autograde):
            return
        try:
            _grade(self.parent, self._folder())
        except GradepropError as error:
            self.parent.log.error(str(error))
            raise NbGraderException(str(error)) from error

    def _folder(self) -> Path:
        """There as long as this exporter is."""
        folder = Path(tempfile.mkdtemp(prefix="gradeprop-autograde-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder


class Released(NotebookExporter):  # type: ignore[misc]
    """For ``c.GenerateAssignment.exporter_class``: the whole release, file by file what ``gradeprop release`` makes."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
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

    def from_filename(self, filename: str, resources: Any = None, **given: Any) -> tuple[str, Any]:
        _, resources = super().from_filename(filename, resources, **given)  # registers the cells in the gradebook
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


class LateDays(LateSubmissionPlugin):  # type: ignore[misc]
    """For ``c.AssignLatePenalties.plugin_class``: the policy of course.toml or assignment.toml."""

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float | None:
        course = CoursePaths.find(Path.cwd())  # nbgrader works in the folder of the course
        assignment = read_assignment(course, self.parent.assignment_id)
        return late_penalty.penalty(assignment.late, score, total_seconds_late) or None


def _grade(converter: Any, staged: Path) -> None:
    """Grade the class, and have the converter work on the folder ``staged`` in place of the submissions."""
    course = CoursePaths.find(Path(converter.coursedir.root))
    assignment = read_assignment(course, converter.coursedir.assignment_id)
    paths = course.assignment(assignment.name)
    runs = assignment.notebook.run != "never"
    handed_out = (
        release.build_release(assignment, course) if runs else {paths.notebook.name: release.released_notebook(paths)}
    )
    notebook = nbformat.reads(handed_out[paths.notebook.name].decode(), as_version=4)
    named = _submissions(converter, assignment.name)
    came = {student: write_trusted_timestamp(path) for path, student in named}
    with Grader(course, assignment, dataset(assignment, "auto")) as grader:
        jobs = batch.plan(grader, named, "force" if converter.force else "changed")
        waiting: list[tuple[Path, batch.Job]] = []
        for (path, student), job in zip(named, jobs, strict=True):
            if job.need == "nothing" and _is_shown(converter, assignment, student, came[student]):
                converter.log.info("%s is what was graded; --force grades it once more", path)
            else:
                waiting.append((path, job))
        everyone = {job.student: came[job.student] for _, job in waiting}
        gradebook.register_submissions(everyone, assignment, writable(grader.cells), converter.coursedir.db_url)
        graded = _graded(converter, grader, [job for _, job in waiting])
    converter.assignments = {}
    for (path, job), record in zip(waiting, graded, strict=True):
        student = job.student
        shutil.rmtree(_result(converter, assignment.name, student), ignore_errors=True)
        folder = staged / student / assignment.name
        _stage(folder, notebook, handed_out, record, assignment, paths.student(record.key))
        if came[student] is not None:
            (folder / STAMP).write_text(format_timestamp(came[student]))
        _hand_on_the_secret(path, folder)
        converter.assignments[str(folder)] = [str(folder / f"{assignment.name}.ipynb")]
    nothing = staged / ".nothing"  # of source/ no file is copied to where students may see it
    nothing.mkdir()
    traits = {name: getattr(converter.coursedir, name) for name in converter.coursedir.trait_names(config=True)}
    converter.coursedir = CourseDirectory(
        parent=converter.parent,
        **traits | {"submitted_directory": str(staged), "source_directory": str(nothing), "notebook_id": "*"},
    )


def _hand_on_the_secret(path: Path, folder: Path) -> None:
    """``nbgrader release_feedback`` names a page by it, so that only who handed in finds it."""
    secret = path / "submission_secret.txt"
    if not secret.is_symlink() and secret.is_file() and secret.stat().st_size <= 1024:
        (folder / secret.name).write_bytes(secret.read_bytes())


def _submissions(converter: Any, name: str) -> list[tuple[Path, str]]:
    """Every submission that nbgrader was asked for, also one whose notebook is gone; each with its student."""
    course = converter.coursedir
    pattern = re.compile(course.format_path(course.submitted_directory, "(?P<student>[^/]+)", name, escape=True))
    found = glob(course.format_path(course.submitted_directory, course.student_id, name))  # noqa: PTH207  (absolute)
    named = [(Path(path), match["student"]) for path in sorted(found) if (match := pattern.fullmatch(path))]
    without = course.student_id_exclude.split(",")
    seen: dict[str, str] = {}
    for _, student in named:
        if (first := seen.setdefault(student_key(student), student)) != student:
            raise SubmissionError(f"{first!r} and {student!r} are one name to the grader; rename one of the folders.")
    return [(path, student) for path, student in named if student not in without]


def _is_shown(converter: Any, assignment: Assignment, student: str, came: datetime | None) -> bool:
    """Whether formgrader has a notebook of it, with the time it came."""
    stamp = (result := _result(converter, assignment.name, student)) / STAMP
    before = stamp.read_text() if stamp.is_file() else ""
    return (result / f"{assignment.name}.ipynb").is_file() and before == format_timestamp(came)


def _graded(converter: Any, grader: Grader, jobs: Sequence[batch.Job]) -> list[GradeRecord]:
    """As ``gradeprop grade`` does it: one jail and judge for all, records kept, table and gradebook written."""
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        converter.log.info("Graded %s of %s", done, len(jobs))

    if not jobs:
        return []
    graded = batch.run(grader, jobs, lambda job, record: tick(), db_url=converter.coursedir.db_url)
    for record in graded:
        told = record.reason or f"{record.points:g} of {record.possible:g} points"
        converter.log.info("%s: %s, %s", record.student, record.status.replace("_", " "), told)
    return graded


def _stage(
    folder: Path,
    handed_out: Any,
    beside: Mapping[str, bytes],
    record: GradeRecord,
    assignment: Assignment,
    kept: StudentPaths,
) -> None:
    """What nbgrader gets to see of a submission: a notebook of ours, and small files of intake's copy to read."""
    folder.mkdir(parents=True)
    notebook = rebuilt(handed_out, record, kept)
    if assignment.notebook.run != "never":
        shown = run_notebook.execute(_order(notebook, beside, record, assignment, kept))
        run_notebook.insert_outputs(notebook, shown)
        if shown.ended:
            notebook.cells.insert(
                0, nbformat.v4.new_markdown_cell(f"*{sanitize.for_markdown_line(shown.ended)}*", id="ended")
            )
    (folder / f"{assignment.name}.ipynb").write_text(nbformat.writes(notebook), encoding="utf-8")
    for name in assignment.asked_files:
        file = kept.submitted / name
        if name in record.files and file.suffix in (".py", ".json") and file.stat().st_size <= _SHOWN_BYTES:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / name)


def _order(
    notebook: Any, beside: Mapping[str, bytes], record: GradeRecord, assignment: Assignment, kept: StudentPaths
) -> run_notebook.ExecutionRequest:
    """Run the rebuilt notebook beside what the student handed in; cells that were graded show their messages."""
    wanted = assignment.notebook
    files = {name: (kept.submitted / name).read_bytes() for name in record.files}
    files |= {name: data for name, data in beside.items() if name == PUBLIC_CHECKS or name.startswith(f"{GIVEN}/")}
    environment, folders = {"GRADEPROP_DATASET": "sample", "GRADEPROP_EPOCHS": "1"}, dict[str, str]()
    if wanted.run == "as-is":
        data = os.environ.get("GRADEPROP_DATA")
        environment, folders = ({"GRADEPROP_DATA": _DATA}, {_DATA: data}) if data else ({}, folders)
    return run_notebook.ExecutionRequest(
        notebook=nbformat.writes(notebook),
        sandbox=KernelSandbox(
            files=files,
            environment=environment,
            limits=msgspec.structs.replace(assignment.limits, wall_s=wanted.wall_s),
            folders=folders,
            hide=(assignment.root,),
        ),
        cell_s=wanted.cell_s,
        wall_s=wanted.wall_s,
        skip=tuple(cell.id for cell in notebook.cells if _is_skipped(cell, wanted.run)),
    )


def _is_skipped(cell: Any, run: str) -> bool:
    takes_minutes = run == "sample" and "minutes" in cell.metadata.get("tags", [])
    return takes_minutes or bool(cell.metadata.get("nbgrader", {}).get("grade"))


def rebuilt(handed_out: Any, record: GradeRecord, kept: StudentPaths) -> Any:
    """The notebook that was handed out, with the student's answers and what the checks say."""
    notebook = copy.deepcopy(handed_out)
    ids = {cell.id: cell.metadata.nbgrader.grade_id for cell in notebook.cells if "nbgrader" in cell.metadata}
    notebook_answers.insert_answers(notebook, notebook_answers.read(kept.submitted / f"{record.assignment}.ipynb", ids))
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and meta.get("grade") and record.results:
            text = _as_text(record, meta.grade_id)
            data = {"text/html": feedback.fragment(record, meta.grade_id), "text/plain": text}
            cell.outputs = [nbformat.v4.new_output("display_data", data=data)]
    if about := [*([_HELD[record.status]] if record.status in _HELD else ()), *record.problems]:
        lines = ["### About what you handed in", "", *(f"- {sanitize.for_markdown_line(line)}" for line in about)]
        notebook.cells.insert(0, nbformat.v4.new_markdown_cell("\n".join(lines), id="about"))
    return notebook


def _as_text(record: GradeRecord, question: str) -> str:
    """For who reads the notebook without HTML."""
    of_it = [result for result in record.results if result.question == question]
    return "\n".join(
        f"{o.points:g} / {o.possible:g}  {o.line}  {o.message if o.verdict != 'broken' else ''}" for o in of_it
    )


def _result(converter: Any, name: str, student: str) -> Path:
    return Path(converter.coursedir.format_path(converter.coursedir.autograded_directory, student, name))


def _kept(converter: Any, name: str, student: str) -> StudentPaths:
    return CoursePaths(Path(converter.coursedir.root)).assignment(name).student(student_key(student))
