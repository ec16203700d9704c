"""A class as Canvas, Moodle or Blackboard hand it over: whose each file is, what is left out, and nothing is lost."""

import csv
import itertools
import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradeprop.cli.main import main
from gradeprop.core.assignment import Assignment
from gradeprop.core.paths import AssignmentPaths
from gradeprop.results import gradebook_scores
from gradeprop.submissions.lms_downloads import Download, detect_platform, open_lms_download, parse_name
from tests.factory import LINK, RIGHT, WRONG, canvas_name, moodle_name, write_files, zip_file, zip_of


@pytest.mark.parametrize(
    ("name", "student", "file"),
    [
        ("lovelaceada_12345_67890_student_code-1.py", "12345", "student_code-1.py"),
        ("müllerjürgen_LATE_12345_67890_hw 1.zip", "12345", "hw 1.zip"),
        ("anon_aB3xZ_67890_hw.zip", "anon_aB3xZ", "hw.zip"),
        ("LATE_anon_aB3xZ_67890_hw.zip", "anon_aB3xZ", "hw.zip"),
        ("lovelaceada_12345_text.html", "12345", "text.html"),
        ("Ada Lovelace_12345_assignsubmission_file_/student_code.py", "12345", "student_code.py"),
        ("Ada Lovelace_12345_assignsubmission_file/a/b.py", "12345", "a/b.py"),
        ("Participant_12345_assignsubmission_file_student_code.py", "12345", "student_code.py"),
        ("Ada Lovelace_12345_assignsubmission_onlinetext_/onlinetext.html", "12345", "onlinetext.html"),
        ("Lab 1_ada_attempt_2026-01-31-12-30-00_student_code.py", "ada", "student_code.py"),
        ("Lab 1_ada_attempt_2026-01-31-12-30-00.txt", "ada", ""),
        ("12345-678 - Ada L - Jan 31, 2026 1130 AM - student_code.py", "12345", "student_code.py"),
        ("12345-678 - Ada L - Jan 31, 2026 1130 AM/hw1/student_code.py", "12345", "hw1/student_code.py"),
        ("12345-678 - Ada L - 31 janv. 2026 11h30 - student_code.py", "12345", "student_code.py"),
    ],
)
def test_a_platforms_name_tells_student_and_file(name: str, student: str, file: str) -> None:
    assert (found := parse_name(name))
    assert (found.student, found.file) == (student, file)


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("Eve_66_assignsubmission_file_/Bob_77_assignsubmission_file_/student_code.py", "66"),
        ("66-1 - Eve - Jan 31, 2026 1130 AM - 77-1 - Bob - Jan 31, 2026 1130 AM - student_code.py", "66"),
        ("Lab_eve_attempt_2026-01-31-12-30-00_Lab_bob_attempt_2026-01-31-12-30-00_student_code.py", "eve"),
    ],
)
def test_cant_hand_in_for_another_by_the_name_of_a_file(name: str, student: str) -> None:
    assert (found := parse_name(name))
    assert found.student == student


@pytest.mark.parametrize(
    ("name", "students"),
    [
        ("eve_66_1_bob_77_2_student_code.py", {"66", "77"}),
        ("12345_678_98765_555_notes.txt", {"12345", "678", "98765"}),
        ("x_12345_678_98765_555_notes.txt", {"12345", "678", "98765"}),
        ("12345_LATE_98765_555_notes.txt", {"98765"}),
        ("la_501_7001_hw_3_4.py", {"501"}),
    ],
)
def test_a_name_in_canvas_that_can_be_read_in_two_ways_belongs_to_nobody(name: str, students: set[str]) -> None:
    assert (found := parse_name(name))
    assert {found.student, *found.rivals} == students


@pytest.mark.parametrize("name", ["student_code.py", "lab_3_code.py", "ada.zip", "ada+hw+2026-01-31 12:30:00 UTC"])
def test_other_names_are_nobodys(name: str) -> None:
    assert parse_name(name) is None
    assert detect_platform([name]) is None


