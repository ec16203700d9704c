"""The repository itself: what must agree agrees, and imports point down."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from gradeprop.course.solutions import strip_python
from tests.conftest import REPOSITORY

ROOT = REPOSITORY.root
LAYERS = [
    {"errors", "inside"},
    {"records", "paths", "locks"},
    {"wire", "course", "notebook", "entries", "jail", "check", "messages", "harmless", "late"},
    {"contents", "expected", "handed_in", "answers", "received", "execute", "changes", "alike", "roster"},
    {
        "intake",
        "new",
        "release",
        "observe",
        "judge",
        "pytest_plugin",
        "grade",
        "gradebook",
        "feedback",
        "export",
        "report",
        "weights",
    },
    {"pipeline", "cases", "downloads", "parcel", "scores"},
    {"scale", "verify", "demo", "collect", "remote", "lms"},
    {"arrivals", "gradescope", "github", "board", "cluster"},
    {"cli", "autograde", "exchange", "formgrader"},
]
LEVEL = {module: level for level, modules in enumerate(LAYERS) for module in modules}


def imports(file: Path) -> set[str]:
    """The modules of the package that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "gradeprop":
            _, *rest = node.module.split(".")
            found |= {rest[0]} if rest else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("gradeprop.")}
    return found - {"__version__"}


def test_imports_point_down_and_stages_never_import_each_other() -> None:
    package = ROOT / "gradeprop"
    for file in package.rglob("*.py"):
        module = file.relative_to(package).with_suffix("").parts[0]
        if module != "__init__":
            upwards = {other for other in imports(file) - {module} if LEVEL[other] >= LEVEL[module]}
            assert not upwards, f"{file.name} imports {upwards}"


def test_nothing_of_a_submission_is_unpickled_or_evaluated() -> None:
    door = re.compile(r"\b(pickle|dill|cloudpickle|marshal|torch\.load|joblib)\b|(?<![.\w])(eval|exec)\(")
    for file in (ROOT / "gradeprop").rglob("*.py"):
        if "inside" not in file.parts:
            code = re.sub(r'""".*?"""|#.*?$|"[^"\n]*"', "", file.read_text(), flags=re.S | re.M)
            assert not door.search(code), f"{file}: {door.search(code)}"


def test_the_environment_and_the_package_ask_for_the_same() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    environment = (ROOT / "environment.yml").read_text()
    assert re.findall(r"^ {6}- (.*)$", environment, re.M) == package["dependencies"]
    assert f"python{package['requires-python']}" in environment


def test_the_lock_pins_what_the_package_asks_for_and_holds_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert " @ " not in lock
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lock.splitlines() if "==" in line}
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = sum(package["optional-dependencies"].values(), package["dependencies"])
    assert {re.split(r"[>=;\[]", name)[0].lower() for name in asked} - {"gradeprop"} <= pinned


def test_the_stub_at_the_root_is_made_from_the_solution() -> None:
    assert REPOSITORY.stub.read_text() == strip_python(REPOSITORY.solution.read_text(), REPOSITORY.solution)


def test_the_stub_can_be_imported_and_is_clean() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", "import student_code"], cwd=ROOT, check=True)
    subprocess.run([sys.executable, "-m", "ruff", "check", "--quiet", "student_code.py"], cwd=ROOT, check=True)


@pytest.mark.parametrize("target", ["demo", "test", "check", "bench", "reference"])
def test_every_command_the_readme_names_is_in_the_makefile(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M)


def test_ci_calls_the_readmes_test_command() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    assert "make test" in (ROOT / "README.md").read_text()
