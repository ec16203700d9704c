"""When a submission came: no file or name of a student's decides."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gradeprop.core.errors import JailError
from gradeprop.submissions.arrival_time import (
    last_change,
    read_arrival_time,
    timestamp_warnings,
    trusted_time,
    write_arrival_time,
    write_trusted_timestamp,
)

NOW = datetime(2026, 5, 1, 12)


@pytest.mark.parametrize(
    ("claimed", "counts"),
    [
        (NOW - timedelta(seconds=2), NOW - timedelta(seconds=2)),
        (NOW - timedelta(days=3), NOW),
        (NOW + timedelta(days=3), NOW),
        (None, NOW),
    ],
)
def test_a_claim_counts_where_the_file_system_does_not_gainsay_it(claimed: datetime | None, counts: datetime) -> None:
    assert trusted_time(claimed, NOW) == counts


def test_a_change_can_not_be_dated_back(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    file = tmp_path / "folder" / "file"
    file.touch()
    os.utime(file, (0, 0))
    os.utime(tmp_path / "folder", (0, 0))
    assert abs((last_change(tmp_path) - datetime.now(UTC).replace(tzinfo=None)).total_seconds()) < 60


def test_what_was_noted_is_read_and_anything_else_is_no_time(tmp_path: Path) -> None:
    folder, note = tmp_path / "hw", tmp_path / "note"
    assert read_arrival_time(note, folder) is None
    write_arrival_time(note, NOW)
    assert read_arrival_time(note, folder) == NOW
    note.write_text("soon")
    assert read_arrival_time(note, folder) is None


def test_a_note_that_another_may_have_made_is_not_read(tmp_path: Path) -> None:
    note, forged = tmp_path / "note", tmp_path / "forged"
    write_arrival_time(forged, NOW)
    note.symlink_to(forged)
    assert read_arrival_time(note, tmp_path / "hw") is None
    note.unlink()
    os.mkfifo(note)
    assert read_arrival_time(note, tmp_path / "hw") is None, "a pipe that nobody writes to must not be waited for"
    note.unlink()
    write_arrival_time(note, NOW)
    note.chmod(0o666)
    assert read_arrival_time(note, tmp_path / "hw") is None


@pytest.mark.parametrize("said", [b"1970-01-01 00:00:00 UTC", b"\xff\xfe tomorrow", b""])
def test_what_a_submission_says_of_its_time_is_named_and_replaced(tmp_path: Path, said: bytes) -> None:
    folder = tmp_path / "hw"
    folder.mkdir()
    (folder / "timestamp.txt").write_bytes(said)
    before = timestamp_warnings(folder, tmp_path / "note")
    assert "it is ignored, and the recorded arrival time is used" in before[0]
    assert write_trusted_timestamp(folder, tmp_path / "note") is None
    assert not (folder / "timestamp.txt").exists()
    assert timestamp_warnings(folder, tmp_path / "note") == before
    write_arrival_time(tmp_path / "note", NOW)
    assert write_trusted_timestamp(folder, tmp_path / "note") == NOW
    assert (folder / "timestamp.txt").read_text() == "2026-05-01 12:00:00 UTC"
    assert timestamp_warnings(folder, tmp_path / "note") == []


def test_a_submission_without_its_notebook_is_still_seen_as_one(tmp_path: Path) -> None:
    folder, outside = tmp_path / "hw", tmp_path / "outside"
    folder.mkdir()
    (folder / "no_notebook.ipynb").symlink_to(outside)
    (folder / "hw.ipynb").write_text("{}")
    write_trusted_timestamp(folder, tmp_path / "note")
    assert [file.name for file in folder.iterdir()] == ["hw.ipynb"]
    (folder / "hw.ipynb").unlink()
    write_trusted_timestamp(folder, tmp_path / "note")
    assert [file.name for file in folder.iterdir()] == ["no_notebook.ipynb"]
    assert not outside.exists()


@pytest.mark.skipif(os.getuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    folder = tmp_path / "hw"
    folder.mkdir(mode=0o500)
    with pytest.raises(JailError, match="cannot be written"):
        write_trusted_timestamp(folder, tmp_path / "note")
