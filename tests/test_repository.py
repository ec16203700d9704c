"""The repository itself: what must agree agrees."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from gradeprop import __version__
from gradeprop.course.config import read_course
from gradeprop.course.solutions import strip_python
from tests.conftest import REPOSITORY
from tests.layers import LAYERS

ROOT = REPOSITORY.root


def test_nothing_of_a_submission_is_unpickled_or_evaluated() -> None:
    door = re.compile(r"\b(pickle|dill|cloudpickle|marshal|torch\.load|joblib)\b|(?<![.\w])(eval|exec)\(")
    for file in (ROOT / "gradeprop").rglob("*.py"):
        if "guest" not in file.parts:
            code = re.sub(r'""".*?"""|#.*?$|"[^"\n]*"', "", file.read_text(), flags=re.S | re.M)
            assert not door.search(code), f"{file}: {door.search(code)}"


CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base", "jupyter-client": "jupyter_client"}
CONDA |= {"jupyter-server": "jupyter_server"}  # names of conda-forge that differ


def test_the_environment_and_the_package_ask_for_the_same() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = package["optional-dependencies"]
    asked = [*package["dependencies"], *extras["course"], *extras["grader"]]
    names = [re.match(r"[\w-]+", each)[0] for each in asked]
    expected = [each.replace(name, CONDA.get(name, name), 1) for name, each in zip(names, asked, strict=True)]
    listed = re.findall(r"^ +- (\S+>=.*)$", (ROOT / "environment.yml").read_text(), re.M)
    assert listed == [f"python{package['requires-python']}", *expected]


def test_the_lock_pins_what_the_package_asks_for_and_holds_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert " @ " not in lock
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lock.splitlines() if "==" in line}
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = sum(package["optional-dependencies"].values(), package["dependencies"])
    assert {re.split(r"[>=;\[]", name)[0].lower() for name in asked} - {"gradeprop"} <= pinned


def test_every_import_is_declared() -> None:
    command = [sys.executable, "-m", "deptry", "gradeprop", "source"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_students_are_told_the_versions_that_the_lock_pins() -> None:
    pinned = dict(re.findall(r"^([\w-]+)==(\d+\.\d+)", (ROOT / "requirements.lock").read_text(), re.M))
    told = tomllib.loads(REPOSITORY.course_toml.read_text())["grader"]["modules"]
    packages = {"PIL": "pillow", "sklearn": "scikit-learn"}
    assert told == {module: pinned[packages.get(module, module)] for module in told}


def test_there_is_one_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {__version__}\n" in citation
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"] == ["version"]


@pytest.mark.parametrize("file", sorted((ROOT / ".github" / "workflows").iterdir()), ids=lambda file: file.stem)
def test_a_workflow_pins_its_actions_and_calls_what_exists(file: Path) -> None:
    text = file.read_text()
    steps = [step for job in yaml.safe_load(text)["jobs"].values() for step in job["steps"]]
    assert steps
    for step in steps:
        assert "run" in step or re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"]), step
    made = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    named = set(re.findall(r"\bmake ([a-z]+)", text))
    assert named <= {*made}


def test_the_sdist_names_what_lies_at_the_root() -> None:
    """A new folder or file must be in MANIFEST.in, or in no sdist."""
    listed = (ROOT / "MANIFEST.in").read_text()
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a clone")
    tops = {name.partition("/")[0] for name in done.stdout.splitlines()}
    assert [name for name in sorted(tops - {"gradeprop", "pyproject.toml", "MANIFEST.in"}) if name not in listed] == []


def test_the_stub_at_the_root_is_made_from_the_solution() -> None:
    assert REPOSITORY.stub.read_text() == strip_python(REPOSITORY.solution.read_text(), REPOSITORY.solution)


def test_the_stub_can_be_imported_and_is_clean() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", "import student_code"], cwd=ROOT, check=True)
    subprocess.run([sys.executable, "-m", "ruff", "check", "--quiet", "student_code.py"], cwd=ROOT, check=True)


@pytest.mark.parametrize("target", ["demo", "test", "check", "bench", "reference"])
def test_every_command_the_readme_names_is_in_the_makefile(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M)


@pytest.mark.parametrize("name", read_course(REPOSITORY).assignments)
def test_the_readme_counts_the_known_answers(name: str) -> None:
    paths = REPOSITORY.assignment(name)
    wrong, right = (len(list(folder.glob("*/*.toml"))) for folder in (paths.wrong, paths.right))
    row = re.search(rf"^\| `{name}` .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert row
    assert f"| {wrong} wrong, {right} right |" in row[0]


def test_ci_calls_the_readmes_test_command() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    assert "make test" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", ["developer.md", "security.md", "theory.md"])
def test_the_modules_that_a_page_names_exist(page: str) -> None:
    names = re.findall(rf"`((?:{'|'.join(LAYERS)})/[\w/]+\.py)`", (ROOT / "docs" / page).read_text())
    assert names
    assert [name for name in names if not (ROOT / "gradeprop" / name).is_file()] == []
