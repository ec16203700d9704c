"""The notebooks that formgrader's Manual Grading shows, for everyone whom ``gradeprop grade`` has graded.

    autograded_notebooks/<student>/<hw>/<hw>.ipynb    as after ``nbgrader autograde``: see ``staging``

Formgrader lists a submission if the gradebook has it and this notebook exists, whichever way it arrived.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from gradeprop.core.assignment import Assignment
from gradeprop.core.paths import CoursePaths
from gradeprop.integrations.nbgrader import staging
from gradeprop.results import gradebook_db
from gradeprop.results.score import Graded
from gradeprop.submissions.arrival_time import read_arrival_time


def notebook_of(course: CoursePaths, assignment: Assignment, student: str) -> Path | None:
    """Return the notebook that formgrader shows of a student; None if the course is not set up for formgrader."""
    folder = gradebook_db.autograded_folder(course)
    has_notebook = course.assignment(assignment.name).notebook.is_file()
    return folder / student / assignment.name / f"{assignment.name}.ipynb" if folder and has_notebook else None


def is_missing(course: CoursePaths, assignment: Assignment, student: str) -> bool:
    """Return True if formgrader should have a notebook of a student, and has none."""
    notebook = notebook_of(course, assignment, student)
    return notebook is not None and not notebook.is_file()


def write_notebooks(
    course: CoursePaths, assignment: Assignment, graded: Iterable[Graded], tick: Callable[[], None]
) -> None:
    """Write the notebook of each submission, in place of an older one.

    Args:
        graded: each record, with the score that has the student's id in the gradebook.

    Raises:
        CourseError: the notebook of the assignment cannot be released.
    """
    paths = course.assignment(assignment.name)
    released: dict[str, bytes] = {}
    for record, score in graded:
        if notebook := notebook_of(course, assignment, score.student):
            released = released or staging.released_files(course, assignment)
            notebook.parent.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=notebook.parent.parent, prefix=".staging-") as scratch:
                folder = Path(scratch) / assignment.name
                staging.stage(folder, released, record, assignment, paths.student(record.key))
                staging.write_timestamp(folder, read_arrival_time(paths.arrival(record.student), folder))
                shutil.rmtree(notebook.parent, ignore_errors=True)
                folder.rename(notebook.parent)
        tick()
