"""Scratch folders disappear: when removed, and after a kill."""

import subprocess
import sys
from pathlib import Path

from gradeprop.core.scratch import ScratchDir


def test_a_removed_folder_is_gone_with_everything_in_it(tmp_path: Path) -> None:
    scratch = ScratchDir(tmp_path)
    (scratch.path / "a" / "b").mkdir(parents=True)
    (scratch.path / "a" / "b" / "file").write_text("x")
    (scratch.path / "a" / "b").chmod(0)
    scratch.remove()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_killed_process_is_removed_by_the_next_one(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from gradeprop.core.scratch import ScratchDir; "
        "print(ScratchDir(Path(sys.argv[1])).path, flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    assert Path(killed.stdout.strip()).is_dir()
    scratch = ScratchDir(tmp_path)
    assert list(tmp_path.iterdir()) == [scratch.path]
    scratch.remove()


def test_a_folder_in_use_stays(tmp_path: Path) -> None:
    first, second = ScratchDir(tmp_path), ScratchDir(tmp_path)
    assert first.path.is_dir()
    assert first.path != second.path
    first.remove()
    assert second.path.is_dir()
    second.remove()


def test_a_link_of_that_name_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("x")
    (tmp_path / "gradeprop-scratch-link").symlink_to(tmp_path / "precious")
    ScratchDir(tmp_path).remove()
    assert (tmp_path / "precious" / "file").is_file()
