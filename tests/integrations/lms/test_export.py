"""What Canvas, Moodle and Blackboard are given is what the gradebook says of whom they know; or nothing is written."""

import csv
import io
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbgrader.api import Gradebook
from nbgrader.apps import ExportApp
from nbgrader.coursedir import CourseDirectory

from gradeprop.cli.main import main
from gradeprop.core.errors import CourseError
from gradeprop.core.models import GradeRecord, QuestionScore
from gradeprop.core.paths import AssignmentPaths, student_key
from gradeprop.course.config import read_assignment
from gradeprop.integrations.lms import export as lms
from gradeprop.integrations.lms.platforms import BLACKBOARD, CANVAS, MOODLE, PLATFORMS, Platform
from gradeprop.integrations.lms.roster import read_roster
from gradeprop.integrations.nbgrader import exporters
from gradeprop.results import gradebook
from tests.conftest import REPOSITORY, copy_toy

PEOPLE = {"ada": 'Lovelace, Ada "Countess"', "bob": "=1+1", "李雷": "李, 雷", "zoë": "O'Neil\tZoë"}

CANVAS_FILE = "Student,ID,SIS User ID,SIS Login ID,Section,Notes,Doubling (77),Other (78),Current Score\n" + (
    ",,,,,,Manual Posting,,\n    Points Possible,,,,,,15,5,(read only)\n"
)
MOODLE_FILE = '"First name","Last name","ID number",Institution,"Email address","Assignment: Doubling (Real)","Last downloaded from this course"\n'  # noqa: E501
BLACKBOARD_FILE = '"Last Name"\t"First Name"\t"Username"\t"Student ID"\t"Last Access"\t"Availability"\t"Doubling [Total Pts: 15 Score] |4711"\n'  # noqa: E501


def line(*cells: str, delimiter: str = ",") -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerow(cells)
    return text.getvalue()


def exported(platform: Platform, people: dict[str, str] = PEOPLE) -> bytes:
    """A class as a platform exports it, with a student who never handed in and what else is in such files."""
    everyone = list(enumerate([*people.items(), ("eve", "Eve")]))
    if platform is CANVAS:
        rows = [line(name, str(9 + n), f"S{n}", login, "A and B", "", "1", "4", "20") for n, (login, name) in everyone]
        return (CANVAS_FILE + "".join(rows) + line("Student, Test", "99", "", "a1b2", "A", "", "", "", "")).encode()
    if platform is MOODLE:
        rows = [line(name, "x", f"S{n}", "", f"{login}@uni.edu", "-", "1700") for n, (login, name) in everyone]
        return (MOODLE_FILE + "".join(rows)).encode()
    rows = [line(name, "x", login, f"S{n}", "", "Yes", "", delimiter="\t") for n, (login, name) in everyone]
    return (BLACKBOARD_FILE + "".join(rows)).encode("utf-16")


def record(student: str, double: float, held: float, **more: Any) -> GradeRecord:
    points = {"double": (double, 6), "held": (held, 4)}
    scores = tuple(QuestionScore(name=n, title="", points=p, possible=m) for n, (p, m) in points.items())
    fields = {"status": "graded", "points": double + held, "possible": 10, "results": ()} | more
    return GradeRecord(
        gradeprop="0", assignment="toy", student=student, key=student_key(student), questions=scores, **fields
    )


class Course:
    """A toy course in which people have grades."""

    def __init__(self, paths: AssignmentPaths, folder: Path) -> None:
        self.paths, self.folder = paths.course, folder
        self.url = f"sqlite:///{self.paths.gradebook}"
        self.assignment = read_assignment(self.paths, "toy")

    def grade(self, *records: GradeRecord) -> None:
        gradebook.write(records, self.assignment, self.url)

    def by_hand(self, student: str, points: float, penalty: float = 0.0) -> None:
        """As formgrader and nbgrader's late plugin leave it."""
        with Gradebook(self.url) as book:
            grade = book.find_grade("written", "toy", "toy", student)
            grade.manual_score, grade.needs_manual_grade = points, False
            book.find_submission_notebook("toy", "toy", student).late_submission_penalty = penalty
            book.db.commit()

    def roster(self, platform: Platform, data: bytes | None = None) -> Path:
        file = self.folder / f"from_{platform.name}"
        file.write_bytes(exported(platform) if data is None else data)
        return file

    def export(self, platform: Platform, *options: str) -> Result:
        to = self.folder / f"to_{platform.name}"
        return CliRunner().invoke(
            main, ["--course", str(self.paths.root), "export", platform.name, "--to", str(to), *options]
        )

    def read(self, platform: Platform) -> list[dict[str, str]]:
        """Read the written file as the platform would."""
        text = (self.folder / f"to_{platform.name}").read_bytes().decode(platform.encoding)
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=platform.delimiter, strict=True))


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gradebook: Ada has all, late; Bob waits for a person; 李雷's record is held back; Zoë has nothing right."""
    folder = tmp_path_factory.mktemp("graded")
    course = Course(copy_toy(folder / "course"), folder)
    held = record("李雷", 0, 0, status="needs_review", reason="broken")
    course.grade(record("ada", 6, 3.5), record("bob", 6, 4), held, record("zoë", 0, 0))
    course.by_hand("ada", 4.25, penalty=2)
    course.by_hand("李雷", 5)
    course.by_hand("zoë", 0, penalty=3)
    return course.paths.gradebook


