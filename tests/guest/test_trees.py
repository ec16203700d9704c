"""Removal of folders: any depth, any permissions, and no way out of them."""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradeprop.guest import trees
from tests.core.test_scratch import ADA, EVE, ROOT_ONLY, act, finish


def build(root: Path, depth: int) -> None:
    """Make a folder that is so deep that no path can name its bottom, with parts that nobody has permissions for."""
    root.mkdir()
    at = os.open(root, os.O_RDONLY)
    for level in range(depth):
        os.mkdir("d", dir_fd=at)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=at))
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.fchmod(at, 0 if level % 100 == 0 else 0o777)
        os.close(at)
        at = below
    os.close(at)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, if there is one: disks take a minute to make so many folders."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else tmp_path) as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@pytest.mark.parametrize("user", [None, pytest.param(ADA, marks=ROOT_ONLY)])
def test_a_folder_of_any_depth_and_any_mode_is_removed(place: Path, user: int | None) -> None:
    root = place / "deep"

    def build_and_remove() -> None:
        build(root, 12_000)
        trees.remove(root)

    finish(act(user, build_and_remove)) if user else build_and_remove()
    assert not root.exists()


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    root = tmp_path / "root"
    (root / "inner").mkdir(parents=True)
    for folder in (root, root / "inner"):
        (folder / "link").symlink_to(tmp_path / "kept")
        (folder / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "link").symlink_to(root)
    trees.remove(tmp_path / "link")
    assert (root / "inner").is_dir()
    trees.remove(root)
    assert not root.exists()
    assert (tmp_path / "kept" / "file").exists()


@ROOT_ONLY
def test_a_folder_that_is_swapped_for_a_link_while_it_is_removed_leads_nowhere(place: Path) -> None:
    """Somebody who owns a part of it waits for the first file to go, and swaps a folder that was listed for a link."""
    theirs, precious, away = place / "theirs", place / "precious", place / "away"
    (precious / "x").mkdir(parents=True)
    (precious / "x" / "file").touch()

    def fill() -> None:
        (theirs / "z" / "x").mkdir(parents=True)  # made first, so listed last in memory
        for number in range(4000):
            (theirs / f"f{number}").touch()

    def swap() -> None:
        while len(os.listdir(theirs)) > 4000:  # noqa: PTH208  (fast)
            pass
        (theirs / "z").rename(away)
        (theirs / "z").symlink_to(precious)

    for _ in range(20):  # on a busy machine it may come too late
        finish(act(EVE, fill))
        swapping = act(EVE, swap)
        time.sleep(0.2)
        trees.remove(theirs)
        os.waitpid(swapping, 0)
        assert (precious / "x" / "file").is_file()
        if away.exists():
            break
        trees.remove(theirs)
    if not away.exists():
        pytest.skip("this machine is too busy: it was never swapped in time")
