"""One rule for the folder of a data set: the grader, and what students are given, find the same one."""

import importlib
import itertools
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from gradeprop.core.paths import CoursePaths
from gradeprop.course.config import data_folder, label_folders, load_module, read_assignment, resolve_dataset
from gradeprop.jail.mounts import make_view
from tests.conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY.source))
FILE = "t10k-labels-idx1-ubyte.gz"
VARIABLES = ("unset", "absolute", "relative")  # $GRADEPROP_DATA
PRESENT = ("", "folder", "file")  # in one place: nothing, an empty folder of the data set, or a folder with its file
LOADERS = {"mnist_lenet": "digits", "miniplaces_lenet": "miniplaces", "caltech101_resnet": "caltech"}


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CoursePaths:
    """A course of nothing but the helper, an empty cache, and another current folder."""
    root = tmp_path / "course"
    (root / "source" / "given").mkdir(parents=True)
    (root / "source" / "course.toml").touch()
    shutil.copy(REPOSITORY.given / "data.py", root / "source" / "given" / "data.py")
    (tmp_path / "elsewhere" / "data" / "mnist").mkdir(parents=True)
    (tmp_path / "elsewhere" / "data" / "mnist" / FILE).touch()  # never looked at
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GRADEPROP_DATA", raising=False)
    return CoursePaths(root)


def students_rule(folder: Path) -> ModuleType:
    return load_module(folder / "given" / "data.py", "given_data")


def put(place: Path, what: str) -> None:
    if what:
        (place / "mnist").mkdir(parents=True)
    if what == "file":
        (place / "mnist" / FILE).touch()


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("present", list(itertools.product(PRESENT, repeat=3)))
@pytest.mark.parametrize("files", [(), (FILE,), ("other", FILE)], ids=len)
def test_grader_and_students_find_the_same_folder(
    course: CoursePaths,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    present: tuple[str, str, str],
    files: tuple[str, ...],
) -> None:
    named = course.root.parent / "named"
    if variable != "unset":
        monkeypatch.setenv("GRADEPROP_DATA", str(named) if variable == "absolute" else "../named")
    places = [named, course.root / "data", course.downloads]
    for place, what in zip(places, present, strict=True):
        put(place, what)
    found = course.data_folder("mnist", files)
    assert found == students_rule(course.source).data_folder("mnist", files)
    wanted = ("file",) if files else ("folder", "file")
    has_it = [
        place
        for place, what in zip(places, present, strict=True)
        if what in wanted and not (place == named and variable == "unset")
    ]
    assert found.resolve() == ([*has_it, course.downloads][0] / "mnist").resolve()


def test_a_relative_cache_starts_at_the_course_too(course: CoursePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert course.downloads == course.root / "cache" / "gradeprop" == students_rule(course.source).cache()


def test_a_released_folder_in_the_course_belongs_to_it(course: CoursePaths) -> None:
    release = course.root / "release" / "hw"
    shutil.copytree(course.given, release / "given")
    put(course.root / "data", "file")
    assert students_rule(release).data_folder("mnist") == course.root / "data" / "mnist"


def test_a_student_who_has_only_the_assignment_puts_data_beside_the_notebook(
    course: CoursePaths, tmp_path: Path
) -> None:
    shutil.copytree(course.given, tmp_path / "hw" / "given")
    put(tmp_path / "hw" / "data", "file")
    assert students_rule(tmp_path / "hw").data_folder("mnist", [FILE]) == tmp_path / "hw" / "data" / "mnist"


@pytest.mark.parametrize("name", LOADERS)
def test_auto_is_the_same_for_the_notebook_and_the_grader(
    name: str, course: CoursePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = importlib.import_module(f"given.{LOADERS[name]}")
    one = read_assignment(REPOSITORY, name)
    real = next(dataset for dataset in one.held_out if dataset != "sample")
    assert one.held_out[real].files == loader.FILES
    assert (loader.choose(), resolve_dataset(one, "auto")) == ("sample", "sample")
    for file in loader.FILES:
        place = course.downloads / real / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()  # as a notebook's download does
        assert (loader.choose(), resolve_dataset(one, "auto")) == (real, real), file
        assert data_folder(one, real) == course.downloads / real
        place.unlink()
        assert (loader.choose(), resolve_dataset(one, "auto")) == ("sample", "sample"), file


def test_the_jail_hides_every_place_of_the_labels(
    course: CoursePaths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also where Python and its libraries are, which the jail shows."""
    library = Path(pytest.__file__).parents[1]
    monkeypatch.setenv("GRADEPROP_DATA", str(library / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(library / "cache"))
    one = read_assignment(REPOSITORY, "mnist_lenet")
    hidden = make_view(label_folders(one)).hidden
    assert library / "data" / "mnist" in hidden
    assert library / "data" / "sample" in hidden
    assert library / "cache" / "gradeprop" in hidden
    assert any(str(folder).endswith("sklearn/datasets/data") for folder in hidden)
    (tmp_path / "cache").symlink_to(library / "linked")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert library / "linked" / "gradeprop" in make_view(label_folders(one)).hidden
