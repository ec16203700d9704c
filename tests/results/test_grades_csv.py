"""The class as a CSV that any program takes and no program runs."""

import csv
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from gradeprop.core.errors import JailError
from gradeprop.core.models import GradeRecord, QuestionScore
from gradeprop.results.grades_csv import write_csv
from gradeprop.results.score import StudentScore, of_record
from tests.results.gradebooks import HW as TWO_PARTS

HW = msgspec.structs.replace(TWO_PARTS, questions=TWO_PARTS.questions[:1])


def record(student: str, net: float = 6, **more: object) -> tuple[GradeRecord, StudentScore]:
    scores = (QuestionScore(name="net", title="", points=net, possible=6),)
    fields = {"status": "graded", "points": net, "possible": 6.0, "questions": scores, "results": ()} | more
    one = GradeRecord(gradeprop="0", assignment="hw", student=student, key=student, **fields)  # type: ignore[arg-type]
    return one, of_record(HW, one)


def read(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "autograded" / "grades.csv"


def test_each_record_is_a_row_in_the_order_of_names(file: Path) -> None:
    write_csv([record("bob", 4.5), record("Ada", problems=("no notebook",))], file)
    ada, bob = read(file)
    assert ada == {
        "student": "Ada",
        "name": "Ada",
        "status": "graded",
        "points": "6",
        "possible": "6",
        "automatic part": "6",
        "written part": "",
        "late penalty": "0",
        "net": "6",
        "not graded yet": "",
        "reason": "",
        "problems": "1",
    }
    assert (bob["student"], bob["points"], bob["net"]) == ("bob", "4.5", "4.5")


def test_a_written_answer_that_waits_leaves_the_points_empty_and_is_named(file: Path) -> None:
    one, _ = record("ada")
    write_csv([(one, of_record(TWO_PARTS, one))], file)
    (row,) = read(file)
    assert (row["points"], row["possible"], row["automatic part"], row["written part"]) == ("", "11", "6", "")
    assert (row["why"], row["not graded yet"]) == ("", "why")


def test_a_record_that_is_not_graded_has_no_points(file: Path) -> None:
    write_csv([record("ada", 0, status="needs_review", reason="test_x.py:3: broken, alas")], file)
    (row,) = read(file)
    assert (row["points"], row["net"], row["reason"]) == ("", "", "test_x.py:3: broken, alas")


NAMES = ["O'Neil, Zoë", 'say "hi"', "李雷", "a;b", "two\nlines", "a/b"]


def test_any_name_comes_back_as_it_was(file: Path) -> None:
    write_csv([record(name) for name in NAMES], file)
    assert {row["student"] for row in read(file)} == set(NAMES)
    assert set(pd.read_csv(file)["student"]) == set(NAMES)


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1"])
def test_no_text_is_taken_for_a_formula(name: str, file: Path) -> None:
    write_csv([record(name, reason=name)], file)
    (row,) = read(file)
    assert row["student"] == row["reason"] == f"'{name}"


def test_every_text_is_quoted_and_excel_is_told_the_encoding(file: Path) -> None:
    write_csv([record("ada")], file)
    first, second = file.read_bytes().splitlines()
    assert first.startswith(b'\xef\xbb\xbf"student","name"')
    assert second == b'"ada","ada","graded",6,6,6,"",0,6,"","",0'


def test_an_older_table_stays_whole_until_the_new_one_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_csv([record("ada")], file)
    before = file.read_bytes()
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("power cut")))
    with pytest.raises(JailError, match="power cut"):
        write_csv([record("bob")], file)
    assert file.read_bytes() == before


def test_a_class_of_nobody_is_a_header(file: Path) -> None:
    write_csv([], file)
    assert read(file) == []
