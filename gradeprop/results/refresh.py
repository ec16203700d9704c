"""Bring everything that shows scores up to date with the gradebook: its late penalties, grades.csv, and the pages.

Scores change without a run of the grader: a person grades an answer in formgrader, or grants an extension. Formgrader
stores the penalty with each score that it saves; pages and grades.csv follow with the next command of gradeprop on the
assignment. Exports compute the scores themselves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy import select, update

from gradeprop.core import storage
from gradeprop.core.assignment import Assignment
from gradeprop.core.models import GradeRecord, Unattributed
from gradeprop.core.paths import CoursePaths, student_key
from gradeprop.results import feedback, gradebook, gradebook_db, gradebook_scores, grades_csv
from gradeprop.results.gradebook_db import api, change
from gradeprop.results.gradebook_scores import Policies
from gradeprop.results.score import AssignmentScores, Graded, StudentScore, of_record
from gradeprop.results.unattributed import read_unattributed


def refresh(
    course: CoursePaths,
    assignment: Assignment,
    records: Sequence[GradeRecord] | None = None,
    unattributed: Iterable[Unattributed] | None = None,
    db_url: str = "",
) -> list[Graded]:
    """Store the penalties of the whole course; write grades.csv and the pages of one assignment.

    Args:
        records: of everyone; read from disk if not given.
        unattributed: read from disk if not given.
        db_url: another gradebook than the course's.

    Returns:
        Each record with its score.

    Raises:
        CourseError: the gradebook or a record cannot be read, or the gradebook cannot be written.
        JailError: a file cannot be written.
    """
    paths, db_url = course.assignment(assignment.name), db_url or gradebook_db.url(course)
    if records is None:
        records = read_records(course, assignment)
    policies = gradebook_scores.policies_of(course)
    scores = settle_penalties(db_url, policies) if gradebook_db.exists(db_url) else []
    graded = pair(assignment, records, _of(assignment, scores))
    grades_csv.write_csv(graded, paths.grades_csv, read_unattributed(paths) if unattributed is None else unattributed)
    for record, score in graded:
        file, page = paths.student(record.key).feedback, feedback.page(assignment, record, score).encode()
        if (file.parent.is_dir() or score.submitted_by) and not (file.is_file() and file.read_bytes() == page):
            storage.write_bytes(page, file)
    return graded


def read_graded(course: CoursePaths, assignment: Assignment) -> list[Graded]:
    """Return the record of everyone who was graded, with its score; nothing is written.

    Raises:
        CourseError: the gradebook or a record cannot be read.
    """
    return read_pairs(course, assignment, read_records(course, assignment))


def read_pairs(course: CoursePaths, assignment: Assignment, records: Sequence[GradeRecord]) -> list[Graded]:
    """Return records with their scores, from the gradebook if there is one; nothing is written.

    Raises:
        CourseError: the gradebook cannot be read.
    """
    return pair(assignment, records, _read_scores(course, assignment))


def read_missing(course: CoursePaths, assignment: Assignment) -> tuple[StudentScore, ...]:
    """Return the students of the gradebook who should have submitted and have not.

    Raises:
        CourseError: the gradebook cannot be read.
    """
    scores = _read_scores(course, assignment)
    return scores.missing if scores else ()


def _read_scores(course: CoursePaths, assignment: Assignment) -> AssignmentScores | None:
    """Return the scores that the gradebook has; None if it has none, or there is no gradebook."""
    url = gradebook_db.url(course)
    known = gradebook_scores.read(url, (), gradebook_scores.policies_of(course)) if gradebook_db.exists(url) else []
    return _of(assignment, known)


def _of(assignment: Assignment, scores: Iterable[AssignmentScores]) -> AssignmentScores | None:
    return next((one for one in scores if one.name == assignment.name), None)


def read_records(course: CoursePaths, assignment: Assignment) -> list[GradeRecord]:
    """Read the record of everyone who was graded.

    Raises:
        CourseError: a record has an older schema.
    """
    files = sorted(course.assignment(assignment.name).autograded.glob("*/record.json"))
    return [storage.read(GradeRecord, file) for file in files]


def pair(assignment: Assignment, records: Iterable[GradeRecord], scores: AssignmentScores | None) -> list[Graded]:
    """Find the score of each record; where the gradebook has none, the record alone gives it.

    Everyone in a group gets the record of the member whose submission counts.
    """
    known = {score.student: score for score in scores.scores} if scores else {}
    found = []
    for record in records:
        of_gradebook = (known[name] for name in gradebook.possible_ids(record) if name in known)
        score = next(of_gradebook, None) or of_record(assignment, record)
        found.append((record, replace(score, name=record.student) if score.name == score.student else score))
    by_id = {score.student: record for record, score in found}
    shared = [(by_id[one.submitted_by], one) for one in known.values() if one.submitted_by in by_id]
    members = {score.student: (_in_name_of(record, score), score) for record, score in shared}
    own = [members.pop(score.student, (record, score)) for record, score in found]
    return [*own, *members.values()]


def _in_name_of(record: GradeRecord, score: StudentScore) -> GradeRecord:
    """Return a group's record in the name of another member."""
    return msgspec.structs.replace(record, student=score.student, key=student_key(score.student))


def settle_penalties(db_url: str, policies: Policies) -> list[AssignmentScores]:
    """Store every late penalty that has changed where nbgrader shows it, and return the scores of the whole course.

    Raises:
        CourseError: the gradebook cannot be read or written.
    """
    scores = gradebook_scores.read(db_url, (), policies)
    wanted = {
        (one.name, score.student): score.penalty
        for one in scores
        for score in one.scores
        if one.name in policies and policies[one.name].is_strict
    }
    change(db_url, lambda session: _store_penalties(session, wanted))
    return scores


def _store_penalties(session: Any, wanted: dict[tuple[str, str], float]) -> None:
    notebook, one = api.SubmittedNotebook, api.SubmittedAssignment
    query = (
        select(notebook.id, api.Assignment.name, one.student_id, notebook.late_submission_penalty)
        .join(one, one.id == notebook.assignment_id)
        .join(api.Assignment, api.Assignment.id == one.assignment_id)
    )
    for row, assignment, student, stored in session.execute(query).all():
        penalty = wanted.get((assignment, student), stored)
        if (penalty or None) != (stored or None):
            session.execute(update(notebook).where(notebook.id == row).values(late_submission_penalty=penalty or None))
