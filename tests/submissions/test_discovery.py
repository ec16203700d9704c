"""Discovery: which paths are submissions, and whose."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import SubmissionError
from gradeprop.submissions import discovery
from gradeprop.submissions.discovery import Found, find_submissions
from gradeprop.submissions.inbox import Inbox
from gradeprop.submissions.reader import Member
from tests.factory import RIGHT, class_of, submission, write_files, zip_file


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A class of two folders and a zip, with a hidden file."""
    folder = class_of(tmp_path / "inbox", {"ada": RIGHT, "bob": RIGHT})
    zip_file(folder / "李雷.ZIP", {"student_code.py": RIGHT})
    (folder / ".DS_Store").write_bytes(b"")
    return folder


@pytest.fixture
def find(toy_assignment: Assignment) -> object:
    def call(*paths: Path, student: str | None = None, students: Sequence[str] = ()) -> Found:
        return find_submissions(paths, toy_assignment, student, students)

    return call


def names(found: Found) -> list[str]:
    return [student for _, student in found.submissions]


def test_a_folder_of_folders_and_zips_is_a_class(inbox: Path, find) -> None:
    assert names(find(inbox)) == ["ada", "bob", "李雷"]


@pytest.mark.parametrize(
    "stray", ["roster.csv", "Thumbs.db", "desktop.ini", "Desktop.ini", "notes.txt", "._ada", "report.pdf", ".gitignore"]
)
def test_a_stray_file_does_not_make_a_class_one_student(stray: str, inbox: Path, find) -> None:
    (inbox / stray).write_text("x")
    found = find(inbox)
    assert names(found) == ["ada", "bob", "李雷"]
    visible = stray in ("roster.csv", "notes.txt", "report.pdf")
    assert found.notes == ((f"{stray} is neither a folder nor a zip; it is left out.",) if visible else ())


@pytest.mark.parametrize("stray", ["eve.rar", "eve.7z", "eve.tar.gz", "eve.tgz"])
def test_another_archive_in_a_class_is_its_students(stray: str, inbox: Path, find) -> None:
    (inbox / stray).write_bytes(b"Rar!")
    assert names(find(inbox)) == ["ada", "bob", "eve", "李雷"]


def test_a_single_notebook_in_a_class_is_left_to_a_person(inbox: Path, find) -> None:
    (inbox / "eve.ipynb").write_text("{}")
    found = find(inbox)
    assert names(found) == ["ada", "bob", "李雷"]
    assert "eve.ipynb is a single file in a folder of submissions" in found.unattributed[0].reason
    (inbox / "student_code.py").write_text(RIGHT)
    with pytest.raises(SubmissionError, match="may be a class or one student's work"):
        find(inbox)


def test_a_link_in_a_class_is_left_to_a_person(inbox: Path, find) -> None:
    (inbox / "eve").symlink_to(inbox / "ada")
    (inbox / "dan").symlink_to(inbox / "nosuch")
    found = find(inbox)
    assert names(found) == ["ada", "bob", "李雷"]
    assert [each.reason for each in found.unattributed] == [
        "dan is a link, which is not followed.",
        "eve is a link, which is not followed.",
    ]


def test_a_file_that_is_no_archive_is_nobodys_submission(tmp_path: Path, find) -> None:
    write_files(tmp_path, {"student_code.py": RIGHT, "roster.csv": "id"})
    for name in ("student_code.py", "roster.csv"):
        with pytest.raises(SubmissionError, match=f"{name} is one file, and not a zip"):
            find(tmp_path / name)


def test_a_name_without_letters_is_no_student(inbox: Path, find) -> None:
    for nobody in ("", " "):
        with pytest.raises(SubmissionError, match="--student names nobody"):
            find(inbox / "ada", student=nobody)


def test_blanks_around_a_name_are_not_part_of_it(inbox: Path, find) -> None:
    submission(inbox / "eve ")
    assert names(find(inbox)) == ["ada", "bob", "eve", "李雷"]


def test_a_path_that_is_named_twice_is_one_submission(inbox: Path, find) -> None:
    assert names(find(inbox / "ada", inbox / "bob", inbox / "ada")) == ["ada", "bob"]


