"""Only the reader opens a path below a folder that a student owns."""

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest
from nbgrader.coursedir import CourseDirectory

from gradeprop.core.paths import AssignmentPaths
from gradeprop.grading.grader import open_grader
from gradeprop.grading.store import Store
from gradeprop.integrations.nbgrader.collect import Collect
from gradeprop.results import gradebook
from gradeprop.submissions.inbox import Inbox
from gradeprop.submissions.lms_downloads import open_lms_download
from tests.factory import RIGHT, exchange, submission, write_files, zip_file, zip_of
from tests.grading.runs import found, grade_all, settings_of

_EVENTS = ("open", "os.listdir", "os.scandir", "os.chdir", "os.chmod", "os.rename", "os.remove", "os.rmdir")
_watched: list[str] = []
_opened: list[tuple[str, str]] = []
"""module and path of each access below a watched folder"""


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if not _watched or event not in _EVENTS or not isinstance(arguments[0], str | bytes | os.PathLike):
        return
    path = os.path.abspath(os.fsdecode(arguments[0]))  # noqa: PTH100  (an audit hook must not open anything)
    if not any(path.startswith(folder) for folder in _watched):
        return
    frame: FrameType | None = sys._getframe(1)
    while frame and not str(frame.f_globals.get("__name__")).startswith("gradeprop."):
        frame = frame.f_back
    _opened.append((str(frame.f_globals["__name__"]) if frame else "none of ours", path))


sys.addaudithook(_audit)


@pytest.fixture
def students(tmp_path: Path) -> Iterator[Path]:
    """A folder that belongs to students: everything below it is watched."""
    folder = tmp_path / "students"
    folder.mkdir()
    _opened.clear()
    yield folder
    _watched.clear()


def doors() -> set[str]:
    """The modules that have opened something below a watched folder."""
    return {module for module, _ in _opened}


def test_a_class_of_folders_and_zips_is_read_by_the_reader_alone(students: Path, toy: AssignmentPaths) -> None:
    submission(students / "ada", files={"timestamp.txt": "soon", "submission_secret.txt": "x", "a/b/c.txt": "x"})
    zip_file(students / "bob.zip", {"hw.zip": zip_of({"student_code.py": RIGHT}), "report.pdf": "x"})
    _watched.append(f"{students}/")
    settings = settings_of(toy)
    with Store(settings) as store, open_grader(store.folders) as grader:
        records = grade_all(store, found(settings, students), grader)
        assert [record.points for record in records] == [10, 10]
        grade_all(store, found(settings, students), grader)
    assert doors() == {"gradeprop.submissions.reader"}


def test_the_exchange_is_read_by_the_reader_alone(students: Path, toy: AssignmentPaths) -> None:
    inbound = students / "exchange" / "c" / "inbound"
    exchange(inbound, "ada", "10:00:00")
    gradebook.register_submissions({}, settings_of(toy).assignment, [], f"sqlite:///{toy.course.gradebook}")
    _watched.append(f"{inbound}/")
    inbox = Inbox(inbound, "toy", lambda sentence: None)
    (arrival,) = inbox.latest()
    assert arrival.is_complete
    inbox.mark_graded(arrival)
    course = CourseDirectory(root=str(toy.course.root), course_id="c", assignment_id="toy")
    collect = Collect(coursedir=course, root=str(students / "exchange"), check_owner=False, log=logging.getLogger())
    collect.start()
    assert (toy.course.root / "submitted" / "ada" / "toy" / "student_code.py").read_text() == RIGHT
    assert doors() == {"gradeprop.submissions.reader"}


def test_a_platforms_download_is_read_by_the_reader_alone(students: Path, toy: AssignmentPaths, tmp_path: Path) -> None:
    write_files(students / "canvas", {"lovelaceada_12345_1_student_code.py": RIGHT})
    _watched.append(f"{students}/")
    with open_lms_download(students / "canvas", settings_of(toy).assignment, tmp_path / "cache") as download:
        assert download
        assert [student for _, student in download.submissions] == ["12345"]
    assert doors() == {"gradeprop.submissions.reader"}
