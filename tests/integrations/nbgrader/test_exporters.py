"""``nbgrader export`` writes the same files as ``gradeprop export``."""

import os
import subprocess
import sys

import pytest
from nbgrader.api import Gradebook
from nbgrader.apps import ExportApp
from nbgrader.coursedir import CourseDirectory

from gradeprop.integrations.lms.platforms import CANVAS, MOODLE
from gradeprop.integrations.nbgrader import exporters
from tests.conftest import REPOSITORY
from tests.integrations.lms_course import Course


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
    assert "No grade for toy yet; still to be graded: written (bob)." in done.stderr
    course.export(MOODLE, "--roster", str(roster))
    assert (course.paths.root / "by_nbgrader.csv").read_bytes() == (course.folder / "to_moodle").read_bytes()


def test_nbgrader_ends_with_the_sentence_and_exports_whom_it_is_told(course: Course) -> None:
    app = ExportApp()
    app.coursedir = CourseDirectory(root=str(course.paths.root))
    to = str(course.folder / "to_canvas")
    with Gradebook(course.url) as book:
        exporters.Canvas(parent=app, to=to, student=["ada"], assignment=["toy"]).export(book)
        assert [row["SIS Login ID"] for row in course.read(CANVAS)] == ["", "ada"]
        with pytest.raises(SystemExit, match="Error: .*from_moodle: is not a file that Moodle exported"):
            exporters.Moodle(parent=app, to=to, roster=str(course.roster(MOODLE, b"a,b"))).export(book)
