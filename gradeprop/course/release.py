"""Release builder: source/<hw> → release/<hw>, by allow-list, atomically, and with the same bytes each time.

source/student_code.py          solutions stripped (ours)              release/<hw>/student_code.py, student_code.py
source/<hw>/<hw>.ipynb          nbgrader's own GenerateAssignment      release/<hw>/<hw>.ipynb
source/diagrams/<name>.svg      in the notebook, if it has a link      release/<hw>/<hw>.ipynb
source/<hw>/public_checks.py    unchanged                              release/<hw>/public_checks.py
source/given/<name>             unchanged, if listed                   release/<hw>/given/<name>
source/<hw>/assignment.toml     required files, for submit.py          release/<hw>/given/submission.json
source/course.toml              [grader], for submit.py                release/<hw>/given/grader.json
source/given/front/<name>       filled in from both toml files         release/<hw>/<name>
source/student_code.py          only on request: functions that an     release/<hw>/<earlier hw>_shared.py
                                earlier assignment lists as shared
"""

import ast
import hashlib
import json
import logging
import os
import re
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

from gradeprop.core.assignment import Assignment, Question
from gradeprop.core.errors import CourseError
from gradeprop.core.paths import ASKED, GIVEN, PACKER, PUBLIC_CHECKS, STUDENT_CODE, AssignmentPaths, CoursePaths
from gradeprop.core.storage import write_bytes
from gradeprop.course.diagrams import embed_diagrams
from gradeprop.course.files import given_files, grader_file, read_text
from gradeprop.course.front import front_files
from gradeprop.course.notebook import Cell, normalise, read_cells
from gradeprop.course.shared import shared_solutions
from gradeprop.course.solutions import regions, strip_python

_HIDDEN = frozenset({"assignment.toml", "reference.py", "instructor.md"})  # allowed, never released
_GIVEN_IMPORT = re.compile(rf"^from (?:{GIVEN})?\.(\w+) import ", re.MULTILINE)
_CACHES = frozenset({"__pycache__", ".ipynb_checkpoints", ".DS_Store"})


def release(assignment: Assignment, course: CoursePaths, solutions_of: Sequence[str] = ()) -> Path:
    """Write release/<hw> and the stub at the root of the course; return the folder of the release.

    Args:
        solutions_of: earlier assignments whose shared functions are handed out, solved.

    Raises:
        CourseError: the source has a mistake; nothing has changed.
    """
    files = build_release(assignment, course, solutions_of)
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


def check_release(assignment: Assignment, course: CoursePaths, solutions_of: Sequence[str] = ()) -> None:
    """Compare release/<hw> and the stub at the root with a newly built release; change nothing.

    Raises:
        CourseError: a file differs, is missing or is extra; or the source has a mistake.
    """
    files = build_release(assignment, course, solutions_of)
    folder = course.assignment(assignment.name).release
    found = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if _is_released(file)}
    pairs = [(folder / name, files.get(name)) for name in sorted(files.keys() | found.keys())]
    for file, data in [*pairs, (course.stub, files[STUDENT_CODE])]:
        if (file.read_bytes() if file.is_file() else None) != data:
            raise CourseError(f"differs from its source; run: gradeprop release {assignment.name}", file)


def build_release(assignment: Assignment, course: CoursePaths, solutions_of: Sequence[str] = ()) -> dict[str, bytes]:
    """Build every file of the release, by name, without writing anything.

    Raises:
        CourseError: a file is not on the list, a marker is not closed, or points do not agree.
    """
    paths = course.assignment(assignment.name)
    allowed = _HIDDEN | {PUBLIC_CHECKS, paths.notebook.name}
    for file in sorted(paths.source.iterdir()):
        if file.name not in allowed | _CACHES:
            raise CourseError(f"is unknown; source/{paths.name} may contain: {', '.join(sorted(allowed))}", file)
    cells = read_cells(paths.notebook)
    _check_points(assignment, cells, paths)
    files = {STUDENT_CODE: strip_python(read_text(course.solution), course.solution).encode()}
    files[PUBLIC_CHECKS] = _unchanged(paths.public_checks)
    given_files(paths, assignment.given)  # refuses a name that is not there
    for name in assignment.given:
        files[f"{GIVEN}/{name}"] = data = _unchanged(course.given / name)
        for module in _GIVEN_IMPORT.findall(data.decode()):
            if f"{module}.py" not in assignment.given:
                raise CourseError(f"given lists {name}, but not {module}.py, which it imports", paths.toml)
    if PACKER in assignment.given:
        files[f"{GIVEN}/{ASKED}"] = _packer_config(assignment, files[STUDENT_CODE])
    files |= grader_file(assignment)
    files[paths.notebook.name] = released_notebook(paths)
    front = front_files(assignment, course)
    if doubled := files.keys() & front.keys():
        raise CourseError("is another file of the release", course.front / min(doubled))
    for name in solutions_of:
        front |= shared_solutions(assignment, course, name)
    return files | front


