"""``nbgrader zip_collect`` reads downloads by the same rules as ``gradeprop grade``."""

import os
import shutil
import subprocess
import sys
from datetime import datetime

from gradeprop.core.paths import AssignmentPaths
from gradeprop.submissions.arrival_time import read_arrival_time
from tests.conftest import REPOSITORY
from tests.factory import RIGHT, blackboard_name, canvas_name, zip_of

CANVAS = {
    canvas_name("12345", "student_code-2.py"): RIGHT,
    canvas_name("12345", "history.json"): "{}",
    canvas_name("23456", "hw.zip", "babbagecharles", late=True): zip_of({"student_code.py": RIGHT}),
    "readme.txt": "x",
    "../../x_1_2_out.py": "x",
}


def test_nbgrader_collects_by_the_same_rules(toy: AssignmentPaths) -> None:
    shutil.copy(REPOSITORY.root / "nbgrader_config.py", toy.course.root)
    archive = toy.course.root / "downloaded" / "toy" / "archive"
    archive.mkdir(parents=True)
    (archive / "canvas.zip").write_bytes(zip_of(CANVAS))
    (archive / blackboard_name("grace", "student_code.py")).write_text(RIGHT)
    (archive / "broken.zip").write_bytes(b"PK\x03\x04")
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", "zip_collect", "toy"],
        cwd=toy.course.root,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY.root), "JUPYTER_CONFIG_DIR": str(toy.course.root / "none")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    submitted = toy.course.root / "submitted"
    found = {str(file.relative_to(submitted)) for file in submitted.rglob("*") if file.is_file()}
    assert found == {
        "12345/toy/student_code.py",
        "12345/toy/history.json",
        "23456/toy/student_code.py",
        "grace/toy/student_code.py",
        "grace/toy/timestamp.txt",
    }
    assert read_arrival_time(toy.arrival("grace"), submitted / "grace" / "toy") == datetime(2026, 1, 31, 12, 30)
    assert (submitted / "grace" / "toy" / "timestamp.txt").read_text().startswith("2026-01-31 12:30:00")
    for what in ("readme.txt does not follow", "../../x_1_2_out.py does not follow", "broken.zip is not a zip"):
        assert what in done.stderr