def test_a_folder_that_cannot_be_read_stops_nobody_else(inbox: Path, find, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = discovery.list_folder

    def refuse(path: Path) -> list[Member]:
        if path.name == "ada":
            raise SubmissionError("ada cannot be read: Permission denied.")
        return listed(path)

    monkeypatch.setattr(discovery, "list_folder", refuse)
    assert names(find(inbox)) == ["ada", "bob", "李雷"]


def test_an_empty_folder_is_one_submission(tmp_path: Path, find) -> None:
    (tmp_path / "eve").mkdir()
    assert find(tmp_path / "eve").submissions == ((tmp_path / "eve", "eve"),)


def test_a_submission_with_folders_of_its_own_is_one_submission(tmp_path: Path, find) -> None:
    folder = submission(tmp_path / "ada", files={"figures/a.png": "x", "data/b.txt": "x"})
    assert names(find(folder)) == ["ada"]
    backups = write_files(folder, {"old/student_code.py": "", "older/student_code.py": ""})
    with pytest.raises(SubmissionError, match="add --student NAME"):
        find(backups)
    assert names(find(backups, student="ada")) == ["ada"]


def test_one_folder_of_code_beside_a_report_is_a_question(tmp_path: Path, find) -> None:
    folder = write_files(tmp_path / "ada", {"src/student_code.py": RIGHT, "report.pdf": "x", "figures/a.png": "x"})
    with pytest.raises(SubmissionError, match="may be a class or one student's work"):
        find(folder)


def test_nbgraders_own_layout_is_known(tmp_path: Path, find) -> None:
    submitted = tmp_path / "submitted"
    for student in ("ada", "bob"):
        submission(submitted / student / "toy")
        write_files(submitted / student, {"other_hw/student_code.py": "", ".toy.arrived": ""})
    found = find(submitted)
    assert [(str(path.relative_to(submitted)), student) for path, student in found.submissions] == [
        ("ada/toy", "ada"),
        ("bob/toy", "bob"),
    ]
    assert names(find(submitted / "ada" / "toy")) == ["ada"]


def test_a_path_named_after_the_assignment_names_no_student(tmp_path: Path, find) -> None:
    zip_file(tmp_path / "toy.zip", {"student_code.py": RIGHT})
    with pytest.raises(SubmissionError, match="named after the assignment, not after a student"):
        find(tmp_path / "toy.zip")
    assert names(find(tmp_path / "toy.zip", student="ada")) == ["ada"]


@pytest.mark.parametrize(
    "inside",
    [
        ["multi_feedback/HW1/L_Ada_ada_501/student_code.py", "multi_feedback/HW1/B_Bob_bob_502/student_code.py"],
        ["HW 1/Ada L - student_code.py", "HW 1/Bob B - student_code.py"],
        ["class/ada/student_code.py", "class/bob/student_code.py"],
        ["ada_student_code.py", "bob_student_code.py"],
    ],
)
def test_an_archive_that_looks_like_a_class_is_recognised(inside: list[str], tmp_path: Path, find) -> None:
    zip_file(tmp_path / "hw1.zip", dict.fromkeys(inside, RIGHT))
    with pytest.raises(SubmissionError, match=r"looks like a class \(2 times the requested files\)"):
        find(tmp_path / "hw1.zip")


def test_the_inner_folder_of_a_submission_names_no_student_if_there_are_several_paths(inbox: Path, find) -> None:
    (inbox / "eve" / "alan").mkdir(parents=True)
    found = find(inbox / "ada", inbox / "eve")
    assert found.submissions == ((inbox / "ada", "ada"), (inbox / "eve", "eve"))


def test_a_student_can_be_named(inbox: Path, find) -> None:
    assert find(inbox / "ada", student="Ada L.").submissions == ((inbox / "ada", "Ada L."),)
    with pytest.raises(SubmissionError, match="names one student, but there are 2 submissions"):
        find(inbox / "ada", inbox / "bob", student="Ada L.")


def test_a_path_that_does_not_exist_is_refused(inbox: Path, find) -> None:
    with pytest.raises(SubmissionError, match="eve does not exist"):
        find(inbox / "eve")


def test_two_submissions_of_one_student_are_left_to_a_person_and_the_rest_is_graded(inbox: Path, find) -> None:
    zip_file(inbox / "ada.zip", {"student_code.py": RIGHT})
    found = find(inbox)
    assert names(found) == ["bob", "李雷"]
    assert [each.reason for each in found.unattributed] == [
        f"{name} is one of several submissions for ada (ada and ada.zip); keep one of them."
        for name in ("ada", "ada.zip")
    ]


def test_a_name_that_is_no_text_stops_nobody(inbox: Path, toy_assignment: Assignment) -> None:
    """No record, page or table could hold it; the kernel takes any bytes as a name."""
    for suffix in ("", ".zip", ".py"):
        (inbox / os.fsdecode(b"eve\xff" + suffix.encode())).write_bytes(b"x") if suffix else submission(
            inbox / os.fsdecode(b"eve\xff")
        )
    found = find_submissions([inbox], toy_assignment)
    assert names(found) == ["ada", "bob", "李雷"]
    reasons = sorted(each.reason for each in found.unattributed if "UTF-8" in each.reason)
    assert len(found.unattributed) == 3
    assert reasons == [f"eve\\xdcff{suffix} has a name that is not UTF-8 text; rename it." for suffix in ("", ".zip")]
    assert all(each.path.isprintable() for each in found.unattributed)
    assert msgspec.json.encode(found.unattributed)
    watched = Inbox(inbox, "toy", lambda sentence: None)
    assert {each.student for each in watched.latest()} == {"ada", "bob", "李雷"}
    assert {each.reason for each in watched.unattributed.values()} == {*reasons}
    assert all(path.isprintable() for path in watched.unattributed)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_what_another_students_account_owns_is_not_taken_for_the_names(inbox: Path, find) -> None:
    os.chown(inbox / "ada", 65534, 65534)  # the account nobody
    assert names(find(inbox)) == ["ada", "bob", "李雷"], "no student has this account"
    found = find(inbox, students=["ada", "nobody"])
    assert names(found) == ["bob", "李雷"]
    assert found.unattributed[0].reason == "ada belongs to the account nobody, and not to ada."
    assert names(find(inbox / "ada", student="ada", students=["nobody"])) == ["ada"], "a person's word"
    os.chown(inbox, 65534, 65534)
    assert names(find(inbox, students=["ada", "nobody"])) == ["ada", "bob", "李雷"], "who owns the class may collect it"
