"""source/<hw> → release/<hw>, what students get: by allow-list, whole or not at all, the same bytes each time.

source/student_code.py          without its solutions (ours)           release/<hw>/student_code.py, student_code.py
source/<hw>/<hw>.ipynb          nbgrader's own GenerateAssignment      release/<hw>/<hw>.ipynb
source/<hw>/public_checks.py    as it is                               release/<hw>/public_checks.py
source/given/<name>             as it is, if assignment.toml lists it  release/<hw>/given/<name>
source/<hw>/assignment.toml     what is to be handed in, for submit.py release/<hw>/given/submission.json
"""

import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import SaveCells
from traitlets.config import Config

from gradeprop.core.errors import CourseError
from gradeprop.core.models import Assignment, Question
from gradeprop.core.paths import ASKED, GIVEN, PACKER, PUBLIC_CHECKS, STUDENT_CODE, AssignmentPaths, CoursePaths
from gradeprop.core.storage import write_bytes
from gradeprop.course.notebook import Cell, normalised, read_cells
from gradeprop.course.solutions import regions, strip_python

_HIDDEN = frozenset({"assignment.toml", "reference.py", "README.md", "instructor.md"})
"""may lie in source/<hw>, and stay there"""
_LEFT_BEHIND = frozenset({"__pycache__", ".ipynb_checkpoints", ".DS_Store"})


def release(assignment: Assignment, course: CoursePaths) -> Path:
    """Make release/<hw> and the stub at the root; the folder of the release.

    Raises:
        CourseError: something in the source is amiss; nothing has changed.
    """
    files = made(assignment, course)
    target = course.assignment(assignment.name).release
    part, old = (target.with_name(f".{target.name}.{kind}") for kind in ("part", "old"))
    for folder in (part, old):
        shutil.rmtree(folder, ignore_errors=True)
    for name, data in files.items():
        write_bytes(data, part / name)
    try:
        _import(part, course)
        if target.exists():
            target.rename(old)
        part.rename(target)
    finally:
        if old.exists() and not target.exists():
            old.rename(target)
        for folder in (part, old):
            shutil.rmtree(folder, ignore_errors=True)
    write_bytes(files[STUDENT_CODE], course.stub)
    return target


def check_release(assignment: Assignment, course: CoursePaths) -> None:
    """Hold release/<hw> and the stub at the root against what the source makes; change nothing.

    Raises:
        CourseError: a file differs, is missing or is too many; or the source is amiss.
    """
    files = made(assignment, course)
    folder = course.assignment(assignment.name).release
    found = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if _matters(file)}
    pairs = [(folder / name, files.get(name)) for name in sorted(files.keys() | found.keys())]
    for file, data in [*pairs, (course.stub, files[STUDENT_CODE])]:
        if (file.read_bytes() if file.is_file() else None) != data:
            raise CourseError(f"is not what the source makes; run: gradeprop release {assignment.name}", file)


def made(assignment: Assignment, course: CoursePaths) -> dict[str, bytes]:
    """Every file of the release by its name; nothing is written.

    Raises:
        CourseError: a file that is not on the list, a marker that is not closed, points that don't agree.
    """
    paths = course.assignment(assignment.name)
    known = _HIDDEN | {PUBLIC_CHECKS, paths.notebook.name}
    for file in sorted(paths.source.iterdir()):
        if file.name not in known | _LEFT_BEHIND:
            raise CourseError(f"unknown in source/{paths.name}, which may hold: {', '.join(sorted(known))}", file)
    cells = read_cells(paths.notebook)
    _agree(assignment, cells, paths)
    files = {STUDENT_CODE: strip_python(_text(course.solution), course.solution).encode()}
    files[PUBLIC_CHECKS] = _as_it_is(paths.public_checks)
    for name in assignment.given:
        files[f"{GIVEN}/{name}"] = _as_it_is(course.given / name)
    if PACKER in assignment.given:
        files[f"{GIVEN}/{ASKED}"] = _asked(assignment, files[STUDENT_CODE])
    files[paths.notebook.name] = released_notebook(paths)
    return files


