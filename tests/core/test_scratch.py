"""Scratch folders disappear, when removed and after a kill; nobody can lead their removal elsewhere."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gradeprop.core.scratch import ScratchDir
from gradeprop.guest import syscalls

ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to act as two other users")
EVE, ADA = 64001, 64002  # two users
HOME = f"gradeprop-{os.geteuid()}"


def found(within: Path) -> list[Path]:
    """Scratch folders, of any user."""
    return sorted(within.glob("gradeprop-*/*"))


def act(user: int, action: Callable[[], object]) -> int:
    """Start a process of another user; return its process ID."""
    if (child := os.fork()) == 0:
        with contextlib.suppress(BaseException):
            syscalls.die_with_parent()
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            syscalls.set_dumpable(True)  # as after an exec
            os.umask(0)
            action()
            os._exit(0)
        os._exit(1)
    return child


def finish(child: int) -> None:
    assert os.waitpid(child, 0)[1] == 0


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder like /tmp, which everybody can reach."""
    for parent in (tmp_path, *tmp_path.parents):
        if not parent.stat().st_mode & 0o001 and os.getuid() == 0:
            parent.chmod(0o755)
    place = tmp_path / "tmp"
    place.mkdir()
    place.chmod(0o1777)
    return place


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """A folder of the grader's that must keep its file."""
    folder = tmp_path / "source"
    (folder / "x").mkdir(parents=True)
    (folder / "x" / "file").write_text("x")
    return folder


def test_a_removed_folder_is_gone_with_everything_in_it(tmp_path: Path) -> None:
    scratch = ScratchDir(tmp_path)
    (scratch.path / "a" / "b").mkdir(parents=True)
    (scratch.path / "a" / "b" / "file").write_text("x")
    (scratch.path / "a" / "b").chmod(0)
    (scratch.path / "link").symlink_to(tmp_path)
    scratch.remove()
    scratch.remove()
    assert found(tmp_path) == []


def test_the_folder_of_a_killed_process_is_removed_by_the_next_one(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from gradeprop.core.scratch import ScratchDir; "
        "print(ScratchDir(Path(sys.argv[1])).path, flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    assert Path(killed.stdout.strip()).is_dir()
    scratch = ScratchDir(tmp_path)
    assert found(tmp_path) == [scratch.path]
    scratch.remove()


def test_a_folder_in_use_stays(tmp_path: Path) -> None:
    first, second = ScratchDir(tmp_path), ScratchDir(tmp_path)
    assert first.path.is_dir()
    assert first.path != second.path
    first.remove()
    assert second.path.is_dir()
    second.remove()


def test_only_we_can_write_to_the_folder_of_the_folders(tmp_path: Path) -> None:
    was = os.umask(0o077)
    try:
        scratch = ScratchDir(tmp_path)
    finally:
        os.umask(was)
    modes = [path.stat().st_mode & 0o777 for path in (scratch.path.parent, scratch.path)]
    assert modes == [0o700 if os.getuid() else 0o711, 0o700], "root's jobs run as another user and must reach theirs"
    scratch.remove()


def test_a_link_is_not_followed(tmp_path: Path, precious: Path) -> None:
    ScratchDir(tmp_path).remove()
    (tmp_path / HOME / "link").symlink_to(precious)
    ScratchDir(tmp_path).remove()
    assert (precious / "x" / "file").is_file()


@pytest.mark.parametrize("taken", ["link", "file", "open to all"])
def test_a_name_that_is_taken_is_left_alone(tmp_path: Path, precious: Path, taken: str) -> None:
    if taken == "link":
        (tmp_path / HOME).symlink_to(precious)
    elif taken == "file":
        (tmp_path / HOME).touch()
    else:
        (tmp_path / HOME / "x").mkdir(parents=True)
        (tmp_path / HOME).chmod(0o777)
    with pytest.warns(UserWarning, match=f"{HOME} is not a folder that we own"):
        scratch = ScratchDir(tmp_path)
    assert scratch.path.parent.stat().st_mode & 0o022 == 0
    assert scratch.path.parent.name != HOME
    scratch.remove()
    assert {path.name for path in tmp_path.iterdir()} == {HOME, "source"}, "a folder that is not shared goes, too"
    assert (precious / "x" / "file").is_file()
    assert taken != "open to all" or (tmp_path / HOME / "x").is_dir()


@ROOT_ONLY
@pytest.mark.parametrize(("attacker", "grader"), [(EVE, 0), (EVE, ADA), (0, ADA)])
def test_a_folder_of_somebody_else_is_left_alone(shared: Path, precious: Path, attacker: int, grader: int) -> None:
    """A user who makes a folder of our name first neither sees our files nor has us remove the targets of links."""
    home = shared / f"gradeprop-{grader}"

    def squat() -> None:
        home.mkdir()
        (home / "left").mkdir()
        (home / "left" / "link").symlink_to(precious)
        (home / "link").symlink_to(precious)

    def grade() -> None:
        with pytest.warns(UserWarning, match="is not a folder that we own"):
            scratch = ScratchDir(shared)
        assert scratch.path.parent != home
        assert os.stat(scratch.path).st_uid == os.geteuid()  # noqa: PTH116
        scratch.remove()

    finish(act(attacker, squat))
    finish(act(grader, grade))
    assert sorted(path.name for path in home.iterdir()) == ["left", "link"]
    assert (home / "left" / "link").is_symlink()
    assert (precious / "x" / "file").is_file()


@ROOT_ONLY
@pytest.mark.parametrize("grader", [0, ADA])
def test_another_user_cannot_reach_into_it(shared: Path, grader: int) -> None:
    reports = shared / "reports"
    reports.mkdir(mode=0o777)
    reports.chmod(0o777)

    def grade() -> None:
        scratch = ScratchDir(shared)
        (scratch.path / "secret").write_text("secret")
        scratch.path.chmod(0o700)
        (reports / "path").write_text(str(scratch.path))
        time.sleep(60)

    def attack() -> None:
        path = Path((reports / "path").read_text())
        tries: list[Callable[[], object]] = [
            lambda: list(path.iterdir()),
            lambda: (path / "secret").read_text(),
            lambda: path.rename(path.with_name("other")),
            lambda: path.with_name("new").mkdir(),
            lambda: path.parent.rename(path.parent.with_name("other")),
            lambda: list(path.parent.iterdir()),
        ]
        for attempt in tries:
            with pytest.raises(PermissionError):
                attempt()

    working = act(grader, grade)
    while not (reports / "path").exists() or not (reports / "path").read_text():
        time.sleep(0.01)
    finish(act(EVE, attack))
    os.kill(working, 9)
    os.waitpid(working, 0)
    finish(act(grader, lambda: ScratchDir(shared).remove()))
    assert found(shared) == [], "what the killed one left is removed by the next one of the same user"
