"""Records that commands print with ``--json``; tests/reference/reports.py makes their schema."""

from dataclasses import dataclass
from typing import Any, Literal

import click
import msgspec

from gradeprop.cli.options import QUIET
from gradeprop.core.models import GradeRecord

State = Literal["ok", "note", "problem"]
"""a problem keeps the course from being graded; a note may"""


@dataclass(frozen=True)
class AssignmentStatus:
    """State of one assignment."""

    assignment: str
    title: str
    points: float
    """of all questions, those graded by hand included"""
    released: bool
    """release/<hw> exists"""
    graded: int
    """students who have automatic points"""
    written: int
    """of these, students with answers that wait to be graded by hand"""
    needs_attention: list[str]
    """students whose submission a person must look at"""
    needs_review: list[str]
    """students whose grade waits for the instructor to fix a check"""
    not_graded: list[str]
    """students for whom the machine failed"""


@dataclass(frozen=True)
class GradeLine:
    """The result of one submission in a run of ``grade``."""

    student: str
    status: str
    """graded, needs_attention, needs_review or not_graded"""
    points: float
    """automatic points; 0 unless graded"""
    possible: float
    reason: str
    """why there is no grade; empty if there is one"""
    attention: str
    """why a person must look at the submission; empty otherwise"""
    record: str
    """the file with everything about this grade"""

    @classmethod
    def of(cls, record: GradeRecord, file: str) -> "GradeLine":
        points = record.points if record.status == "graded" else 0.0
        return cls(record.student, record.status, points, record.possible, record.reason, record.attention, file)


@dataclass(frozen=True)
class ScoreLine:
    """The score of one student in one assignment."""

    student: str
    """id in the gradebook"""
    name: str
    total: float | None
    """None while a question is not graded, or if the student is excused"""
    possible: float
    points: dict[str, float]
    """by question, as far as graded"""
    penalty: float
    """points taken off for late submission"""
    excused: bool
    not_graded: list[str]
    """questions that wait"""


@dataclass(frozen=True)
class StudentLine:
    """One student, and what was decided about them."""

    id: str
    name: str
    email: str
    lms_user_id: str
    decisions: list[dict[str, str]]
    """each with kind, value, assignment and reason"""


@dataclass(frozen=True)
class CaseLine:
    """One known answer, or junk in place of one value, in ``verify``."""

    case: str
    points: float
    expected: float
    problem: str
    """what differs from what is expected; empty if nothing does"""
    details: list[str]
    """messages of the checks that lost points, and tracebacks of those that broke"""
    public_checks: str
    """pass or fail; empty if they were not run"""


@dataclass(frozen=True)
class DatasetLine:
    """One data set of the course."""

    name: str
    assignments: list[str]
    required_by: list[str]
    """assignments that are graded on it alone"""
    folder: str | None
    """where it is on this machine"""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; the fields are those of ``doctor --json``."""

    area: str
    state: State
    found: str
    to_do: str = ""
    """a sentence or a command; "" if there is nothing to do"""


@dataclass(frozen=True)
class JailLine:
    """One isolation tier of this machine."""

    tier: str
    problem: str
    """why it cannot be used here; empty if it can"""
    stops: dict[str, bool]
    """attempt to break out → whether it was stopped"""


@dataclass(frozen=True)
class DoctorReport:
    """The findings of ``doctor``, and the tests of the jails."""

    findings: list[Finding]
    jails: list[JailLine]


def json_option(command: Any) -> Any:
    """Add ``--json``, passed as ``as_json``."""
    text = "Print JSON in place of tables; gradeprop docs reference/reports.schema.json describes it."
    return click.option("--json", "as_json", is_flag=True, help=text)(command)


def print_json(report: object) -> None:
    """Print a record, or a list of records, as JSON, also with ``gradeprop --quiet``."""
    text = msgspec.json.format(msgspec.json.encode(report), indent=2).decode()
    click.echo(text, file=click.get_current_context().meta.get(QUIET))
