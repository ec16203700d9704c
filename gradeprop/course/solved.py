"""Solutions of an assignment, to hand out after its deadline.

source/<hw>/<hw>.ipynb          with its solutions                        <hw>.ipynb
source/student_code.py          solved up to this assignment; the tasks   student_code.py
                                of later ones are stubs
source/<hw>/assignment.toml     sample answers to the written questions   sample_answers.md
"""

import json
from pathlib import Path

from gradeprop.core.assignment import Assignment, Question
from gradeprop.core.errors import CourseError
from gradeprop.core.paths import STUDENT_CODE, AssignmentPaths, CoursePaths
from gradeprop.core.storage import write_bytes
from gradeprop.course.config import read_course
from gradeprop.course.diagrams import embed_diagrams
from gradeprop.course.known_answers import section
from gradeprop.course.notebook import normalise
from gradeprop.course.solutions import strip_python, without_markers

ANSWERS = "sample_answers.md"


def write_solutions(assignment: Assignment, course: CoursePaths, folder: Path) -> list[Path]:
    """Write the solutions of an assignment into ``folder``; return the files.

    Raises:
        CourseError: a marker is not closed, a diagram is missing, or the solution has no section of this assignment.
    """
    paths = course.assignment(assignment.name)
    files = {
        STUDENT_CODE: _code(course, assignment.name).encode(),
        paths.notebook.name: _notebook(paths),
        ANSWERS: _sample_answers(assignment).encode(),
    }
    for name, data in files.items():
        write_bytes(data, folder / name)
    return [folder / name for name in files]


def _code(course: CoursePaths, name: str) -> str:
    """Return the solution with the tasks of later assignments as stubs. A single assignment needs no section."""
    before, own, after = section(course.solution.read_text(encoding="utf-8"), name)
    if not own and len(read_course(course).assignments) > 1:
        raise CourseError(f"has no section {name}, so what belongs to later assignments is unknown", course.solution)
    return without_markers(before + own, course.solution) + strip_python(after, course.solution)


def _notebook(paths: AssignmentPaths) -> bytes:
    """Return the notebook with solutions, without nbgrader's metadata: it is not to be submitted."""
    notebook = json.loads(embed_diagrams(normalise(paths.notebook), paths.notebook))
    for cell in notebook["cells"]:
        cell["source"] = without_markers("".join(cell["source"]), paths.notebook).strip("\n")
        cell["metadata"].pop("nbgrader", None)
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True).encode() + b"\n"


def _sample_answers(assignment: Assignment) -> str:
    """Write each written question's sample answers, the best first, each with its points and what they are for."""
    written = [question for question in assignment.questions if question.manual]
    parts = [f"# {assignment.title}: sample answers\n", *map(_question, written)]
    return "\n".join(parts if written else [*parts, "This assignment has no written questions.\n"])


def _question(question: Question) -> str:
    levels = [
        f"### {level.points:g} of {question.points:g} points\n\n"
        f"{level.sample or '(no sample answer)'}\n\n*{level.text}*\n"
        for level in question.levels
    ]
    return "\n".join([f"## {question.title}\n", *(levels or ["(no sample answers)\n"])])
