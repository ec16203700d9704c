"""What Canvas, Moodle and Blackboard are given is what the gradebook says; or nothing is written."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradeprop.core.errors import CourseError
from gradeprop.course.config import read_assignment
from gradeprop.integrations.lms.columns import ExportOptions
from gradeprop.integrations.lms.export import prepare_export
from gradeprop.integrations.lms.platforms import BLACKBOARD, CANVAS, MOODLE, PLATFORMS, Platform
from gradeprop.integrations.lms.roster import read_roster
from gradeprop.results import gradebook
from tests.integrations.lms_course import PEOPLE, Course, canvas_rows, exported, record


def test_canvas_gets_its_own_rows_with_our_grades(course: Course) -> None:
    done = course.export(CANVAS, "--roster", str(course.roster(CANVAS)))
    assert done.exit_code == 0, done.output
    points, ada, bob, lei, zoe = course.read(CANVAS)
    assert list(ada) == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Doubling (77)"]
    assert (points["Student"], points["Doubling (77)"]) == ("    Points Possible", "15")
    assert ada == {
        "Student": PEOPLE["ada"],
        "ID": "9",
        "SIS User ID": "S0",
        "SIS Login ID": "ada",
        "Section": "A and B",
        "Doubling (77)": "11.75",
    }
    assert [row["Doubling (77)"] for row in (bob, lei, zoe)] == ["", "", "0"]
    assert bob["Student"] == "'=1+1"
    assert "No grade for toy yet; still to be graded: written (bob)." in done.output
    assert "No grade for toy yet; still to be graded: double, held (李雷)." in done.output
    assert "eve" not in str(course.read(CANVAS))


def test_questions_are_columns_of_their_own(course: Course) -> None:
    course.export(CANVAS, "--questions")
    points, ada, bob, lei, _ = course.read(CANVAS)
    names = ["Doubling", "Doubling: double", "Doubling: held", "Doubling: written"]
    assert [points[name] for name in names] == ["15", "6", "4", "5"]
    assert [ada[name] for name in names] == ["11.75", "6", "3.5", "4.25"]
    assert [bob[name] for name in names] == ["", "6", "4", ""]
    lei = next(row for row in course.read(CANVAS) if row["SIS Login ID"] == "李雷")
    assert [lei[name] for name in names] == ["", "", "", "5"]


@pytest.mark.parametrize("platform", PLATFORMS.values(), ids=PLATFORMS)
def test_our_own_file_is_a_roster_again_and_changes_nothing(course: Course, platform: Platform) -> None:
    course.export(platform, "--roster", str(course.roster(platform)))
    written = (course.folder / f"to_{platform.name}").read_bytes()
    done = course.export(platform, "--roster", str(course.roster(platform, written)))
    assert done.exit_code == 0, done.output
    again = (course.folder / f"to_{platform.name}").read_bytes()
    assert again.replace("''=".encode(platform.encoding), "'=".encode(platform.encoding)) == written


HOSTILE = ["=cmd|' /C calc'!A0", "+1", "@SUM(A1)", "-2", 'say "hi"', "two\nlines", "a;b,c\td", "  =1", "\u202eada", "'"]


@settings(
    max_examples=200 if "ALL_TESTS" in os.environ else 25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    name=st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1),
    platform=st.sampled_from([CANVAS, MOODLE, BLACKBOARD]),
)
def test_any_name_goes_back_as_it_came_or_with_an_apostrophe(course: Course, name: str, platform: Platform) -> None:
    file = course.roster(platform, exported(platform, PEOPLE | {"ada": name}))
    export = prepare_export(course.paths, ExportOptions(platform, file, to=course.folder / f"to_{platform.name}"))
    export.write()
    ada = next(
        row for row in course.read(platform) if "ada" in [*row.values(), *(str(row.get("Email address")).split("@"))]
    )
    back = ada[read_roster(file, platform).header[0]]
    assert back == (f"'{name}" if name.lstrip(" ").startswith(tuple("=+-@\t\r\n＝＋－＠")) else name)
    assert "11.75" in ada.values()


def test_who_left_the_course_is_named_and_left_out(course: Course) -> None:
    roster = str(course.roster(CANVAS, canvas_rows("ada", "bob", "zoë")))
    done = course.export(CANVAS, "--roster", roster)
    assert done.exit_code == 0, done.output
    assert "Not in the roster, so not exported: 李雷. If they are still in the course" in done.output
    assert "students: 3, changed cells: 2" in done.output
    assert [row["SIS Login ID"] for row in course.read(CANVAS)[1:]] == ["ada", "bob", "zoë"]
    assert course.export(CANVAS, "--roster", roster, "--leave-out", "李雷").exit_code == 0
    assert [row["SIS Login ID"] for row in course.read(CANVAS)[1:]] == ["ada", "bob", "zoë"]
    assert "who submitted nothing" in course.export(CANVAS, "--leave-out", "nobody").output


def test_of_two_assignments_a_row_keeps_what_we_know_nothing_of(course: Course) -> None:
    """Zoë has no submission in the second; Canvas says 4 there, and goes on saying so."""
    shutil.copytree(course.paths.source / "toy", course.paths.source / "other")
    toml = course.paths.assignment("other").toml
    toml.write_text(toml.read_text().replace('"Doubling"', '"Other"'))
    course.paths.course_toml.write_text('title = "Two"\nassignments = ["toy", "other"]\n')
    other = read_assignment(course.paths, "other")
    gradebook.write([record("bob", 6, 4), record("ada", 6, 4)], other, course.url)
    done = course.export(CANVAS, "--roster", str(course.roster(CANVAS)))
    assert done.exit_code == 0, done.output
    table = [(row["SIS Login ID"], row["Doubling (77)"], row["Other (78)"]) for row in course.read(CANVAS)[1:]]
    assert table == [("ada", "11.75", ""), ("bob", "", ""), ("李雷", "", "4"), ("zoë", "0", "4")]


def test_points_that_differ_are_told(course: Course) -> None:
    done = course.export(CANVAS, "--roster", str(course.roster(CANVAS)), "--column", "toy=Other")
    assert "Other (78): 15 points in this file, 5 in Canvas; the import changes it to 15; to keep it" in done.output
    data = exported(BLACKBOARD).decode("utf-16").replace("15 Score", "100 Score").encode("utf-16")
    done = course.export(BLACKBOARD, "--roster", str(course.roster(BLACKBOARD, data)))
    assert "15 points in this file, 100 in Blackboard; change it there, or use --out-of 100" in done.output
    assert "without a submission, so their grades stay as they are: eve." in done.output


def test_who_is_excused_in_canvas_stays_excused(course: Course) -> None:
    data = exported(CANVAS).decode().replace(",S0,ada,A and B,,1,", ",S0,ada,A and B,,EX,").encode()
    done = course.export(CANVAS, "--roster", str(course.roster(CANVAS, data)))
    assert [row["Doubling (77)"] for row in course.read(CANVAS)] == ["15", "EX", "", "", "0"]
    assert "Doubling (77): EX in Canvas stays, for ada." in done.output


def test_a_title_that_the_roster_lacks_is_a_question(course: Course) -> None:
    """Canvas would make a second assignment of it."""
    data = exported(CANVAS).decode().replace("Doubling (77)", "Numbers, doubled (Lab 1) (77)").encode()
    data = data.replace(b"Numbers, doubled (Lab 1) (77)", b'"Numbers, doubled (Lab 1) (77)"')
    roster = str(course.roster(CANVAS, data))
    done = course.export(CANVAS, "--roster", roster)
    assert done.exit_code == 1
    assert "found no column 'Doubling'; its columns of grades are: 'Numbers, doubled (Lab 1)', 'Other';" in done.output
    assert "--column toy='Numbers, doubled (Lab 1)', or add a new column with --new-column" in done.output
    assert not (course.folder / "to_canvas").exists()
    assert course.export(CANVAS, "--roster", roster, "--column", "toy=Numbers, doubled (Lab 1)").exit_code == 0
    assert course.read(CANVAS)[1]["Numbers, doubled (Lab 1) (77)"] == "11.75"
    assert course.export(CANVAS, "--roster", roster, "--new-column").exit_code == 0
    assert course.read(CANVAS)[1]["Doubling"] == "11.75"


def test_points_are_scaled_to_what_the_platform_expects(course: Course) -> None:
    assert course.export(CANVAS, "--questions", "--out-of", "100").exit_code == 0
    points, ada, *_ = course.read(CANVAS)
    names = ["Doubling", "Doubling: double", "Doubling: held", "Doubling: written"]
    assert [points[name] for name in names] == ["100", "40", "26.6667", "33.3333"]
    assert [ada[name] for name in names] == ["78.3333", "40", "23.3333", "28.3333"]


def test_a_dry_run_shows_what_changes_and_writes_nothing(course: Course) -> None:
    assert "11.75" in course.export(CANVAS, "--dry-run").output
    assert not (course.folder / "to_canvas").exists()
    assert not course.paths.exported("canvas").exists()
    course.export(CANVAS)
    assert "Nothing has changed since the last export" in course.export(CANVAS, "--dry-run").output
    before = (course.folder / "to_canvas").read_bytes()
    course.by_hand("bob", 3)
    course.by_hand("zoë", 2)
    export = prepare_export(course.paths, ExportOptions(CANVAS))
    assert {(change.student, change.before, change.now) for change in export.changes} == {
        ("bob", "", "13"),
        ("zoë", "0", "2"),
    }
    shown = course.export(CANVAS, "--dry-run").output
    assert "bob" in shown
    assert "ada" not in shown
    assert (course.folder / "to_canvas").read_bytes() == before
    gone = prepare_export(course.paths, ExportOptions(CANVAS, left_out=frozenset({"ada"}))).changes
    assert [(change.before, change.now) for change in gone if change.student == "ada"] == [("11.75", None)]


def test_the_file_is_there_whole_or_not_at_all(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    course.export(CANVAS)
    before = (course.folder / "to_canvas").read_bytes()
    course.by_hand("bob", 3)
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    done = course.export(CANVAS)
    assert done.exit_code == 1
    assert "to_canvas cannot be written: No space left on device" in done.output
    assert (course.folder / "to_canvas").read_bytes() == before


def test_the_roster_is_never_written_over(course: Course) -> None:
    roster = course.roster(CANVAS)
    done = course.export(CANVAS, "--roster", str(roster), "--to", str(roster))
    assert (done.exit_code, roster.read_bytes()) == (1, exported(CANVAS))
    assert "is the roster itself" in done.output


def test_a_gradebook_that_cannot_be_read_is_a_sentence(course: Course) -> None:
    assert "the gradebook has no grades for hw9; it has: toy" in course.export(CANVAS, "hw9").output
    course.paths.gradebook.unlink()
    done = course.export(CANVAS)
    assert (done.exit_code, course.paths.gradebook.exists()) == (1, False)
    assert "there is no gradebook yet; gradeprop grade creates it" in done.output


def test_a_remembered_export_that_is_damaged_is_named(course: Course) -> None:
    course.export(CANVAS)
    course.paths.exported("canvas").write_text("{")
    with pytest.raises(CourseError, match=r"canvas\.json: is not a PastExport"):
        prepare_export(course.paths, ExportOptions(CANVAS))