CANVAS = {
    canvas_name("12345", "student_code-2.py"): RIGHT,
    canvas_name("12345", "history.json"): "{}",
    canvas_name("23456", "hw.zip", "babbagecharles", late=True): zip_of({"student_code.py": RIGHT}),
}


def unpack(files: Mapping[str, str | bytes], assignment: Assignment, tmp_path: Path) -> dict[str, object]:
    """By student the names of their files, or the one zip; under "" what was said."""
    (tmp_path / "all.zip").write_bytes(zip_of(files))
    with open_lms_download(tmp_path / "all.zip", assignment, tmp_path / "cache") as download:
        assert isinstance(download, Download)
        found: dict[str, object] = {
            student: sorted(file.name for file in path.iterdir()) if path.is_dir() else path.name
            for path, student in download.submissions
        }
        found[""] = " ".join(each.reason for each in download.unattributed)
    assert not list((tmp_path / "cache").glob("gradeprop-*/*"))
    return found


def test_files_of_one_student_come_together_under_the_names_that_were_asked_for(
    toy_assignment: Assignment, tmp_path: Path
) -> None:
    assert unpack(CANVAS, toy_assignment, tmp_path) == {
        "12345": ["history.json", "student_code.py"],
        "23456": "hw.zip",
        "": "",
    }
    inner = {f"hw1 submissions/{name}": data for name, data in CANVAS.items()}
    assert unpack(inner | {"__MACOSX/x": ""}, toy_assignment, tmp_path)["23456"] == "hw.zip"


def test_letters_of_a_zip_that_does_not_say_that_it_is_utf_8_are_read(
    toy_assignment: Assignment, tmp_path: Path
) -> None:
    files = {canvas_name("12345", "student_code.py", "müllerjörg"): RIGHT}
    said = zip_of(files)
    silent = re.sub(rb"(PK\x03\x04..|PK\x01\x02....).\x08", rb"\1\0\0", said, flags=re.DOTALL)
    assert silent != said
    (tmp_path / "all.zip").write_bytes(silent)
    with open_lms_download(tmp_path / "all.zip", toy_assignment, tmp_path / "cache") as download:
        assert isinstance(download, Download)
        assert [student for _, student in download.submissions] == ["12345"]
        assert not download.unattributed


def test_the_latest_attempt_counts_and_one_without_files_is_there_too(
    toy_assignment: Assignment, tmp_path: Path
) -> None:
    attempts = {f"Lab 1_ada_attempt_2026-01-{day}-12-30-00_{file}": file for day, file in (("02", "b.py"), ("10", "c"))}
    found = unpack(attempts | {"Lab 1_bob_attempt_2026-01-02-12-30-00.txt": "Name: Bob"}, toy_assignment, tmp_path)
    assert found == {"ada": ["c"], "bob": [], "": ""}


def test_of_several_submissions_in_brightspace_the_latest_counts(toy_assignment: Assignment, tmp_path: Path) -> None:
    times = {"Jan 31, 2026 1130 AM": WRONG, "Jan 31, 2026 130 PM": RIGHT, "Jan 4, 2026 900 PM": WRONG}
    files = {f"501-77 - Ada L - {time} - student_code.py": code for time, code in times.items()}
    zip_file(tmp_path / "all.zip", files | {"index.html": "x"})
    with open_lms_download(tmp_path / "all.zip", toy_assignment, tmp_path / "cache") as download:
        assert download
        ((path, student),) = download.submissions
        assert (student, download.attempts, download.unattributed) == ("501", {"501": "2026-01-31-13-30-00"}, ())
        assert (path / "student_code.py").read_text() == RIGHT


ABOUT = """
submission_1:
  :submitters:
  - :name: Ada Lovelace
    :sid: '501'
    :email: ada@uni.edu
  - :name: Bob
    :email: bob@uni.edu
submission_2:
  :submitters:
  - :name: Cy
"""


