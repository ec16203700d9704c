"""``nbgrader collect`` copies what is there: it follows no link, and trusts neither a name nor a file for the time."""

import logging
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from nbgrader.coursedir import CourseDirectory

from gradeprop.core.paths import AssignmentPaths
from gradeprop.course.config import read_assignment
from gradeprop.integrations.nbgrader.collect import Collect
from gradeprop.results import gradebook
from gradeprop.submissions.arrival_time import read_arrival_time, timestamp_warnings
from tests.factory import write_files


@pytest.fixture
def inbound(tmp_path: Path) -> Path:
    folder = tmp_path / "exchange" / "c" / "inbound"
    folder.mkdir(parents=True)
    return folder


def send(inbound: Path, student: str, claimed: str, **files: str) -> Path:
    return write_files(inbound / f"{student}+toy+{claimed}+x", files | {"timestamp.txt": "1970-01-01 00:00:00 UTC"})


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
    early = send(inbound, "ada", "1999-01-01 00:00:00 UTC", code="early")
    (early / "link").symlink_to(secret)
    os.mkfifo(early / "pipe")
    time.sleep(0.01)
    send(inbound, "bob", "no time at all", code="bob")
    send(inbound, "eve", "2999-01-01 00:00:00 UTC", code="e" * 200_000)
    collect(toy, inbound)
    submitted = toy.course.root / "submitted"
    assert (submitted / "ada" / "toy" / "code").read_text() == "early"
    assert not os.path.lexists(submitted / "ada" / "toy" / "link")
    assert not (submitted / "ada" / "toy" / "pipe").exists()
    assert not (submitted / "eve" / "toy" / "code").exists(), "more than may be collected"
    for student in ("ada", "bob", "eve"):
        arrival = read_arrival_time(toy.arrival(student), submitted / student / "toy")
        assert arrival is not None
        assert abs((arrival - datetime.now(UTC).replace(tzinfo=None)).total_seconds()) < 60
        assert (submitted / student / "toy" / "timestamp.txt").read_text() == f"{arrival} UTC"
    assert "1999-01-01" in timestamp_warnings(submitted / "ada" / "toy", toy.arrival("ada"))[0]
    time.sleep(0.01)
    send(inbound, "ada", "1998-01-01 00:00:00 UTC", code="late, and dated back")
    collect(toy, inbound)
    assert (submitted / "ada" / "toy" / "code").read_text() == "late, and dated back"
