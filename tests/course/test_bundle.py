"""The bundle of one assignment holds what grading reads, and nothing of the others."""

import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import CourseError
from gradeprop.core.paths import AssignmentPaths, CoursePaths
from gradeprop.course import bundle
from gradeprop.course.bundle import course_files, data_files, package_files, zip_files
from gradeprop.course.config import read_course
from tests.conftest import REPOSITORY


def test_the_same_files_give_the_same_zip_in_any_order() -> None:
    files = {"b.py": b"2", "a.sh": b"1"}
    assert zip_files(files) == zip_files(dict(reversed(files.items())))
    with zipfile.ZipFile(io.BytesIO(zip_files(files, executable=("a.sh",)))) as archive:
        assert {info.filename: info.external_attr >> 16 & 0o777 for info in archive.infolist()} == {
            "a.sh": 0o755,
            "b.py": 0o644,
        }


def test_a_bundle_is_a_course_of_one_assignment(
    toy: AssignmentPaths, toy_assignment: Assignment, tmp_path: Path
) -> None:
    for name, data in course_files(toy.course, toy_assignment).items():
        (tmp_path / "new" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "new" / name).write_bytes(data)
    assert read_course(CoursePaths(tmp_path / "new")).assignments == ("toy",)


def test_a_bundle_has_the_hidden_checks_but_no_known_answers_and_no_caches(
    toy: AssignmentPaths, toy_assignment: Assignment
) -> None:
    (toy.tests / "__pycache__").mkdir(exist_ok=True)
    (toy.tests / "__pycache__" / "x.pyc").write_bytes(b"")
    files = course_files(toy.course, toy_assignment)
    assert {"source/student_code.py", "source/toy/assignment.toml", "grader_tests/toy/probes.py"} <= files.keys()
    assert not [name for name in files if "/wrong/" in name or "/right/" in name or "__pycache__" in name]


def test_a_course_without_a_list_of_assignments_is_refused(toy: AssignmentPaths, toy_assignment: Assignment) -> None:
    toy.course.course_toml.write_text("title = 'x'")
    with pytest.raises(CourseError, match="contains no list of assignments"):
        course_files(toy.course, toy_assignment)


def test_a_data_set_keeps_the_name_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "mnist" / "raw").mkdir(parents=True)
    (tmp_path / "mnist" / "raw" / "train").write_bytes(b"1")
    assert data_files(tmp_path / "mnist") == {"mnist/raw/train": b"1"}


def test_the_package_is_complete(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert {"pyproject.toml", "gradeprop/core/errors.py", "gradeprop/guest/zygote.py"} <= package_files().keys()
    monkeypatch.setattr(bundle, "_PACKAGE", tmp_path / "gradeprop")
    with pytest.raises(CourseError, match="is neither in its clone, with pyproject.toml"):
        package_files()


@pytest.mark.slow
def test_an_installed_package_becomes_a_wheel_again(tmp_path: Path) -> None:
    """As after ``pip install gradeprop``, where there is no clone."""
    for name in ("gradeprop", "etc"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY.root / name, tmp_path / "clone" / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY.root / name, tmp_path / "clone")
    install(tmp_path / "clone", tmp_path / "first", "--no-build-isolation")
    program = (
        "import pathlib; from gradeprop.course.bundle import package_files\n"
        f"for name, data in package_files().items(): pathlib.Path({str(tmp_path)!r}, name).write_bytes(data)"
    )
    about = os.environ | {"PYTHONPATH": str(tmp_path / "first")}
    subprocess.run([sys.executable, "-P", "-c", program], cwd=tmp_path, env=about, check=True)
    [wheel] = tmp_path.glob("*.whl")
    install(wheel, tmp_path / "second")
    first, second = ({file.relative_to(tmp_path / each) for file in (tmp_path / each / "gradeprop").rglob("*.*")
                      if file.suffix != ".pyc"} for each in ("first", "second"))  # fmt: skip
    assert {str(file).partition("/")[2] for file in first} == {str(file).partition("/")[2] for file in second}
    pins = (tmp_path / "requirements.lock").read_text().splitlines()
    assert any(pin.startswith("torch==") and "+" not in pin for pin in pins)
    assert not any(pin.startswith("gradeprop==") for pin in pins)


def install(what: Path, to: Path, *more: str) -> None:
    line = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--target",
        str(to),
        *more,
        str(what),
    ]
    subprocess.run(line, check=True, capture_output=True)
