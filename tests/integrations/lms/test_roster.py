"""A roster that fits is matched with the gradebook; one that does not is a sentence, and nothing is written."""

import pytest

from gradeprop.integrations.lms.platforms import CANVAS, MOODLE
from tests.integrations.lms_course import CANVAS_FILE, PEOPLE, Course, canvas_rows, exported, line, record

ALL = tuple(PEOPLE)
BAD: dict[str, tuple[bytes, str]] = {
    "an unknown student": (
        canvas_rows("ada", "bob", "zoë"),
        "found no row for 李雷 in the columns SIS Login ID, SIS User ID, ID;",
    ),
    "a doubled row": (canvas_rows(*ALL, "ADA"), "found more than one row for ada, expected one each"),
    "no login": (
        b"Student,Section\nada,A\n",
        "expected the columns ID and Section and Student and one of SIS Login ID",
    ),
    "another platform's": (exported(MOODLE), "it looks like an export of Moodle"),
    "another table": (b"a,b\n1,2\n", "found a, b"),
    "nothing": (b"", "found no table"),
    "a workbook": (b"PK\x03\x04...", "is a workbook or a zip"),
    "Latin 1": (exported(CANVAS).replace("ë".encode(), b"\xeb"), "line 7 is neither UTF-8 nor UTF-16"),
    "cut short": (canvas_rows(*ALL)[:-6], "row 7 has 5 cells, expected 9 as in the header"),
    "a quote left open": (b'Student,ID,SIS Login ID,Section\n"ada,1,ada,A\n', "found no table"),
    "the same column twice": (canvas_rows(*ALL).replace(b"Notes", b"ID"), "the column 'ID' occurs more than once"),
    "two columns of one title": (
        canvas_rows(*ALL).replace(b"Other", b"doubling"),
        "both match; choose one with --column HW=TITLE",
    ),
}


def test_a_blank_line_is_no_student(course: Course) -> None:
    done = course.export(CANVAS, "--roster", str(course.roster(CANVAS, canvas_rows(*PEOPLE) + b"\n")))
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("bad", BAD)
def test_a_roster_that_does_not_fit_is_a_sentence_and_nothing_is_written(bad: str, course: Course) -> None:
    data, says = BAD[bad]
    before = sorted(course.paths.root.rglob("*"))
    done = course.export(CANVAS, "--roster", str(course.roster(CANVAS, data)))
    assert done.exit_code == 1
    assert says in done.output
    assert "from_canvas: " in done.output
    assert not (course.folder / "to_canvas").exists()
    assert sorted(course.paths.root.rglob("*")) == before


def test_two_students_of_the_gradebook_may_not_share_a_row(course: Course) -> None:
    course.grade(record("S0", 1, 1))
    done = course.export(CANVAS, "--roster", str(course.roster(CANVAS)))
    assert done.exit_code == 1
    assert "the students S0, ada of the gradebook match the same row" in done.output


def test_a_student_is_known_by_login_mail_or_any_id(course: Course) -> None:
    course.grade(record("31415", 6, 4), record("S9", 6, 4), record("dora@uni.edu", 6, 4), record("fay/x", 6, 4))
    logins = [*ALL, "c", "d", "dora@uni.edu", "Fay/X"]
    ids = ["", "", "", "", "31415", "", "", ""]
    sis = ["", "", "", "", "", "S9", "", ""]
    table = zip(logins, ids, sis, strict=True)
    data = CANVAS_FILE + "".join(line(name, own, other, name, "A", "", "", "", "") for name, own, other in table)
    done = course.export(CANVAS, "--roster", str(course.roster(CANVAS, data.encode())))
    assert done.exit_code == 0, done.output
    assert [row["Student"] for row in course.read(CANVAS)[1:]] == logins


def test_moodles_grading_worksheet_knows_the_numbers_of_its_downloads(course: Course) -> None:
    course.grade(record("31415", 6, 4))
    course.by_hand("31415", 5)
    header = line("Identifier", "Full name", "Email address", "Status", "Grade")
    people = [line(f"Participant {n}", name, f"{name}@uni.edu", "", "") for n, name in enumerate([*ALL, "dora"], 31411)]
    roster = course.roster(MOODLE, (header + "".join(people)).encode())
    done = course.export(MOODLE, "--roster", str(roster))
    assert done.exit_code == 0, done.output
    assert {row["Email address"]: row["Doubling"] for row in course.read(MOODLE)}["dora@uni.edu"] == "15"


def test_a_column_may_have_another_name_there(course: Course) -> None:
    roster = str(course.roster(CANVAS))
    assert course.export(CANVAS, "--roster", roster, "--column", "toy=Other").exit_code == 0
    assert course.read(CANVAS)[1]["Other (78)"] == "11.75"
    unknown = course.export(CANVAS, "--roster", roster, "--column", "toy=Homework 9")
    assert unknown.exit_code == 1
    assert "found no column 'Homework 9'; its columns are: Student, ID" in unknown.output
    assert course.export(CANVAS, "--column", "toy").exit_code == 2
    assert "--column names top, which is not exported" in course.export(CANVAS, "--column", "top=Other").output
