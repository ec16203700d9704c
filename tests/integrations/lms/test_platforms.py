"""Each platform finds in its file what its importer looks for."""

import csv
import io

from gradeprop.integrations.lms.platforms import BLACKBOARD, BRIGHTSPACE, CANVAS, GENERIC, MOODLE
from tests.integrations.lms_course import PEOPLE, Course, exported


def test_canvas_finds_in_it_what_its_importer_looks_for(course: Course) -> None:
    """No mark before the first word, a name that holds Student, ID next, Section last before the grades."""
    course.export(CANVAS)
    header, points, *rows = csv.reader(io.StringIO((course.folder / "to_canvas").read_text(encoding="utf-8")))
    assert header == ["Student", "ID", "SIS Login ID", "Section", "Doubling"]
    assert "Points Possible" in points[0]
    assert [row[2] for row in rows] == ["ada", "bob", "zoë", "李雷"]


def test_moodle_gets_a_dash_for_no_grade(course: Course) -> None:
    """A new grade item takes an empty cell for zero; a dash is what Moodle itself writes."""
    done = course.export(MOODLE, "--roster", str(course.roster(MOODLE)))
    assert done.exit_code == 0, done.output
    rows = {row["Email address"]: row for row in course.read(MOODLE)}
    grades = {mail: row["Assignment: Doubling (Real)"] for mail, row in rows.items()}
    assert grades == {"ada@uni.edu": "11.75", "bob@uni.edu": "-", "李雷@uni.edu": "-", "zoë@uni.edu": "0"}
    assert list(rows["ada@uni.edu"]) == [
        *("First name", "Last name", "ID number", "Email address", "Assignment: Doubling (Real)")
    ]


def test_blackboard_gets_back_its_encoding_its_tabs_and_its_column(course: Course) -> None:
    done = course.export(BLACKBOARD, "--roster", str(course.roster(BLACKBOARD)))
    assert done.exit_code == 0, done.output
    data = (course.folder / "to_blackboard").read_bytes()
    assert data.startswith(b"\xff\xfe")
    rows = {row["Username"]: row for row in course.read(BLACKBOARD)}
    assert rows["ada"]["Doubling [Total Pts: 15 Score] |4711"] == "11.75"
    assert rows["zoë"]["Last Name"] == PEOPLE["zoë"]
    names = {**PEOPLE, "ada": "A", "bob": "B", "李雷": "C"}
    commas = exported(BLACKBOARD, {name: plain.replace("\t", " ") for name, plain in names.items()})
    commas = commas.decode("utf-16").replace("\t", ",").encode("utf-8-sig")
    course.export(BLACKBOARD, "--roster", str(course.roster(BLACKBOARD, commas)))
    assert (course.folder / "to_blackboard").read_bytes().startswith(b'\xef\xbb\xbf"Last Name","First Name"')


def test_brightspace_gets_its_key_its_column_and_its_end_of_line(course: Course) -> None:
    """Names and other details must not be imported; each row ends with the mark."""
    done = course.export(BRIGHTSPACE, "--roster", str(course.roster(BRIGHTSPACE)))
    assert done.exit_code == 0, done.output
    header, *rows = csv.reader(io.StringIO((course.folder / "to_brightspace").read_text(encoding="utf-8")))
    assert [header[0], header[1], header[-1]] == ["OrgDefinedId", "Username", "End-of-Line Indicator"]
    assert header[2].startswith("Doubling Points Grade <")
    assert rows == [
        *(["#S0", "#ada", "11.75", "#"], ["#S1", "#bob", "", "#"]),
        *(["#S2", "#李雷", "", "#"], ["#S3", "#zoë", "0", "#"]),
    ]
    course.export(BRIGHTSPACE)
    assert course.read(BRIGHTSPACE)[0] == {
        "Username": "ada",
        "Doubling Points Grade": "11.75",
        "End-of-Line Indicator": "#",
    }


def test_any_other_table_comes_back_whole(course: Course) -> None:
    done = course.export(GENERIC, "--roster", str(course.roster(GENERIC)))
    assert done.exit_code == 0, done.output
    assert [list(row.values()) for row in course.read(GENERIC)] == [
        [PEOPLE["ada"], "ada", "x", "11.75"],
        ["'=1+1", "bob", "x", ""],
        [PEOPLE["李雷"], "李雷", "x", ""],
        [PEOPLE["zoë"], "zoë", "x", "0"],
        ["Eve", "eve", "x", ""],
    ]
