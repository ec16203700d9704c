"""Records are strict, and derive points and file names from their fields."""

import msgspec
import pytest

from gradeprop.core.assignment import Assignment, Limits, Question
from gradeprop.core.models import GradeRecord


def assignment(**changes: object) -> Assignment:
    questions = (
        Question(name="net", title="Net", points=4),
        Question(name="loop", title="Loop", points=2.5),
        Question(name="why", title="Why", points=3, manual=True),
    )
    submission = {"student_code.py": "your code", "hw.html or hw.pdf": "a copy"}
    fields = {"name": "hw", "title": "", "questions": questions, "submission": submission, "given": (), "root": ""}
    return Assignment(limits=Limits(), **(fields | changes))


def test_the_points_of_an_assignment_are_those_of_its_automatic_questions() -> None:
    assert assignment().points == 6.5
    assert assignment(questions=()).points == 0


def test_both_files_of_an_alternative_are_asked_for() -> None:
    assert assignment().asked_files == {"student_code.py", "hw.html", "hw.pdf"}


@pytest.mark.parametrize(
    ("tier", "unsafe"), [("full", False), ("restricted", False), ("none (unsafe)", True), ("", False)]
)
def test_a_record_from_a_run_without_a_jail_is_unsafe(tier: str, unsafe: bool) -> None:
    record = GradeRecord(
        gradeprop="0", assignment="hw", student="ada", key="ada", status="graded", points=0, possible=0,
        questions=(), results=(), tier=tier,
    )  # fmt: skip
    assert record.unsafe is unsafe


@pytest.mark.parametrize("table", [{"probe-s": "long"}, {"probe_s": 1.0}, {"colour": 1}])
def test_limits_reject_wrong_types_and_unknown_names(table: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(table, Limits)


def test_limits_are_written_with_hyphens_in_toml() -> None:
    assert msgspec.convert({"probe-s": 3.0, "memory-mib": 512}, Limits) == Limits(probe_s=3.0, memory_mib=512)


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        assignment().name = "other"  # type: ignore[misc]
