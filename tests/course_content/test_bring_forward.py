"""Carrying a student's file forward: what was written there fills what is a stub here, and nothing else changes."""

import ast
import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradeprop.cli.main import main
from gradeprop.course.config import load_module
from tests.conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY.source))
bring_forward = importlib.import_module("given.bring_forward").bring_forward

STUB = '''"""The course."""

import torch
from torch import nn

MEAN = 0.1307

# ---------------------------------------------------------------- first


class Net(nn.Module):
    """The new docstring."""

    size: int = 3

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        raise NotImplementedError("Task 1.1.1: build it")

    def forward(self, x):
        """Logits."""
        raise NotImplementedError("Task 1.1.2: connect it")


def count(model):
    """Parameters."""
    raise NotImplementedError("Task 1.2: count")


def train(model):
    raise NotImplementedError("Task 1.3: train")


train.__test__ = False


def flip(images):
    raise NotImplementedError("Task 1.4: flip")


# ---------------------------------------------------------------- second


def compare(models):
    raise NotImplementedError("Task 2.1: compare")
'''
BUILD = '        raise NotImplementedError("Task 1.1.1: build it")\n'
COUNT = '    raise NotImplementedError("Task 1.2: count")\n'
TRAIN = '    raise NotImplementedError("Task 1.3: train")\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the second assignment, with a new stub, beside that of the first."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "student_code.py").write_text(STUB)
    (tmp_path / "submission.json").write_text('{"assignment": "second"}')
    monkeypatch.setattr("given.bring_forward.ASKED", tmp_path / "submission.json")
    monkeypatch.chdir(tmp_path / "second")
    return tmp_path / "second"


def carry(text: str, capsys: pytest.CaptureFixture[str], encoding: str = "utf-8") -> tuple[str, str]:
    """Write the earlier file, carry it forward; return the new file, and what was printed."""
    Path("../first/student_code.py").write_bytes(text.encode(encoding))
    bring_forward("../first/student_code.py")
    return Path("student_code.py").read_text(), capsys.readouterr().out


def written(*edits: tuple[str, str]) -> str:
    text = STUB
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def test_the_solution_goes_into_every_fresh_stub(tmp_path: Path) -> None:
    """The solution of the course, carried into the stub, is the solution, but for comments between statements."""
    for name, file in (("old", REPOSITORY.solution), ("new", REPOSITORY.stub)):
        (tmp_path / name).mkdir()
        shutil.copy(file, tmp_path / name / "student_code.py")
    bring_forward(tmp_path / "old", tmp_path / "new")
    merged = (tmp_path / "new" / "student_code.py").read_text()
    assert ast.dump(ast.parse(merged)) == ast.dump(ast.parse(REPOSITORY.solution.read_text()))
    assert "# (n, 6, 14, 14)" in merged


def test_bodies_helpers_imports_and_modules_come_along(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder.parent / "first" / "mine.py").write_text("x = 1\n")
    earlier = written(
        ("import torch\n", "from __future__ import annotations\n\nimport math, torch\nimport mine\n"),
        (BUILD, "        self.fc = nn.Linear(width, 2)\n\n    def helper(self):\n        return self.fc\n"),
        ("def count(", "# per layer\ndef sizes(model):\n    return [1]\n\n\ndef count("),
        (COUNT, "    return sum(sizes(model))  # all\n"),
        ("def flip(images):\n", "def mirror(images):\n    return images\n\n\nflip = mirror\n\n\ndef unused(images):\n"),
    )
    text, said = carry(earlier, capsys)
    assert "Carried forward: Net.__init__, count, flip.\n" in said
    for own in ("Net.helper", "sizes", "mirror", "import math", "import mine", "mine.py", "from __future__"):
        assert own in said.split("Your own code that came along: ")[1]
    assert "Still to do from earlier assignments: Task 1.1.2, Task 1.3.\n" in said
    assert '"""The new docstring."""' in text
    assert "# per layer\ndef sizes(model):" in text
    assert "return sum(sizes(model))  # all" in text
    assert "flip = mirror\n" in text
    assert 'NotImplementedError("Task 2.1: compare")' in text
    assert (folder / "student_code.before_1.txt").read_text() == STUB
    assert (folder / "mine.py").is_file()
    code = "import student_code as s; n = s.Net(); print(n.helper(), s.count(n), s.flip(3), s.mine.x, s.math.pi)"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_is_written_here_stays_and_a_second_time_nothing_happens(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "student_code.py").write_text(written((COUNT, "    return 1\n"), (TRAIN, "    x = 2\n" + TRAIN)))
    earlier = written((COUNT, "    return 2\n"), (TRAIN, "    return 2\n"), (BUILD, "        self.x = 2\n"))
    text, said = carry(earlier, capsys)
    assert "return 1" in text
    assert "return 2" not in text, "both are begun here"
    assert "self.x = 2" in text
    assert "kept as it is here: count (there in line 25), train (there in line 30).\n" in said
    again, said = carry(earlier, capsys)
    assert again == text
    assert said.startswith("Nothing to carry forward: ../first/student_code.py has nothing")
    assert [file.name for file in folder.iterdir()].count("student_code.before_2.txt") == 0


