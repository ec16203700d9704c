"""Reader: links, special files, damaged zips and other archives are refused, even if swapped while read."""

import os
import socket
import stat
import zipfile
from pathlib import Path

import pytest

from gradeprop.core.errors import SubmissionError
from gradeprop.submissions import reader
from gradeprop.submissions.entry import Refused
from tests.submissions.conftest import GOOD, Take, copied, folder, zipped


def test_links_and_special_files_are_left_out(take: Take, into: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "labels").write_text("7")
    path = folder(tmp_path, {"ok.py": b""})
    (path / "link").symlink_to(secret / "labels")
    (path / "linked").symlink_to(secret)
    (path / "hard").hardlink_to(secret / "labels")
    os.mkfifo(path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path / "socket"))
        got = take(path)
    assert set(copied(into)) == {"ok.py"}
    assert [problem.split(" ", 1)[0] for problem in got.problems] == ["hard", "link", "linked", "pipe", "socket"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_special_files_in_a_zip_are_left_out(kind: int, take: Take, into: Path, tmp_path: Path) -> None:
    path = zipped(tmp_path, {"ok.py": b"", "labels": "/etc/passwd"}, labels=kind | 0o777)
    problem = "is a link" if kind == stat.S_IFLNK else "is not a regular file"
    assert problem in take(path).problems[0]
    assert set(copied(into)) == {"ok.py"}


def test_a_submission_that_is_a_link_itself_is_refused(take: Take, tmp_path: Path) -> None:
    (tmp_path / "eve").symlink_to(folder(tmp_path, GOOD))
    with pytest.raises(SubmissionError, match="neither a folder nor a regular file"):
        take(tmp_path / "eve")


def test_a_folder_swapped_for_a_link_while_it_is_walked_gains_nothing(into: Path, take: Take, tmp_path: Path) -> None:
    secret = folder(tmp_path, {"labels": b"7", "data/labels": b"7"}, "secret")
    path = folder(tmp_path, {"data/labels": b"mine", "notes": b"mine"})
    with reader.entries(path) as found:
        listed = {entry.name: entry for entry in found}
        (path / "data").rename(path / "aside")
        (path / "data").symlink_to(secret)
        (path / "notes").unlink()
        (path / "notes").symlink_to(secret / "labels")
        for entry in listed.values():
            with pytest.raises(Refused, match="is a link"), entry.opened() as read:
                read(1)


def test_a_file_swapped_for_something_special_is_neither_read_nor_waited_for(tmp_path: Path) -> None:
    path = folder(tmp_path, {"pipe": b"", "hard": b""})
    (tmp_path / "labels").write_text("7")
    with reader.entries(path) as found:
        listed = list(found)
        for name in ("pipe", "hard"):
            (path / name).unlink()
        os.mkfifo(path / "pipe")
        (path / "hard").hardlink_to(tmp_path / "labels")
        for entry in listed:
            with pytest.raises(Refused, match="regular|hard link"), entry.opened() as read:
                read(1)


def test_a_folder_without_end_is_left_out(take: Take, into: Path, tmp_path: Path) -> None:
    path = folder(tmp_path, {"student_code.py": b"", "/".join("d" * 40) + "/deep.py": b""})
    assert "is nested too deeply" in take(path).problems[0]
    assert set(copied(into)) == {"student_code.py"}


def test_what_may_not_be_read_is_named(take: Take, into: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(root: int, parts: tuple[str, ...]) -> int:
        if parts:
            raise PermissionError(13, "Permission denied")
        return descend(root, parts)

    descend = reader._descend
    path = folder(tmp_path, {"student_code.py": b"", "data/x": b""})
    monkeypatch.setattr(reader, "_descend", denied)
    assert take(path).problems == ("data cannot be read (Permission denied), and was left out.",)


def test_what_programs_leave_behind_is_left_out_without_a_word(take: Take, into: Path, tmp_path: Path) -> None:
    junk = {"__MACOSX/ada/._x": b"", "ada/.git/config": b"", "ada/__pycache__/x.pyc": b"", "ada/.DS_Store": b""}
    assert take(zipped(tmp_path, junk | {"ada/student_code.py": b""})).problems == ()
    assert set(copied(into)) == {"student_code.py"}


def test_an_encrypted_or_damaged_file_is_left_out_and_the_others_are_not(
    take: Take, into: Path, tmp_path: Path
) -> None:
    path = zipped(tmp_path, {"bad.py": b"0123456789abcdef", "ok.py": b"", "secret.py": b""})
    data = bytearray(path.read_bytes().replace(b"0123456789", b"9876543210"))
    data[data.rindex(b"PK\x01\x02") + 8] |= 1  # the flag of the last entry, secret.py
    path.write_bytes(data)
    damaged, encrypted = sorted(take(path).problems)
    assert damaged == "bad.py is damaged in the zip, and was left out."
    assert encrypted == "secret.py is encrypted, and was left out."
    assert set(copied(into)) == {"ok.py"}


def test_an_unusual_compression_is_refused(take: Take, tmp_path: Path) -> None:
    path = zipped(tmp_path, {"a.py": b"a" * 99, "ok.py": b""}, compression=zipfile.ZIP_LZMA)
    assert "unusual compression" in take(path).problems[0]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a zip"),
        (b"hello", "not a zip"),
        (b"Rar!\x1a\x07", "RAR archive"),
        (b"\x1f\x8b\x08\x00", "gzip archive"),
        (b"7z\xbc\xaf\x27\x1c", "7z archive"),
    ],
)
def test_what_is_no_zip_is_refused_as_a_whole(data: bytes, says: str, take: Take, tmp_path: Path) -> None:
    (tmp_path / "ada.zip").write_bytes(data)
    with pytest.raises(SubmissionError, match=says):
        take(tmp_path / "ada.zip")


def test_a_zip_cut_short_is_refused_as_a_whole(take: Take, tmp_path: Path) -> None:
    path = zipped(tmp_path, GOOD)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SubmissionError, match="cut off"):
        take(path)


def test_a_zip_of_a_million_names_is_refused_before_they_are_read(take: Take, tmp_path: Path) -> None:
    path = zipped(tmp_path, {"x" * 200 + f"{i}": b"" for i in range(20_000)})
    with pytest.raises(SubmissionError, match="far too many"):
        take(path)


def test_what_is_not_there_is_said(take: Take, tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match="No such file"):
        take(tmp_path / "nobody")
    os.mkfifo(tmp_path / "pipe.zip")
    with pytest.raises(SubmissionError, match="neither a folder"):
        take(tmp_path / "pipe.zip")