def _check_points(assignment: Assignment, cells: Sequence[Cell], paths: AssignmentPaths) -> None:
    """Check that each question has one cell with its points, and that each cell with points is a question."""
    questions = {question.name: question for question in assignment.questions}
    seen: dict[str, Cell] = {}
    for cell in cells:
        for begin, _ in regions(cell.source.split("\n"), paths.notebook, cell.lines):
            if begin.region == "SOLUTION" and not cell.solution:
                message = f"{cell.label}: has a solution, but nbgrader does not mark it as a solution cell"
                raise CourseError(message, paths.notebook, cell.lines[begin.line])
        if cell.grade and (wrong := _mismatch(cell, questions.get(cell.grade_id), seen)):
            raise CourseError(f"{cell.label} {wrong}", paths.notebook, cell.lines[0])
    lines = read_text(paths.toml).splitlines()
    for name in questions.keys() - seen.keys():
        line = next((i for i, line in enumerate(lines, 1) if line.replace(" ", "") == f'name="{name}"'), None)
        raise CourseError(f"the question {name!r} has no cell in {paths.notebook.name}", paths.toml, line)


def _mismatch(cell: Cell, question: Question | None, seen: dict[str, Cell]) -> str:
    """Describe the difference between a cell with points and its question; "" if there is none."""
    if not cell.points:
        return "is graded, but has no points"
    if question is None:
        return f"has {cell.points:g} points, but is not a question of assignment.toml"
    if seen.setdefault(cell.grade_id, cell) is not cell:
        return f"has the same grade_id as cell {seen[cell.grade_id].index + 1}"
    if cell.points != question.points:
        return f"has {cell.points:g} points, but {question.points:g} in assignment.toml"
    if question.manual != (cell.cell_type == "markdown" or cell.solution):
        return f"is graded {'automatically' if question.manual else 'by hand'}, but not according to assignment.toml"
    return ""


def _packer_config(assignment: Assignment, stub: bytes) -> bytes:
    """Build submission.json, the configuration of the student's packer; nothing in it is hidden from students."""
    asked = {
        "schema": 1,
        "assignment": assignment.name,
        "files": assignment.submission,
        "submission_mib": assignment.limits.submission_mib,
        "max_files": assignment.limits.files,
        "stub_sha256": hashlib.sha256(stub).hexdigest(),
    }
    return json.dumps(asked, indent=1, ensure_ascii=False).encode() + b"\n"


def _unchanged(file: Path) -> bytes:
    text = read_text(file)
    lines = text.splitlines()
    for begin, _ in regions(lines, file, range(1, len(lines) + 1)):
        raise CourseError("students receive this file unchanged; it must not contain a solution", file, begin.line + 1)
    if file.suffix == ".py":
        try:
            ast.parse(text)
        except (SyntaxError, ValueError) as error:
            line = error.lineno if isinstance(error, SyntaxError) else None
            raise CourseError(f"is not Python: {error.args[0]}", file, line) from error
    return text.encode()


def released_notebook(paths: AssignmentPaths) -> bytes:
    """Build the released notebook with nbgrader, in a temporary course and without its database.

    Raises:
        CourseError: nbgrader rejects the notebook, or a diagram is missing.
    """
    log = logging.Logger(f"{__name__}.nbgrader")  # not connected to the root logger: nothing is printed
    log.addHandler(log_reason := _NbgraderLog())
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        notebook = embed_diagrams(normalise(paths.notebook), paths.notebook)
        write_bytes(notebook, root / "source" / paths.name / paths.notebook.name)
        config = Config()
        config.CourseDirectory.root = str(root)
        config.CourseDirectory.assignment_id = paths.name
        config.GenerateAssignment.no_database = True
        config.GenerateAssignment.preprocessors = [p for p in GenerateAssignment().preprocessors if p is not SaveCells]
        course = CourseDirectory(config=config, log=log)
        try:
            GenerateAssignment(coursedir=course, config=config, log=log).start()
        except Exception as error:  # whatever it raises, the cause is the notebook
            raise CourseError(
                f"nbgrader: {log_reason.reason or ' '.join(str(error).split())}", paths.notebook
            ) from error
        return normalise(root / "release" / paths.name / paths.notebook.name)


class _NbgraderLog(logging.Handler):
    """Log handler that keeps the reason of a failure: nbgrader logs the traceback, and raises an error without it."""

    reason = ""

    def emit(self, record: logging.LogRecord) -> None:
        header, *lines = record.getMessage().splitlines() or [""]
        if header.startswith("Traceback") and not self.reason:
            self.reason = next((line for line in lines if not line.startswith(" ")), "")


def _import(folder: Path, course: CoursePaths) -> None:
    """Import the stub in a new process, as a student's notebook does."""
    command = [sys.executable, "-c", "import student_code"]
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONDONTWRITEBYTECODE": "1"}
    finished = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if finished.returncode:
        why = (finished.stderr.strip() or f"exit status {finished.returncode}").splitlines()[-1]
        raise CourseError(f"cannot be imported without its solutions: {why}", course.solution)


def _is_released(file: Path) -> bool:
    return file.is_file() and _CACHES.isdisjoint(file.parts)
