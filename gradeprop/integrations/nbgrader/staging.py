"""The folder that nbgrader's autograde converts instead of a submission, so that it touches no file of a student.

<student>/<hw>/<hw>.ipynb              the released notebook with answers, check results, and perhaps plots
<student>/<hw>/*.py, *.json            small files of the safe copy, for people to read
<student>/<hw>/timestamp.txt           the trusted arrival time, if there is one
<student>/<hw>/submission_secret.txt   nbgrader's key to the feedback page
"""

import contextlib
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import nbformat

from gradeprop.core import sanitize
from gradeprop.core.assignment import Assignment, Question
from gradeprop.core.models import GradeRecord
from gradeprop.core.paths import GIVEN, PUBLIC_CHECKS, CoursePaths, StudentPaths
from gradeprop.course import release
from gradeprop.course.config import data_folder
from gradeprop.integrations.nbgrader import answers
from gradeprop.jail import run_notebook
from gradeprop.jail.kernel_provisioner import KernelSandbox
from gradeprop.results import feedback
from gradeprop.submissions import notebook_cells
from gradeprop.submissions.arrival_time import STAMP, format_timestamp
from gradeprop.submissions.entry import Refused
from gradeprop.submissions.reader import read_small

_MAX_FILE_BYTES = 2**20
"""larger files of a submission are not shown to the person who grades: code and JSON are small, weights are not"""
_DATA = "/jail/data"
"""the data sets, as a notebook in the jail sees them"""
_SECRET, _MAX_SECRET_BYTES = "submission_secret.txt", 1024


def released_files(course: CoursePaths, assignment: Assignment) -> dict[str, bytes]:
    """Return the files of the release that ``stage`` needs: the notebook, and everything else only if it is run.

    Raises:
        CourseError: the release cannot be built.
    """
    if assignment.notebook.run != "never":
        return release.build_release(assignment, course)
    paths = course.assignment(assignment.name)
    return {paths.notebook.name: release.released_notebook(paths)}


def stage(
    folder: Path, released: Mapping[str, bytes], record: GradeRecord, assignment: Assignment, paths: StudentPaths
) -> None:
    """Fill a new folder for one graded submission.

    Args:
        released: see ``released_files``.
    """
    folder.mkdir(parents=True)
    notebook_name = f"{assignment.name}.ipynb"
    notebook = nbformat.reads(released[notebook_name].decode(), as_version=4)
    fill_in(notebook, record, paths)
    _insert_rubrics(notebook, assignment)
    if assignment.notebook.run != "never":
        result = run_notebook.execute(_execution_request(notebook, released, record, assignment, paths))
        run_notebook.insert_outputs(notebook, result)
        if result.ended:
            _insert_first(notebook, f"*{sanitize.for_markdown_line(result.ended)}*", "ended")
    (folder / notebook_name).write_text(nbformat.writes(notebook), encoding="utf-8")
    for name in assignment.asked_files:
        file = paths.submitted / name
        if name in record.files and file.suffix in (".py", ".json") and file.stat().st_size <= _MAX_FILE_BYTES:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / name)


def fill_in(notebook: Any, record: GradeRecord, paths: StudentPaths) -> None:
    """Put the student's answers, the check results and the problems into the released notebook."""
    if (name := f"{record.assignment}.ipynb") in record.files:
        where = f"autograded/{record.assignment}/{record.key}/{paths.submitted.name}/{name}"
        answers.insert(notebook, notebook_cells.read(paths.submitted / name), where)
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and meta.get("grade") and record.results:
            text = _as_text(record, meta.grade_id)
            data = {"text/html": feedback.cell_html(record, meta.grade_id), "text/plain": text}
            cell.outputs = [nbformat.v4.new_output("display_data", data=data)]
    if sentences := [*filter(None, [feedback.ON_HOLD.get(record.status), record.attention]), *record.problems]:
        lines = ["### About your submission", "", *(f"- {sanitize.for_markdown_line(each)}" for each in sentences)]
        _insert_first(notebook, "\n".join(lines), "about")


def _insert_rubrics(notebook: Any, assignment: Assignment) -> None:
    """Put the rubric of each written question below its answer."""
    questions = {question.name: question for question in assignment.questions if question.rubric}
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if question := questions.get(cell.metadata.get("nbgrader", {}).get("grade_id")):
            cells.append(nbformat.v4.new_markdown_cell(_rubric(question), id=f"rubric-{len(cells)}"))
    notebook.cells = cells


def _rubric(question: Question) -> str:
    """Return a rubric as Markdown: each level with its points, and the sample answer as a quotation."""
    lines = [f"**Rubric** for {question.title}"]
    for level in question.levels:
        lines += ["", f"**{level.points:g} points:** {level.text}"]
        if level.sample:
            lines += ["", *(f"> {line}" for line in f"*Sample:* {level.sample}".splitlines())]
    return "\n".join(lines)


def _insert_first(notebook: Any, text: str, cell_id: str) -> None:
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell(text, id=cell_id))


def _as_text(record: GradeRecord, question: str) -> str:
    """Return the check results of a question for a notebook that is shown without HTML."""
    return "\n".join(
        f"{each.points:g} / {each.possible:g}  {each.line}  {each.message if each.verdict != 'broken' else ''}"
        for each in record.results
        if each.question == question
    )


def _execution_request(
    notebook: Any, released: Mapping[str, bytes], record: GradeRecord, assignment: Assignment, paths: StudentPaths
) -> run_notebook.ExecutionRequest:
    """Request to run the notebook beside the submitted files; graded cells keep their check results."""
    settings = assignment.notebook
    files = {name: (paths.submitted / name).read_bytes() for name in record.files}
    files |= {name: data for name, data in released.items() if name == PUBLIC_CHECKS or name.startswith(f"{GIVEN}/")}
    environment, folders = {"GRADEPROP_DATASET": "sample", "GRADEPROP_EPOCHS": "1"}, dict[str, str]()
    if settings.run == "as-is":
        found = {name: data_folder(assignment, name) for name in assignment.held_out}
        folders = {f"{_DATA}/{name}": str(folder) for name, folder in found.items() if folder.is_dir()}
        environment = {"GRADEPROP_DATA": _DATA}
    return run_notebook.ExecutionRequest(
        notebook=nbformat.writes(notebook),
        sandbox=KernelSandbox(
            files=files,
            environment=environment,
            limits=msgspec.structs.replace(assignment.limits, wall_s=settings.wall_s),
            folders=folders,
            hide=(assignment.root,),
        ),
        cell_s=settings.cell_s,
        wall_s=settings.wall_s,
        skip=tuple(cell.id for cell in notebook.cells if _is_skipped(cell, settings.run)),
    )


def _is_skipped(cell: Any, run: str) -> bool:
    takes_minutes = run == "sample" and "minutes" in cell.metadata.get("tags", [])
    return takes_minutes or bool(cell.metadata.get("nbgrader", {}).get("grade"))


def write_timestamp(folder: Path, arrival: datetime | None) -> None:
    """Write the arrival time (naive UTC) as nbgrader reads it; nothing if it is unknown."""
    if arrival is not None:
        (folder / STAMP).write_text(format_timestamp(arrival))


def copy_secret(submission: Path, folder: Path) -> None:
    """Copy the secret by which ``nbgrader release_feedback`` names a page, so that only its student finds it."""
    with contextlib.suppress(Refused):
        if secret := read_small(submission, _SECRET, _MAX_SECRET_BYTES):
            (folder / _SECRET).write_bytes(secret)
