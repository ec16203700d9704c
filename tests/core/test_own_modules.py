"""A student's own modules: found however they are imported, the same by the packer and by the grader."""

import importlib.util
import tempfile
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from gradeprop.core.own_modules import own_modules
from tests.conftest import REPOSITORY
from tests.factory import submission


def packers() -> ModuleType:
    spec = importlib.util.spec_from_file_location("environment_of_given", REPOSITORY.given / "environment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PACKERS = packers()


def found(folder: Path) -> set[str]:
    """The own modules according to the grader, which the packer must find, too."""
    files = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
    names = own_modules(folder, files)
    assert PACKERS.own_modules(folder) == sorted(names)
    return names


@pytest.mark.parametrize(
    "code",
    [
        "import mine",
        "import os, mine as m",
        "from mine import *",
        "from  mine.deep import (\n    a,\n)",
        "def f():\n    import mine",
        "try: import mine\nexcept ImportError: pass",
        "import \\\n    mine",
        "x = 1; import mine",
        "import importlib\nimportlib.import_module('mine')",
        '__import__("mine")',
        "import mine  # \xf6".encode("latin-1"),
        "import mine\r\nx = (",
    ],
)
def test_a_module_is_found_however_it_is_imported(code: str | bytes, tmp_path: Path) -> None:
    submission(tmp_path, code, {"mine.py": "x = 1", "other.py": "", "notes/mine.py": "", "mine.txt": ""})
    assert found(tmp_path) == {"mine.py"}


def test_modules_of_modules_and_all_of_a_package_count(tmp_path: Path) -> None:
    files = {
        "layers.py": "from net import blocks",
        "net/__init__.py": "",
        "net/blocks.py": "from .deep import x\nimport layers",
        "net/deep/x.py": "",
        "net/.ipynb_checkpoints/blocks-checkpoint.py": "",
        "net/__pycache__/blocks.py": "",
        "net/figure.png": "",
        "alone.py": "import student_code",
    }
    submission(tmp_path, "import layers", files)
    assert found(tmp_path) == {"layers.py", "net/__init__.py", "net/blocks.py", "net/deep/x.py"}


def test_what_the_course_provides_is_not_the_students_own(tmp_path: Path) -> None:
    submission(
        tmp_path, "import public_checks, given.data\nimport student_code", {"public_checks.py": "", "given/data.py": ""}
    )
    assert found(tmp_path) == set()


def test_without_student_code_nothing_is_run(tmp_path: Path) -> None:
    assert found(submission(tmp_path, "", {"mine.py": "import mine"})) == set()


PIECES = st.sampled_from(
    ["import ", "from ", "\n", " ", ",", "a", "b.c", "(", "'", "\\", ".", "import_module(", "é", "#"]
)


@drawn(st.dictionaries(st.sampled_from(["a.py", "b/c.py", "c.py", "é.py"]), st.lists(PIECES, max_size=12).map("".join)))
def test_packer_and_grader_find_the_same_in_anything(files: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found(submission(Path(folder), "import a, b\nfrom é import x", files))


@pytest.mark.parametrize("text", ["import ", "import a,", "from \\", "import ((((", "from a "])
def test_hostile_text_takes_no_longer_than_its_length(text: str, tmp_path: Path) -> None:
    submission(tmp_path, text * 100_000, {"a.py": text * 100_000})
    assert found(tmp_path) <= {"a.py"}