@pytest.mark.parametrize("about", [ABOUT, "not: [yaml", "a: 1", "[]", "submission_1: {:submitters: 3}"])
def test_gradescope_says_whose_each_submission_is_and_a_group_shares_one(
    about: str, toy_assignment: Assignment, tmp_path: Path
) -> None:
    names = ("submission_1/student_code.py", "submission_2/student_code.py", "submission_3/student_code.py")
    files = {f"assignment_9_export/{name}": RIGHT for name in names}
    zip_file(tmp_path / "all.zip", files | {"assignment_9_export/submission_metadata.yml": about})
    with open_lms_download(tmp_path / "all.zip", toy_assignment, tmp_path / "cache") as download:
        if about != ABOUT:
            assert download is None, "discovery says that it looks like a class"
            return
        assert download
        assert [student for _, student in download.submissions] == ["501", "bob@uni.edu", "Cy"]
        assert [each.path for each in download.unattributed] == ["submission_3/student_code.py"]


def test_two_logins_that_read_alike_are_not_made_one(toy_assignment: Assignment, tmp_path: Path) -> None:
    names = [f"Lab_{login}_attempt_2026-01-02-12-30-00_student_code.py" for login in ("jane_doe", "john_doe", "eve")]
    found = unpack(dict.fromkeys(names, RIGHT), toy_assignment, tmp_path)
    assert "eve" in found
    assert "doe" not in found
    assert "Lab_jane_doe and Lab_john_doe" in str(found[""])


def test_what_is_named_otherwise_doubled_or_too_large_is_said_and_the_others_are_taken(
    toy_assignment: Assignment, tmp_path: Path
) -> None:
    bomb = bytes(2**20 * (toy_assignment.limits.submission_mib + 1))
    odd = {"notes.txt": "x", "/etc/ada_1_2_x.py": "x", "../ada_1_2_x.py": "x", "bomb_34_1_x.bin": bomb}
    found = unpack(CANVAS | odd, toy_assignment, tmp_path)
    assert found.keys() == {"12345", "23456", ""}
    for what in ("notes.txt", "/etc/ada_1_2_x.py", "../ada_1_2_x.py", "bomb_34_1_x.bin makes the submission larger"):
        assert what in str(found[""])


def test_a_link_in_a_zip_leads_nowhere(toy_assignment: Assignment, tmp_path: Path) -> None:
    files = {"eve_66_1_student_code.py": "/etc/passwd", "ada_12_1_student_code.py": RIGHT}
    zip_file(tmp_path / "all.zip", files, modes={"eve_66_1_student_code.py": LINK})
    with open_lms_download(tmp_path / "all.zip", toy_assignment, tmp_path / "cache") as download:
        assert download
        assert [student for _, student in download.submissions] == ["12"]
        assert "eve_66_1_student_code.py is a link" in download.unattributed[0].reason


@pytest.mark.parametrize("name", ["1-1 - x" + " - " * 6_000 + "2020 " * 6_000, "1_" * 30_000])
def test_a_name_of_a_zip_that_takes_the_patterns_hours_is_nobodys(name: str) -> None:
    assert parse_name(name) is None


@pytest.mark.parametrize(
    "about",
    [
        f"a: {'9' * 5_000}",
        "a: 2026-99-99",
        f"submission_1: {{:submitters: [{{:sid: -{'9' * 4_000}}}]}}",
        "x: &a [1, 1]\n" + "".join(f"y{n}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for n, (a, b) in enumerate(
            itertools.pairwise("abcdefghi")
        )) + "submission_1: {:submitters: [{:sid: *i}]}",
        "x: &a {k: 1}\n" + "".join(f"y{n}: &{b} {{<<: [{', '.join([f'*{a}'] * 9)}]}}\n" for n, (a, b) in enumerate(
            itertools.pairwise("abcdefghi")
        )),
    ],
    ids=["5,000 digits", "a day that is none", "an id of 4,000 digits", "a list of a billion", "merge keys"],
)  # fmt: skip
def test_metadata_that_are_small_and_unpack_to_gigabytes_are_none(
    about: str, toy_assignment: Assignment, tmp_path: Path
) -> None:
    zip_file(tmp_path / "all.zip", {"submission_1/student_code.py": RIGHT, "submission_metadata.yml": about})
    with open_lms_download(tmp_path / "all.zip", toy_assignment, tmp_path / "cache") as download:
        assert download is None


