"""Discovery: which paths are submissions, and whose."""

from pathlib import Path

import pytest

from gradeprop.core.errors import SubmissionError
from gradeprop.submissions.discovery import find_submissions


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A class of two folders and a zip, with a hidden file."""
    folder = tmp_path / "inbox"
    for name in ("ada", "bob"):
        (folder / name).mkdir(parents=True)
        (folder / name / "student_code.py").write_text("")
    (folder / "李雷.ZIP").write_bytes(b"")
    (folder / ".DS_Store").write_bytes(b"")
    return folder


def test_a_folder_of_folders_and_zips_is_a_class(inbox: Path) -> None:
    assert [name for _, name in find_submissions([inbox])] == ["ada", "bob", "李雷"]


def test_a_folder_with_files_is_one_submission(inbox: Path) -> None:
    (inbox / "notes.txt").write_text("")
    assert find_submissions([inbox]) == [(inbox, "inbox")]


def test_an_empty_folder_is_one_submission(tmp_path: Path) -> None:
    (tmp_path / "eve").mkdir()
    assert find_submissions([tmp_path / "eve"]) == [(tmp_path / "eve", "eve")]


def test_the_inner_folder_of_a_submission_names_no_student_if_there_are_several_paths(inbox: Path) -> None:
    (inbox / "eve" / "alan").mkdir(parents=True)
    assert find_submissions([inbox / "ada", inbox / "eve"]) == [(inbox / "ada", "ada"), (inbox / "eve", "eve")]


def test_a_student_can_be_named(inbox: Path) -> None:
    assert find_submissions([inbox / "ada"], "Ada L.") == [(inbox / "ada", "Ada L.")]
    with pytest.raises(SubmissionError, match="names one student, but there are 3 submissions"):
        find_submissions([inbox], "Ada L.")


def test_a_path_that_does_not_exist_is_refused(inbox: Path) -> None:
    with pytest.raises(SubmissionError, match="eve does not exist"):
        find_submissions([inbox / "eve"])


def test_two_submissions_of_one_student_are_refused(inbox: Path) -> None:
    (inbox / "ada.zip").write_bytes(b"")
    with pytest.raises(SubmissionError, match="both belong to the student 'ada'"):
        find_submissions([inbox])