@pytest.fixture
def course(toy: AssignmentPaths, tmp_path: Path, graded: Path) -> Course:
    """A private copy of it, in a course of its own."""
    shutil.copy(graded, toy.course.gradebook)
    return Course(toy, tmp_path)


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
    assert "No grade for toy yet, since a person is to look at written: bob." in done.output
    assert "No grade for toy yet, since a person is to look at double, held: 李雷." in done.output
    assert "eve" not in str(course.read(CANVAS))


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
    made = lms.make(course.paths, lms.ExportOptions(platform, file, to=course.folder / f"to_{platform.name}"))
    made.write()
    ada = next(
        row for row in course.read(platform) if "ada" in [*row.values(), *(str(row.get("Email address")).split("@"))]
    )
    back = ada[read_roster(file, platform).header[0]]
    assert back == (f"'{name}" if name.lstrip(" ").startswith(tuple("=+-@\t\r\n＝＋－＠")) else name)
    assert "11.75" in ada.values()


def rows(*logins: str) -> bytes:
    return (
        CANVAS_FILE + "".join(line(login, str(n), "", login, "A", "", "", "", "") for n, login in enumerate(logins))
    ).encode()


ALL = tuple(PEOPLE)
BAD: dict[str, tuple[bytes, str]] = {
    "an unknown student": (rows("ada", "bob", "zoë"), "no row for 李雷, looked for in SIS Login ID, SIS User ID, ID."),
    "a doubled row": (rows(*ALL, "ADA"), "more than one row for ada; which is theirs?"),
    "no login": (b"Student,Section\nada,A\n", "needs the columns ID and Section and Student and one of SIS Login ID"),
    "another platform's": (exported(MOODLE), "it looks like Moodle's"),
    "another table": (b"a,b\n1,2\n", "and has a, b"),
    "nothing": (b"", "and has no table at all"),
    "a workbook": (b"PK\x03\x04...", "is a workbook or a zip"),
    "Latin 1": (exported(CANVAS).replace("ë".encode(), b"\xeb"), "line 7 is neither UTF-8 nor UTF-16"),
    "cut short": (rows(*ALL)[:-6], "row 7 has 5 cells, and the header 9"),
    "a quote left open": (b'Student,ID,SIS Login ID,Section\n"ada,1,ada,A\n', "has no table at all"),
    "the same column twice": (rows(*ALL).replace(b"Notes", b"ID"), "the column 'ID' is there twice"),
    "two columns of one title": (rows(*ALL).replace(b"Other", b"doubling"), "could both be meant; --column HW=TITLE"),
}


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
    assert "S0, ada of the gradebook all have one row; who are they?" in done.output


def test_who_left_the_course_can_be_left_out(course: Course) -> None:
    roster = str(course.roster(CANVAS, rows("ada", "bob", "zoë")))
    assert course.export(CANVAS, "--roster", roster, "--leave-out", "李雷").exit_code == 0
    assert [row["SIS Login ID"] for row in course.read(CANVAS)[1:]] == ["ada", "bob", "zoë"]
    assert "who handed in nothing" in course.export(CANVAS, "--leave-out", "nobody").output


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


def test_a_column_may_have_another_name_there(course: Course) -> None:
    roster = str(course.roster(CANVAS))
    assert course.export(CANVAS, "--roster", roster, "--column", "toy=Other").exit_code == 0
    assert course.read(CANVAS)[1]["Other (78)"] == "11.75"
    records_to_write = course.export(CANVAS, "--roster", roster, "--column", "toy=Homework 9")
    assert records_to_write.exit_code == 1
    assert "it has no column 'Homework 9'; it has: Student, ID" in records_to_write.output
    assert course.export(CANVAS, "--column", "toy").exit_code == 2
    assert "--column names top, which is not exported" in course.export(CANVAS, "--column", "top=Other").output


