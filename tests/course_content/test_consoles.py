"""What students run, where a console lacks signs, as on Windows, and folders have spaces and letters beyond ASCII."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

COMMANDS = {
    "given.check": ["-m", "given.check", "convolve"],
    "given.submit": ["-m", "given.submit"],
    "given.bring_forward": ["-m", "given.bring_forward", "../früher/student_code.py"],
    "check": ["-m", "gradeprop", "check", "convolve"],
    "submit": ["-m", "gradeprop", "submit"],
    "bring-forward": ["-m", "gradeprop", "bring-forward", "../früher"],
    "function": ["-c", "from given.check import check; check('convolve')"],
}
SAYS = {"submit": " student_code.py", "bring": "convolve", "check": "one channel", "function": "one channel"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A release in a folder of a Windows user, with a solved file of an earlier assignment beside it."""
    folder = tmp_path / "Übung 1 — Zoë’s" / "mnist_lenet"
    shutil.copytree(REPOSITORY.assignment("mnist_lenet").release, folder)
    (folder.parent / "früher").mkdir()
    shutil.copy(REPOSITORY.solution, folder.parent / "früher" / "student_code.py")
    return folder


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_prints_on_a_console_without_the_signs(folder: Path, name: str, encoding: str) -> None:
    about = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(REPOSITORY.root)}
    done = subprocess.run([sys.executable, *COMMANDS[name]], cwd=folder, env=about, capture_output=True, check=False)
    said = done.stdout.decode(encoding)
    assert "UnicodeEncodeError" not in done.stderr.decode(encoding), done.stderr
    assert next(text for key, text in SAYS.items() if key in name) in said.lower(), (said, done.stderr)
    if "check" in name or name == "function":
        assert "x " in said, "a failed check is marked"


LATIN_1 = "import torch\n\nNAME = 'Zoë'\n".encode("latin-1")


@pytest.mark.parametrize("name", ["given.submit", "given.check", "given.bring_forward"])
def test_code_in_another_encoding_is_reported(folder: Path, name: str) -> None:
    target = folder.parent / "früher" if name == "given.bring_forward" else folder
    (target / "student_code.py").write_bytes(LATIN_1)
    command = [sys.executable, *COMMANDS[name]]
    about = os.environ | {"PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(command, cwd=folder, env=about, capture_output=True, check=False)
    assert done.returncode == 1
    assert b"Traceback" not in done.stdout + done.stderr
    assert b"utf-8" in done.stdout.lower(), done.stdout
