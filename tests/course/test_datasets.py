"""``gradeprop data``: data sets are downloaded or copied, checked, and put where grading looks for them."""

import functools
import hashlib
import http.server
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from gradeprop.cli.main import main
from gradeprop.core.errors import CourseError
from gradeprop.core.paths import AssignmentPaths
from gradeprop.course.config import read_assignment, require_dataset, resolve_dataset
from gradeprop.course.datasets import list_datasets
from tests.conftest import REPOSITORY

LOADER = """
import hashlib, pathlib, urllib.request
from given.data import data_folder
PUBLISHED = FILES = ("photos.bin",)
class DamagedFileError(Exception):
    pass
def fetch():
    file = data_folder("photos", FILES) / "photos.bin"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen("{url}/photos.bin") as answer:
            file.write_bytes(answer.read())
    if hashlib.sha256(file.read_bytes()).hexdigest() != "{sha256}":
        raise DamagedFileError(f"photos.bin has {{file.stat().st_size}} bytes and is not the published file.")
"""
CONTENT = b"photographs" * 1000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "www").mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "www"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


@pytest.fixture
def photos(toy: AssignmentPaths, tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> AssignmentPaths:
    """The toy course with a data set that its grades require."""
    monkeypatch.delenv("GRADEPROP_DATA", raising=False)
    monkeypatch.delenv("GRADEPROP_DATASET", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    about = 'files = ["photos.bin"]\nloader = "photos"\nrequired = true\nbars = {double = [50, 100]}\n'
    toy.toml.write_text(toy.toml.read_text() + f"\n[held-out.photos]\n{about}")
    text = LOADER.format(url=server, sha256=hashlib.sha256(CONTENT).hexdigest())
    (toy.course.given / "photos.py").write_text(text)
    shutil.copy(REPOSITORY.given / "data.py", toy.course.given)
    return toy


def run(toy: AssignmentPaths, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["--course", str(toy.course.root), *arguments])
    return result.exit_code, " ".join(result.output.split())


def test_a_download_is_checked_and_used_for_grades(photos: AssignmentPaths, tmp_path: Path) -> None:
    status, said = run(photos, "data", "photos")
    assert status == 1
    assert "data set photos: HTTP Error 404" in said
    (tmp_path / "www" / "photos.bin").write_bytes(CONTENT)
    assert "gradeprop data photos downloads it, or says where to get it: toy cannot be" in run(photos, "data")[1]
    folder = tmp_path / "cache" / "gradeprop" / "photos"
    status, said = run(photos, "data", "photos")
    assert status == 0
    assert said.startswith(f"photos is complete, in {folder}")
    assert (folder / "photos.bin").read_bytes() == CONTENT
    assert "gets it" not in run(photos, "data")[1]
    assert run(photos, "data", "toy")[0] == 0
    assert require_dataset(read_assignment(photos.course, "toy"), "auto") == "photos"


@pytest.mark.parametrize("form", ["file", "folder", "tar", "zip"])
def test_files_on_disk_are_checked_and_copied(photos: AssignmentPaths, tmp_path: Path, form: str) -> None:
    source = tmp_path / "have" / "raw" / "photos.bin"
    source.parent.mkdir(parents=True)
    source.write_bytes(CONTENT)
    given = {"file": source, "folder": tmp_path / "have"}.get(form) or Path(
        shutil.make_archive(str(tmp_path / "packed"), form, tmp_path / "have")
    )
    assert run(photos, "data", "photos", "--from", str(given))[0] == 0
    assert (photos.course.downloads / "photos" / "photos.bin").read_bytes() == CONTENT
    assert [each.name for each in photos.course.downloads.iterdir()] == ["photos"]


def test_damaged_files_replace_nothing(photos: AssignmentPaths, tmp_path: Path) -> None:
    old = photos.course.downloads / "photos" / "photos.bin"
    old.parent.mkdir(parents=True)
    old.write_bytes(CONTENT)
    (tmp_path / "photos.bin").write_bytes(b"cut")
    status, said = run(photos, "data", "photos", "--from", str(tmp_path / "photos.bin"))
    assert status == 1
    assert said == "Error: data set photos: photos.bin has 3 bytes and is not the published file."
    assert old.read_bytes() == CONTENT


def test_a_source_without_the_files_is_named(photos: AssignmentPaths, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "other.tar", "w"):
        pass
    status, said = run(photos, "data", "photos", "--from", str(tmp_path / "other.tar"))
    assert status == 1
    assert "other.tar: has no photos.bin" in said
    assert run(photos, "data", "imagenet")[1].startswith(
        "Error: There is no data set 'imagenet' to get; this course has photos"
    )


def test_without_required_data_nothing_is_graded(photos: AssignmentPaths, tmp_path: Path) -> None:
    one = read_assignment(photos.course, "toy")
    assert resolve_dataset(one, "auto") == "sample"
    for command in (("grade", "toy", str(tmp_path)), ("watch", "toy", str(tmp_path), "--once")):
        status, said = run(photos, *command)
        assert status == 1
        assert "is graded on photos, which is not on this machine: run gradeprop data photos." in said
        assert "give --data sample" in said
    assert not photos.autograded.exists()
    assert require_dataset(one, "sample") == "sample"


def test_nbgrader_refuses_too_and_names_the_variable(photos: AssignmentPaths) -> None:
    shutil.copy(REPOSITORY.root / "nbgrader_config.py", photos.course.root)
    folder = photos.course.root / "submitted" / "ada" / "toy"
    folder.mkdir(parents=True)
    shutil.copy(photos.course.solution, folder)
    nbformat.write(nbformat.v4.new_notebook(), folder / "toy.ipynb")
    nbformat.write(nbformat.v4.new_notebook(), photos.notebook)
    command = [sys.executable, "-m", "nbgrader", "autograde", "toy"]
    about = os.environ | {"PYTHONPATH": str(REPOSITORY.root)}
    done = subprocess.run(command, cwd=photos.course.root, env=about, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "set GRADEPROP_DATASET=sample" in done.stderr


@pytest.mark.parametrize("name", ["mnist", "caltech101", "miniplaces"])
def test_the_course_names_the_loader_of_each_data_set(name: str) -> None:
    (one,) = (each for each in list_datasets(REPOSITORY) if each.name == name)
    assert one.required_by == one.assignments
    assert (REPOSITORY.given / f"{one.loader}.py").is_file()


def test_a_course_without_a_loader_says_so(photos: AssignmentPaths) -> None:
    photos.toml.write_text(photos.toml.read_text().replace('loader = "photos"\n', ""))
    assert "names no loader in source/given" in run(photos, "data", "photos")[1]
    with pytest.raises(CourseError, match="no bars for the data set"):
        require_dataset(read_assignment(photos.course, "toy"), "imagenet")