def test_points_that_differ_are_told(course: Course) -> None:
    done = course.export(CANVAS, "--roster", str(course.roster(CANVAS)), "--column", "toy=Other")
    assert "Other (78): 15 points here, 5 in Canvas; the import changes that." in done.output
    data = exported(BLACKBOARD).decode("utf-16").replace("15 Score", "100 Score").encode("utf-16")
    done = course.export(BLACKBOARD, "--roster", str(course.roster(BLACKBOARD, data)))
    assert "15 points here, 100 in Blackboard; change it there" in done.output


def test_a_dry_run_shows_what_changes_and_writes_nothing(course: Course) -> None:
    assert "11.75" in course.export(CANVAS, "--dry-run").output
    assert not (course.folder / "to_canvas").exists()
    assert not course.paths.exported("canvas").exists()
    course.export(CANVAS)
    assert "nothing has changed since the last export" in course.export(CANVAS, "--dry-run").output
    before = (course.folder / "to_canvas").read_bytes()
    course.by_hand("bob", 3)
    course.by_hand("zoë", 2)
    made = lms.make(course.paths, lms.ExportOptions(CANVAS))
    assert {(change.student, change.before, change.now) for change in made.changes} == {
        ("bob", "", "13"),
        ("zoë", "0", "2"),
    }
    shown = course.export(CANVAS, "--dry-run").output
    assert "bob" in shown
    assert "ada" not in shown
    assert (course.folder / "to_canvas").read_bytes() == before
    gone = lms.make(course.paths, lms.ExportOptions(CANVAS, left_out=frozenset({"ada"}))).changes
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


def test_a_gradebook_that_cannot_be_read_is_a_sentence(course: Course, tmp_path: Path) -> None:
    assert "nothing of hw9 has been graded; it holds: toy" in course.export(CANVAS, "hw9").output
    with sqlite3.connect(course.paths.gradebook) as database:
        database.execute("UPDATE alembic_version SET version_num = '167914646830'")
    database.close()
    before = course.paths.gradebook.read_bytes()
    old = course.export(CANVAS)
    assert (old.exit_code, course.paths.gradebook.read_bytes()) == (1, before)
    assert "no gradebook of the installed nbgrader (its version is 167914646830, not" in old.output
    course.paths.gradebook.write_bytes(b"SQLite format 2")
    assert "the gradebook cannot be read" in course.export(CANVAS).output
    course.paths.gradebook.unlink()
    assert "there is no gradebook yet; gradeprop grade makes it" in course.export(CANVAS).output
    assert not course.paths.gradebook.exists()


def test_a_remembered_export_that_is_damaged_is_named(course: Course) -> None:
    course.export(CANVAS)
    course.paths.exported("canvas").write_text("{")
    with pytest.raises(CourseError, match=r"canvas\.json: not a Exported"):
        lms.make(course.paths, lms.ExportOptions(CANVAS))


def test_nbgrader_exports_the_same_file(course: Course) -> None:
    roster = course.roster(MOODLE)
    config = f"c = get_config()\nc.CourseDirectory.db_url = {course.url!r}\n"
    (course.paths.root / "nbgrader_config.py").write_text(config)
    exporter = "gradeprop.integrations.nbgrader.exporters.Moodle"
    options = [f"--exporter={exporter}", "--to", "by_nbgrader.csv", f"--Moodle.roster={roster}"]
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", "export", *options],
        cwd=course.paths.root,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY.root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "No grade for toy yet, since a person is to look at written: bob." in done.stderr
    course.export(MOODLE, "--roster", str(roster))
    assert (course.paths.root / "by_nbgrader.csv").read_bytes() == (course.folder / "to_moodle").read_bytes()


def test_nbgrader_ends_with_the_sentence_and_exports_whom_it_is_told(course: Course) -> None:
    app = ExportApp()
    app.coursedir = CourseDirectory(root=str(course.paths.root))
    to = str(course.folder / "to_canvas")
    with Gradebook(course.url) as book:
        exporters.Canvas(parent=app, to=to, student=["ada"], assignment=["toy"]).export(book)
        assert [row["SIS Login ID"] for row in course.read(CANVAS)] == ["", "ada"]
        with pytest.raises(SystemExit, match="Error: .*from_moodle: is no gradebook exported by Moodle"):
            exporters.Moodle(parent=app, to=to, roster=str(course.roster(MOODLE, b"a,b"))).export(book)
