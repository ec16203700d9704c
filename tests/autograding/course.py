"""The toy course with a notebook, as nbgrader needs it; its test cells are real tests, for plain nbgrader too."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbformat import v4 as nbf
from nbgrader.converters import BaseConverter
from nbgrader.coursedir import CourseDirectory
from traitlets.config import PyFileConfigLoader

from gradeprop.core.paths import AssignmentPaths
from tests.conftest import REPOSITORY, copy_toy
from tests.factory import submission

PLAIN = "c = get_config()\nc.Execute.timeout = 60\nc.Execute.iopub_timeout = 60\n"
RIGHT = "import torch\n\n\ndef double(x):\n    return 2 * x\n"
WRONG = "import torch\n\n\ndef double(x):\n    return x.sum()\n"
ANSWER = "Because $x<y$ and twice is **more**."


def make_course(root: Path, plain: bool = False) -> AssignmentPaths:
    """A copy of the toy course in ``root`` with a notebook, with our configuration or nbgrader's defaults."""
    toy = copy_toy(root)
    (root / "nbgrader_config.py").write_text(
        PLAIN if plain else REPOSITORY.root.joinpath("nbgrader_config.py").read_text()
    )
    toy.notebook.write_text(nbformat.writes(notebook()))
    toy.public_checks.write_text(
        "import student_code\n\n\ndef test_double():\n    assert student_code.double(1) == 2\n"
    )
    text = toy.toml.read_text().replace("[submission]\n", '[submission]\n"toy.ipynb" = "the notebook"\n')
    toy.toml.write_text(text)
    return toy


def notebook() -> Any:
    """The instructor's."""
    test = (
        "import torch\nimport student_code\nx = torch.tensor([1.0, 2.0])\n"
        "assert torch.allclose(student_code.double(x), 2 * x)"
    )
    cells = [
        nbf.new_markdown_cell("# Doubling"),
        _cell(
            "code", "# Try things here.\n### BEGIN SOLUTION\nsecret = 2 + 2\n### END SOLUTION", "scratch", solution=True
        ),
        _cell("code", test, "double", grade=True, points=6, locked=True),
        _cell("code", f"{test}\nassert student_code.double(-x)[0] == -2", "held", grade=True, points=4, locked=True),
        _cell(
            "markdown",
            "### BEGIN SOLUTION\nThe secret answer.\n### END SOLUTION",
            "written",
            grade=True,
            solution=True,
            points=5,
        ),
    ]
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    return nbf.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def _cell(kind: str, source: str, name: str, **flags: Any) -> Any:
    meta = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3} | flags
    make = nbf.new_code_cell if kind == "code" else nbf.new_markdown_cell
    return make(source, metadata={"nbgrader": {"grade_id": name, **meta}})


def submit(toy: AssignmentPaths, student: str, code: str = RIGHT, answer: str = ANSWER) -> tuple[Path, Any]:
    """A submission made of the release; its folder and notebook, which can be changed and written by ``save``."""
    folder = toy.course.root / "submitted" / student / "toy"
    shutil.rmtree(folder, ignore_errors=True)
    submission(folder, code)
    book = nbformat.read(toy.release / "toy.ipynb", as_version=4)
    cell(book, "written").source = answer
    save(folder, book)
    return folder, book


def save(folder: Path, book: Any) -> None:
    (folder / "toy.ipynb").write_text(nbformat.writes(book))


def cell(book: Any, name: str) -> Any:
    return next(c for c in book.cells if c.metadata.get("nbgrader", {}).get("grade_id") == name)


def convert(kind: type[BaseConverter], toy: AssignmentPaths, student: str = "*", force: bool = False) -> None:
    """What one of nbgrader's commands does, and formgrader's buttons, in this process."""
    config = PyFileConfigLoader("nbgrader_config.py", path=str(toy.course.root)).load_config()
    course = CourseDirectory(config=config, root=str(toy.course.root), assignment_id="toy", student_id=student)
    converter = kind(coursedir=course, config=config)
    converter.force = force
    converter.start()


def nbgrader(toy: AssignmentPaths, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """One of nbgrader's commands in the folder of the course."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(REPOSITORY.root), "JUPYTER_PLATFORM_DIRS": "1"}
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(command, cwd=toy.course.root, env=environment, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done