def test_cant_hand_in_for_others_by_names_in_ones_own_zip(toy: AssignmentPaths, tmp_path: Path) -> None:
    """A single zip that is named for a known student is theirs, and no download of a class."""
    grade = ["--course", str(toy.course.root), "grade", "toy"]
    (tmp_path / "roster.csv").write_text('Student,ID,SIS Login ID\n"Babbage, Charles",23456,bob\n"E",34567,eve\n')
    CliRunner().invoke(main, ["--course", str(toy.course.root), "roster", "import", str(tmp_path / "roster.csv")])
    for name in ("eve.zip", "34567.zip"):
        (tmp_path / name).write_bytes(zip_of({"charles_23456_99_student_code.py": WRONG, "a_12345_98_x.py": WRONG}))
        result = CliRunner().invoke(main, [*grade, str(tmp_path / name)])
        assert "download" not in result.output
        assert points(toy).keys() <= {"eve"}, result.output


def test_a_students_own_zip_is_no_class(toy_assignment: Assignment, tmp_path: Path) -> None:
    files = {"student_code.py": RIGHT, "history.json": "{}", "bob_12_34_student_code.py": RIGHT}
    (tmp_path / "ada.zip").write_bytes(zip_of(files))
    with open_lms_download(tmp_path / "ada.zip", toy_assignment, tmp_path) as download:
        assert download is None


def test_a_download_is_graded_from_the_command_as_zip_and_as_folder(toy: AssignmentPaths, tmp_path: Path) -> None:
    toy.toml.write_text(toy.toml.read_text() + "\n[late]\npercent-per-day = 10\n")
    (tmp_path / "roster.csv").write_text('Student,ID,SIS Login ID\n"Babbage, Charles",23456,bob\n')
    CliRunner().invoke(main, ["--course", str(toy.course.root), "roster", "import", str(tmp_path / "roster.csv")])
    (tmp_path / "all.zip").write_bytes(zip_of(CANVAS | {"readme.txt": "x"}))
    result = CliRunner().invoke(main, ["--course", str(toy.course.root), "grade", "toy", str(tmp_path / "all.zip")])
    assert result.exit_code == 1
    assert "download from Canvas with 2 students" in result.output
    assert "readme.txt does not follow the naming scheme of Canvas" in result.output
    assert "Not in the roster, and graded under the name of the submission: 12345." in result.output
    assert points(toy) == {"12345": "10", "bob": "10"}, "by the roster, which knows the platform's number of one"
    (scores,) = gradebook_scores.read_course(toy.course)
    assert [score.ungraded for score in scores.scores] == [("written",), ("written", "days late")]
    if "ALL_TESTS" not in os.environ:
        return
    moodle = write_files(tmp_path / "moodle", {moodle_name("77", "student_code.py"): WRONG})
    result = CliRunner().invoke(main, ["--course", str(toy.course.root), "grade", "toy", str(moodle)])
    assert result.exit_code == 0, result.output
    assert points(toy) == {"12345": "10", "bob": "10", "77": "2"}
    (tmp_path / "ada.zip").write_bytes(b"PK\x03\x04")  # one student's, cut short: a record says so
    result = CliRunner().invoke(main, ["--course", str(toy.course.root), "grade", "toy", str(tmp_path / "ada.zip")])
    assert "ada.zip is not a zip" in result.output


def points(toy: AssignmentPaths) -> dict[str, str]:
    with toy.grades_csv.open(encoding="utf-8-sig", newline="") as file:
        return {row["student"]: row["automatic part"] for row in csv.DictReader(file) if row["student"]}
