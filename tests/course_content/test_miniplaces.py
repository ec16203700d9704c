"""MiniPlaces is found, checked and unpacked with care; the sample is laid out in the same way."""

import hashlib
import importlib
import io
import sys
import tarfile
import tomllib
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

from gradeprop.core.models import CheckResult, GradeRecord, QuestionScore, Table

SOURCE = Path(__file__).parents[2] / "source"
sys.path.insert(0, str(SOURCE))
miniplaces = importlib.import_module("given.miniplaces")
scenes = importlib.import_module("given.scenes")
figures = importlib.import_module("given.figures")
digits = importlib.import_module("given.digits")

FEW = {"train": 3, "val": 2}  # of each scene


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache and an empty folder of data, which is returned."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GRADEPROP_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(miniplaces, "SAMPLE", FEW)
    miniplaces._in_memory.cache_clear()
    (tmp_path / "data" / "miniplaces").mkdir(parents=True)
    return tmp_path / "data" / "miniplaces"


@pytest.fixture
def packed(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A generated data.tar.gz beside its lists, which the loader is made to take for the published one."""
    folder = miniplaces.write_sample(tmp_path / "tree", FEW)
    with tarfile.open(here / "data.tar.gz", "w:gz") as tar:
        tar.add(folder / "images", "images")
        tar.add(folder / "val.txt", "objects/notes.xml")
    for name in miniplaces.LISTS:
        (folder / name).rename(here / name)
    seen = hashlib.md5((here / "data.tar.gz").read_bytes()).hexdigest()
    monkeypatch.setattr(miniplaces.unpack, "__defaults__", (seen,))
    return here


def test_the_hundred_categories_are_those_of_the_list() -> None:
    assert (len(miniplaces.CATEGORIES), miniplaces.CATEGORIES[0], miniplaces.CATEGORIES[99]) == (100, "abbey", "yard")
    assert [miniplaces.CATEGORIES.index(name) for name in ("coast", "desert/sand", "skyscraper")] == [35, 44, 85]
    assert set(scenes.SCENES) <= set(miniplaces.CATEGORIES)


def test_the_sample_is_laid_out_as_miniplaces_is(here: Path) -> None:
    folder = miniplaces.root("sample")
    lines = (folder / "train.txt").read_text().splitlines()
    assert len(lines) == 30
    name, label = lines[0].split()
    assert name.startswith("train/")
    assert miniplaces.CATEGORIES[int(label)] == "/".join(name.split("/")[2:-1])
    assert all(line.startswith("val/0") for line in (folder / "val.txt").read_text().splitlines())
    assert (folder / "categories.txt").read_text().startswith("/a/abbey 0\n/a/airport_terminal 1\n")
    with Image.open(folder / "images" / name) as picture:
        assert (picture.size, picture.mode) == ((128, 128), "RGB")


def test_the_sample_is_always_the_same(here: Path) -> None:
    first = scenes.draw("coast", np.random.default_rng(3))
    assert np.array_equal(np.asarray(first), np.asarray(scenes.draw("coast", np.random.default_rng(3))))
    images, labels = miniplaces.load("sample", "val")
    assert (images.shape, images.dtype, labels.dtype) == ((20, 3, 32, 32), np.uint8, np.int64)
    assert np.bincount(labels).max() == 2


def test_an_archive_is_unpacked_once_and_made_small_once(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert miniplaces.choose("auto") == "miniplaces"
    images, _ = miniplaces.load("miniplaces", "train")
    assert images.shape == (30, 3, 32, 32)
    assert not (miniplaces.cache() / "miniplaces" / "objects").exists()
    (packed / "data.tar.gz").unlink()  # neither is needed again
    again, _ = miniplaces.load("miniplaces", "train")
    assert np.array_equal(images, again)
    train, val = miniplaces.loaders("miniplaces", 8)
    assert (len(train), len(val.dataset)) == (4, 20)
    assert "miniplaces" in capsys.readouterr().out


def test_a_tree_that_is_unpacked_already_is_taken(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "tree" / "images").rename(packed / "images")
    (packed / "data.tar.gz").unlink()
    assert miniplaces.root("miniplaces") == packed


def test_what_is_missing_is_named(packed: Path, here: Path) -> None:
    (here / "val.txt").unlink()
    with pytest.raises(miniplaces.MissingFileError, match="val.txt must be beside images/"):
        miniplaces.root("miniplaces")


def test_without_the_photographs_the_sample_is_offered(here: Path) -> None:
    assert miniplaces.choose("auto") == "sample"
    with pytest.raises(miniplaces.MissingFileError, match="GRADEPROP_DATA"):
        miniplaces.root("miniplaces")
    with pytest.raises(ValueError, match="no data set 'imagenet'"):
        miniplaces.root("imagenet")


def test_a_damaged_archive_is_told(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(miniplaces.unpack, "__defaults__", (miniplaces.MD5,))
    with pytest.raises(digits.DamagedFileError, match="truncated or was changed"):
        miniplaces.root("miniplaces")


def archive(file: Path, *members: tarfile.TarInfo) -> str:
    """Write an archive of empty members; its md5."""
    with tarfile.open(file, "w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO())
    return hashlib.md5(file.read_bytes()).hexdigest()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


@pytest.mark.parametrize(
    "bad",
    [
        member("../escaped"),
        member("/tmp/escaped"),
        member("images/../../escaped"),
        member("images/link", tarfile.SYMTYPE, "/etc/passwd"),
        member("images/link", tarfile.LNKTYPE, "images/good"),
        member("images/device", tarfile.CHRTYPE),
    ],
    ids=lambda one: one.name,
)
def test_nothing_is_unpacked_from_an_archive_with_a_trap(tmp_path: Path, bad: tarfile.TarInfo) -> None:
    md5 = archive(tmp_path / "data.tar.gz", member("images/good"), bad)
    with pytest.raises(miniplaces.UnsafeArchiveError, match="nothing was unpacked"):
        miniplaces.unpack(tmp_path / "data.tar.gz", tmp_path / "out", md5)
    assert [file.name for file in tmp_path.iterdir()] == ["data.tar.gz"]


def test_a_grey_picture_gets_three_channels() -> None:
    pixels = miniplaces.pixels(Image.new("L", (128, 128), 7))
    assert (pixels.shape, pixels.dtype, pixels.flags.c_contiguous) == ((3, 32, 32), np.uint8, True)


def test_figures_of_scenes_and_runs_say_what_they_show(capsys: pytest.CaptureFixture[str]) -> None:
    figures.scene_sheet(np.zeros((3, 3, 8, 8), np.uint8), ["coast", "coast", "ski_slope"])
    figures.runs({"one": {"test_accuracy": [0.1, 0.3]}, "two": {"test_accuracy": [0.2]}}, {"one": 20, "two": 10})
    figures.size_and_accuracy({"small": (1_000, 20.0), "large": (90_000, 30.0)})
    said = capsys.readouterr().out
    assert "under 2 different names" in said
    assert "one 30.0 %, two 20.0 %" in said
    assert "large 30.0 % with 90,000" in said


NOTEBOOK = nbformat.read(SOURCE / "miniplaces_lenet" / "miniplaces_lenet.ipynb", as_version=4)
TOML = tomllib.loads((SOURCE / "miniplaces_lenet" / "assignment.toml").read_text(encoding="utf-8"))


def test_the_notebook_tells_the_bars_and_the_caps() -> None:
    text = {cell.id: " ".join(cell.source.split()) for cell in NOTEBOOK.cells}
    for held in TOML["held-out"].values():
        assert all(f"{bar} %" in text["bars-text"] for bars in held["bars"].values() for bar in bars)
        assert f"{held['caps']['numbers']:,} |" in text["task-own"]
        assert f"| {held['caps']['multiply-adds'] // 10**6} million |" in text["task-own"]
        assert f"| {held['caps']['minutes']} minutes |" in text["task-own"]
    checks = (SOURCE / "miniplaces_lenet" / "public_checks.py").read_text(encoding="utf-8")
    assert f"NUMBERS = {TOML['held-out']['miniplaces']['caps']['numbers']:_}" in checks


def test_the_bands_are_those_of_the_configurations() -> None:
    solution = importlib.import_module("student_code")
    names = [configuration.name for configuration in solution.CONFIGURATIONS]
    assert all(list(held["bands"]) == names for held in TOML["held-out"].values())
    (told,) = (text for cell in NOTEBOOK.cells if "The grader compares `results.txt`" in (text := cell.source))
    ranges = [f"{low:g} to {high:g}" for low, high in TOML["held-out"]["sample"]["bands"].values()]
    assert f"{', '.join(ranges[:-1])}, and {ranges[-1]} %" in told


def test_the_leaderboard_is_sorted_and_keeps_to_the_caps() -> None:
    board = importlib.import_module("benchmarks.leaderboard")

    def record(student: str, accuracy: str, own: float) -> GradeRecord:
        table = Table(caption="Leaderboard", header=("numbers", "accuracy"), rows=(("7", accuracy),))
        result = CheckResult(
            check="c", question="accuracy", line="", verdict="passed", points=4, possible=4, exhibits=(table,)
        )
        score = QuestionScore(name="own", title="", points=own, possible=6)
        about = {"gradeprop": "0", "assignment": "a", "key": student, "status": "graded", "points": 1, "possible": 2}
        return GradeRecord(student=student, questions=(score,), results=(result,), **about)

    header, rows = board.leaderboard([record("ada", "9.5", 6), record("bob", "11.0", 6), record("eve", "99.0", 4)])
    assert header == ("student", "numbers", "accuracy")
    assert [row[0] for row in rows] == ["bob", "ada"]
