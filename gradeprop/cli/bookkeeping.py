"""The work of ``grade`` and ``watch`` on the gradebook, besides grading.

full_id           the id of a student whom the instructor names
note_arrivals     when each submission arrived, for late days
write_notebooks   the notebooks that formgrader shows for grading by hand
"""

import contextlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from gradeprop.cli.output import progress, warn
from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import CourseError
from gradeprop.core.models import GradeRecord
from gradeprop.core.paths import CoursePaths, student_key

Submissions = tuple[tuple[Path, str], ...]


def full_id(course: CoursePaths, student: str | None) -> str | None:
    """Return the id of a student whom the gradebook knows by this name; else the name."""
    from gradeprop.results import people

    if student is not None:
        with contextlib.suppress(CourseError):  # not in the gradebook: a new student
            return people.find(course, student).id
    return student


def warn_of_unlisted(course: CoursePaths, submissions: Submissions) -> None:
    """Name the students that a roster, if one was imported, does not have: a misspelt name would be a new student."""
    from gradeprop.results import gradebook, people

    everyone = people.everyone(course)
    if any(one.name != one.id for one in everyone):
        known = {one.id for one in everyone}
        unlisted = [name for _, name in submissions if not {name, gradebook.student_id(student_key(name))} & known]
        if unlisted:
            warn(f"Not in the roster, and graded under the name of the submission: {', '.join(sorted(unlisted))}.")


def note_arrivals(
    course: CoursePaths,
    assignment: Assignment,
    submissions: Submissions,
    attempts: Mapping[str, str],
    late: Collection[str] | None,
) -> None:
    """Write to the gradebook when submissions arrived, as the exchange or a platform has recorded it.

    Args:
        attempts: the times in a platform's names, by student.
        late: the students whose submission the platform calls late; None without a platform.
    """
    from gradeprop.course.notebook import read_cells, writable
    from gradeprop.results import gradebook, gradebook_db, people
    from gradeprop.submissions.arrival_time import read_arrival_time

    paths = course.assignment(assignment.name)
    cells = list[str]()
    with contextlib.suppress(CourseError):  # no notebook, or none that can be read: release reports it
        cells = writable(read_cells(paths.notebook))
    times: dict[str, datetime | None] = {}
    for path, student in submissions:
        noted = read_arrival_time(paths.arrival(student), path)
        if time := noted or _attempt(assignment, attempts.get(student, "")):
            times[student] = time
    if times or cells:
        gradebook.register_submissions(times, assignment, cells, gradebook_db.url(course))
    if late is not None:
        by_id = {gradebook.student_id(student): student in late for _, student in submissions}
        if any(by_id.values()) or any(note.kind == "late" for note in people.notes(course).values()):
            people.mark_late(course, assignment.name, by_id)


def _attempt(assignment: Assignment, text: str) -> datetime | None:
    """Read a time in a platform's name, which is on the clock of the course; None if there is none."""
    from gradeprop.results.late_penalty import to_utc

    return to_utc(assignment.late, datetime.strptime(text, "%Y-%m-%d-%H-%M-%S")) if text else None


def write_notebooks(
    course: CoursePaths, assignment: Assignment, records: Sequence[GradeRecord], changed: Collection[str]
) -> None:
    """Write formgrader's notebooks of these students, if their record is new or formgrader has nothing yet.

    Args:
        changed: keys of the students who were graded now.
    """
    from gradeprop.integrations.nbgrader import manual_grading
    from gradeprop.results import refresh

    wanted = [
        pair
        for pair in refresh.read_pairs(course, assignment, records)
        if not pair[1].submitted_by
        and (pair[0].key in changed or manual_grading.is_missing(course, assignment, pair[1].student))
    ]
    if wanted:
        try:
            with progress("writing notebooks for formgrader", len(wanted)) as tick:
                manual_grading.write_notebooks(course, assignment, wanted, tick)
        except CourseError as error:
            warn(f"Formgrader has no new notebooks: {error}")
