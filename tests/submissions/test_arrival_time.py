"""When a submission came, and how it is collected: no file or name of a student's decides."""

import logging
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nbgrader.coursedir import CourseDirectory

from gradeprop.core.errors import JailError
from gradeprop.core.paths import AssignmentPaths
from gradeprop.course.config import read_assignment
from gradeprop.integrations.nbgrader.collect import Collect
from gradeprop.results import gradebook
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
    folder = tmp_path / "hw"
    assert read_arrival_time(folder) is None
    write_arrival_time(folder, NOW)
    assert read_arrival_time(folder) == NOW
    (tmp_path / ".hw.arrived").write_text("soon")
    assert read_arrival_time(folder) is None


@pytest.mark.parametrize("said", [b"1970-01-01 00:00:00 UTC", b"\xff\xfe tomorrow", b""])
def test_what_a_submission_says_of_its_time_is_named_and_replaced(tmp_path: Path, said: bytes) -> None:
    folder = tmp_path / "hw"
    folder.mkdir()
    (folder / "timestamp.txt").write_bytes(said)
    before = timestamp_warnings(folder)
    assert "it is ignored, and the recorded arrival time is used" in before[0]
    assert write_trusted_timestamp(folder) is None
    assert not (folder / "timestamp.txt").exists()
    assert timestamp_warnings(folder) == before
    write_arrival_time(folder, NOW)
    assert write_trusted_timestamp(folder) == NOW
    assert (folder / "timestamp.txt").read_text() == "2026-05-01 12:00:00 UTC"
    assert timestamp_warnings(folder) == []


@pytest.fixture
def inbound(tmp_path: Path) -> Path:
    folder = tmp_path / "exchange" / "c" / "inbound"
    folder.mkdir(parents=True)
    return folder


def test_a_submission_without_its_notebook_is_still_seen_as_one(tmp_path: Path) -> None:
    folder, outside = tmp_path / "hw", tmp_path / "outside"
    folder.mkdir()
    (folder / "no_notebook.ipynb").symlink_to(outside)
    (folder / "hw.ipynb").write_text("{}")
    write_trusted_timestamp(folder)
    assert [file.name for file in folder.iterdir()] == ["hw.ipynb"]
    (folder / "hw.ipynb").unlink()
    write_trusted_timestamp(folder)
    assert [file.name for file in folder.iterdir()] == ["no_notebook.ipynb"]
    assert not outside.exists()


@pytest.mark.skipif(os.getuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    folder = tmp_path / "hw"
    folder.mkdir(mode=0o500)
    with pytest.raises(JailError, match="cannot be written"):
        write_trusted_timestamp(folder)


def hand_in(inbound: Path, student: str, claimed: str, **files: str) -> Path:
    folder = inbound / f"{student}+toy+{claimed}+x"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "timestamp.txt").write_text("1970-01-01 00:00:00 UTC")
    return folder


def collect(toy: AssignmentPaths, inbound: Path) -> None:
    gradebook.register_submissions({}, read_assignment(toy.course, "toy"), [], f"sqlite:///{toy.course.gradebook}")
    course = CourseDirectory(root=str(toy.course.root), course_id="c", assignment_id="toy", max_dir_size=100)
    log = logging.getLogger("collect")
    Collect(coursedir=course, root=str(inbound.parents[1]), update=True, check_owner=False, log=log).start()


def test_collecting_follows_no_link_believes_no_clock_and_ends_at_no_odd_folder(
    toy: AssignmentPaths, inbound: Path
) -> None:
    secret = toy.course.root / "secret"
    secret.write_text("secret")
    early = hand_in(inbound, "ada", "1999-01-01 00:00:00 UTC", code="early")
    (early / "link").symlink_to(secret)
    os.mkfifo(early / "pipe")
    time.sleep(0.01)
    hand_in(inbound, "bob", "no time at all", code="bob")
    hand_in(inbound, "eve", "2999-01-01 00:00:00 UTC", code="e" * 200_000)
    collect(toy, inbound)
    submitted = toy.course.root / "submitted"
    assert (submitted / "ada" / "toy" / "code").read_text() == "early"
    assert (submitted / "ada" / "toy" / "link").is_symlink()
    assert not (submitted / "ada" / "toy" / "pipe").exists()
    assert not (submitted / "eve" / "toy" / "code").exists(), "more than may be collected"
    for student in ("ada", "bob", "eve"):
        came = read_arrival_time(submitted / student / "toy")
        assert came is not None
        assert abs((came - datetime.now(UTC).replace(tzinfo=None)).total_seconds()) < 60
        assert (submitted / student / "toy" / "timestamp.txt").read_text() == f"{came} UTC"
    assert "1999-01-01" in timestamp_warnings(submitted / "ada" / "toy")[0]
    time.sleep(0.01)
    hand_in(inbound, "ada", "1998-01-01 00:00:00 UTC", code="late, and dated back")
    collect(toy, inbound)
    assert (submitted / "ada" / "toy" / "code").read_text() == "late, and dated back"