def _agree(assignment: Assignment, cells: Sequence[Cell], paths: AssignmentPaths) -> None:
    """Each question has one cell that carries its points, and each cell with points is a question."""
    questions = {question.name: question for question in assignment.questions}
    seen: dict[str, Cell] = {}
    for cell in cells:
        for begin, _ in regions(cell.source.split("\n"), paths.notebook, cell.lines):
            if begin.region == "SOLUTION" and not cell.solution:
                message = f"{cell.label}: a solution in a cell that is not marked as one for nbgrader"
                raise CourseError(message, paths.notebook, cell.lines[begin.line])
        if cell.grade and (wrong := _disagrees(cell, questions.get(cell.grade_id), seen)):
            raise CourseError(f"{cell.label} {wrong}", paths.notebook, cell.lines[0])
    lines = _text(paths.toml).splitlines()
    for name in questions.keys() - seen.keys():
        line = next((i for i, line in enumerate(lines, 1) if line.replace(" ", "") == f'name="{name}"'), None)
        raise CourseError(f"the question {name!r} has no cell in {paths.notebook.name}", paths.toml, line)


def _disagrees(cell: Cell, question: Question | None, seen: dict[str, Cell]) -> str:
    """What is wrong with a cell that carries points, if anything."""
    if not cell.points:
        return "is graded and has no points"
    if question is None:
        return f"has {cell.points:g} points, and is no question of assignment.toml"
    if seen.setdefault(cell.grade_id, cell) is not cell:
        return f"has the grade_id of cell {seen[cell.grade_id].index + 1}"
    if cell.points != question.points:
        return f"has {cell.points:g} points, and {question.points:g} in assignment.toml"
    if question.manual != (cell.cell_type == "markdown" or cell.solution):
        return f"is graded {'automatically' if question.manual else 'by hand'}, and otherwise in assignment.toml"
    return ""


def _asked(assignment: Assignment, stub: bytes) -> bytes:
    """What the student's packer looks for; nothing but what the student is told anyway."""
    asked = {
        "schema": 1,
        "assignment": assignment.name,
        "files": assignment.submission,
        "submission_mib": assignment.limits.submission_mib,
        "most_files": assignment.limits.files,
        "stub_sha256": hashlib.sha256(stub).hexdigest(),
    }
    return json.dumps(asked, indent=1, ensure_ascii=False).encode() + b"\n"


def _as_it_is(file: Path) -> bytes:
    text = _text(file)
    lines = text.splitlines()
    for begin, _ in regions(lines, file, range(1, len(lines) + 1)):
        raise CourseError("students get this file as it is; it can hold no solution", file, begin.line + 1)
    return text.encode()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"cannot be read: {error}", file) from error


def released_notebook(paths: AssignmentPaths) -> bytes:
    """The notebook as nbgrader releases it, made in a course of its own and without its database.

    Raises:
        CourseError: nbgrader does not take it.
    """
    log = logging.Logger(f"{__name__}.nbgrader")  # known to nobody else: nothing is printed
    log.addHandler(heard := _Heard())
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        write_bytes(normalised(paths.notebook), root / "source" / paths.name / paths.notebook.name)
        config = Config()
        config.CourseDirectory.root = str(root)
        config.CourseDirectory.assignment_id = paths.name
        config.GenerateAssignment.no_database = True
        config.GenerateAssignment.preprocessors = [p for p in GenerateAssignment().preprocessors if p is not SaveCells]
        course = CourseDirectory(config=config, log=log)
        try:
            GenerateAssignment(coursedir=course, config=config, log=log).start()
        except Exception as error:  # whatever it raises, the notebook is at fault
            raise CourseError(f"nbgrader: {heard.reason or ' '.join(str(error).split())}", paths.notebook) from error
        return normalised(root / "release" / paths.name / paths.notebook.name)


class _Heard(logging.Handler):
    """Keeps why nbgrader failed: it logs the traceback, and raises an error that does not tell."""

    reason = ""

    def emit(self, record: logging.LogRecord) -> None:
        header, *lines = record.getMessage().splitlines() or [""]
        if header.startswith("Traceback") and not self.reason:
            self.reason = next((line for line in lines if not line.startswith(" ")), "")


def _import(folder: Path, bundle: CoursePaths) -> None:
    """Import the stub as a student's notebook will."""
    command = [sys.executable, "-c", "import student_code"]
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        why = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        raise CourseError(f"without its solutions it cannot be imported: {why}", bundle.solution)


def _matters(file: Path) -> bool:
    return file.is_file() and _LEFT_BEHIND.isdisjoint(file.parts)
