"""A roster that fits is matched with the gradebook; one that does not is a sentence, and nothing is written."""

import pytest

from gradeprop.integrations.lms.platforms import CANVAS, GENERIC, MOODLE
from tests.integrations.lms_course import CANVAS_FILE, PEOPLE, Course, canvas_rows, exported, line, record

ALL = tuple(PEOPLE)
NUMBERED = list(enumerate([*ALL, "dora"], 31411))
GRADES = ("11.75", "", "", "0", "15")
WORKSHEETS = {
    "English": (
        ["Identifier", "Status", "Grade", "Maximum grade", "Grade can be changed", "Last modified (grade)", "Feedback"],
        *("Participant ", "Yes", "100.00"),
    ),
    "German": (
        ["ID", "Status", "Bewertung", "Bestwertung", "Bewertung kann geändert werden", "Zuletzt geändert", "Feedback"],
        *("Teilnehmer/in", "Ja", "100,00"),
    ),
    "Chinese": (["编号", "状态", "成绩", "最高分", "成绩可以更改", "最后修改", "反馈"], "参与者", "是", "20.00"),
}
BAD: dict[str, tuple[bytes, str]] = {
    "another course's": (
        canvas_rows("eve", "dora", "ada"),
        "found no row for 3 of 4 students in the columns SIS Login ID, SIS User ID, ID (bob, zoë, 李雷); is it the",
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


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b",,,,,,,,\n", b'""\n'])
def test_a_blank_line_is_no_student(blank: bytes, course: Course) -> None:
    done = course.export(CANVAS, "--roster", str(course.roster(CANVAS, canvas_rows(*PEOPLE) + blank)))
    assert done.exit_code == 0, done.output
    assert len(course.read(CANVAS)) == 1 + len(PEOPLE)


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
    header = line("Identifier", "Full name", "Email address", "Status", "Grade", "Maximum Grade")
    people = [line(f"Participant {n}", name, f"{name}@uni.edu", "", "-", "15.00") for n, name in NUMBERED]
    roster = course.roster(MOODLE, (header + "".join(people)).encode())
    done = course.export(MOODLE, "--roster", str(roster))
    assert done.exit_code == 0, done.output
    rows = {row["Identifier"]: row["Grade"] for row in course.read(MOODLE)}
    assert rows == {f"Participant {n}": grade for (n, _), grade in zip(NUMBERED, GRADES, strict=True)}


@pytest.mark.parametrize("language", WORKSHEETS)
def test_a_worksheet_in_any_language_comes_back_with_its_grades_alone_changed(language: str, course: Course) -> None:
    """Moodle finds columns by titles in the language of the person who imports, and participants by its own word."""
    header, participant, yes, maximum = WORKSHEETS[language]
    course.grade(record("31415", 6, 4), record("31416", 6, 4))
    course.by_hand("31415", 5)
    rows = [[f"{participant}{n}", "x", "-", maximum, yes, "-", "="] for n in range(31411, 31419)]
    roster = course.roster(MOODLE, (line(*header) + "".join(line(*row) for row in rows)).encode())
    out = [name for name in PEOPLE for name in ("--leave-out", name)]
    done = course.export(MOODLE, "--roster", str(roster), *out)
    assert done.exit_code == 0, done.output
    back = [list(row.values()) for row in course.read(MOODLE)]
    assert back == [[*row[:2], "15" if row is rows[4] else "", *row[3:-1], "'="] for row in rows]
    their = maximum[:-3]
    assert (
        f"15 points in this file, {their} in Moodle; Moodle takes grades out of {their}, and leaves out" in done.output
    )
    assert course.export(MOODLE, "--roster", str(roster), *out, "--out-of", "100").exit_code == 0
    assert list(course.read(MOODLE)[4].values())[2] == "100"
    assert "has one column of grades" in course.export(MOODLE, "--roster", str(roster), "--questions").output


def test_a_gradebook_of_moodle_in_another_language_is_known_by_its_mail_addresses(course: Course) -> None:
    data = exported(MOODLE).decode().replace("Email address", "E-Mail-Adresse").replace("First name", "Vorname")
    data = data.replace("Assignment: Doubling (Real)", "Aufgabe: Doubling (Punkte)")
    done = course.export(MOODLE, "--roster", str(course.roster(MOODLE, data.encode())))
    assert done.exit_code == 0, done.output
    ada = course.read(MOODLE)[0]
    assert (ada["E-Mail-Adresse"], ada["Aufgabe: Doubling (Punkte)"]) == ("ada@uni.edu", "11.75")


def test_the_column_of_ids_may_be_chosen(course: Course) -> None:
    data = exported(GENERIC).decode().replace("User-ID", "Matr.-Nr.").encode()
    roster = str(course.roster(GENERIC, data))
    assert "name it with --id-column" in course.export(GENERIC, "--roster", roster).output
    assert course.export(GENERIC, "--roster", roster, "--id-column", "Matr.-Nr.").exit_code == 0
    grades = {row["Matr.-Nr."]: (row["Group"], row["Doubling"]) for row in course.read(GENERIC)}
    assert grades == {"ada": ("x", "11.75"), "bob": ("x", ""), "李雷": ("x", ""), "zoë": ("x", "0"), "eve": ("x", "")}


def test_a_column_may_have_another_name_there(course: Course) -> None:
    roster = str(course.roster(CANVAS))
    assert course.export(CANVAS, "--roster", roster, "--column", "toy=Other").exit_code == 0
    assert course.read(CANVAS)[1]["Other (78)"] == "11.75"
    unknown = course.export(CANVAS, "--roster", roster, "--column", "toy=Homework 9")
    assert unknown.exit_code == 1
    assert (
        "found no column 'Homework 9'; its columns of grades are: 'Other', 'Doubling'; choose one with"
        in unknown.output
    )
    assert course.export(CANVAS, "--column", "toy").exit_code == 2
    assert "--column names top, which is not exported" in course.export(CANVAS, "--column", "top=Other").output