@pytest.mark.parametrize(
    ("line", "encoding"),
    [
        ("    return 'ä'\n", "utf-8-sig"),
        ("    if model == 0:\n    \treturn 'ä'\n", "utf-8"),
        ("    return 'ä'; x = 1\n", "utf-8"),
        ("    return 'ä'\r\n", "utf-8"),
        ("    def inner():\n        return 'ä'\n    return inner()\n    raise NotImplementedError\n", "utf-8"),
        ("    '''Mine.\n\nä'''\n    return 'ä'\n", "utf-8"),
    ],
)
def test_layouts_and_encodings(folder: Path, capsys: pytest.CaptureFixture[str], line: str, encoding: str) -> None:
    carry(written((COUNT, line)), capsys, encoding)
    assert load_module(folder / "student_code.py", "carried").count(0) == "ä"


def test_a_class_of_another_indentation_or_another_base(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    narrow = written((BUILD, "        self.x = 2\n"))
    head, own, tail = narrow.partition("class Net")
    own, rule, tail = (own + tail).partition("\n\n\ndef count")
    text, _ = carry(head + own.replace("    ", "  ") + rule + tail, capsys)
    assert "        self.x = 2\n" in text.replace("      self.x", "        self.x")
    (folder / "student_code.py").write_text(STUB)
    text, said = carry(narrow.replace("(nn.Module)", "(torch.nn.Module)"), capsys)
    assert "Carried forward: Net.\n" in said
    assert "class Net(torch.nn.Module)" in text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, r"✗ There is no ../first/student_code.py. Nothing was carried forward."),
        (b"def f(:\n", r"✗ Python cannot read ../first/student_code.py, line 1: invalid syntax. Nothing was"),
        (b"x = '\xff'\n", r"✗ ../first/student_code.py cannot be read. "),
        (b"x = '\x00'\n", r"✗ "),
    ],
)
def test_a_file_that_cannot_be_read_changes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, says: str
) -> None:
    file = folder.parent / "first" / "student_code.py"
    file.unlink() if content is None else file.write_bytes(content)
    bring_forward("../first/student_code.py")
    assert capsys.readouterr().out.startswith(says)
    assert [each.name for each in folder.iterdir()] == ["student_code.py"]
    bring_forward(".")
    assert "student_code.py is the file of this folder" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_to_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "student_code.before_1.txt")

    monkeypatch.setattr(shutil, "copy2", refuse)
    text, said = carry(written((COUNT, "    return 2\n")), capsys)
    assert said == "✗ student_code.before_1.txt: Permission denied. Nothing was carried forward.\n"
    assert text == STUB


def test_nothing_is_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, said = carry("import sys\nsys.exit(open('ran', 'w'))\n" + written((COUNT, "    return 2\n")), capsys)
    assert "Carried forward: count" in said
    assert "sys.exit(open('ran', 'w'))" in text
    assert not (folder / "ran").exists()


def test_the_command_does_the_same(tmp_path: Path) -> None:
    release = REPOSITORY.assignment("mnist_pooling").release
    shutil.copytree(release, tmp_path / "mnist_pooling")
    (tmp_path / "mnist_lenet").mkdir()
    shutil.copy(REPOSITORY.solution, tmp_path / "mnist_lenet" / "student_code.py")
    command = ["bring-forward", str(tmp_path / "mnist_lenet"), "--folder", str(tmp_path / "mnist_pooling")]
    assert CliRunner().invoke(main, command).exit_code == 0
    assert "tqdm(train_loader" in (tmp_path / "mnist_pooling" / "student_code.py").read_text()
    assert CliRunner().invoke(main, [*command[:1], "nowhere", *command[2:]]).exit_code == 2
