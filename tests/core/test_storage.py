"""Records survive their JSON, and anything else is refused."""

import pytest

from gradeprop.core import storage
from gradeprop.core.errors import CourseError
from gradeprop.core.models import CheckResult, Curves, GradeRecord, QuestionScore


def record(**changes: object) -> GradeRecord:
    result = CheckResult(
        check="test_a",
        question="q",
        line="A.",
        verdict="failed",
        points=0,
        possible=2,
        exhibits=(Curves(caption="c", x_label="x", y_label="y", series={"a": (1.0, 2.0)}),),
    )
    fields = {
        "gradeprop": "0",
        "assignment": "toy",
        "student": "ada",
        "key": "ada",
        "status": "graded",
        "points": 0,
        "possible": 2,
        "questions": (QuestionScore(name="q", title="Q", points=0, possible=2),),
        "results": (result,),
    }
    return GradeRecord(**(fields | changes))


def test_a_record_survives_its_json(tmp_path) -> None:
    storage.write(record(), tmp_path / "new" / "record.json")
    assert storage.read(GradeRecord, tmp_path / "new" / "record.json") == record()
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["record.json"]


@pytest.mark.parametrize("text", [b"", b"{}", b"\xff", b'{"schema": 1, "more": 2}'])
def test_what_is_not_a_record_is_refused_by_name(tmp_path, text: bytes) -> None:
    (tmp_path / "record.json").write_bytes(text)
    with pytest.raises(CourseError, match=r"record\.json: is not a GradeRecord"):
        storage.read(GradeRecord, tmp_path / "record.json")
