"""A new assignment works as it is made, and nothing is made twice or under a name that cannot be one."""

import json
import re
import shutil
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradeprop.cli.main import main
from gradeprop.core.errors import CourseError
from gradeprop.core.paths import AssignmentPaths
from gradeprop.course.config import read_assignment
from gradeprop.course.release import release
from gradeprop.course.scaffold import new_assignment
from gradeprop.grading.grader import open_grader
from gradeprop.grading.settings import RunSettings
from gradeprop.grading.store import StudentFolders
from gradeprop.grading.verify import verify
from tests.conftest import REPOSITORY


def test_a_new_assignment_is_proven_and_released_with_what_the_guide_adds(toy: AssignmentPaths, tmp_path: Path) -> None:
    for name in ("__init__.py", "check.py", "environment.py", "explain.py", "submit.py"):
        shutil.copy(REPOSITORY.given / name, toy.course.given)
    made = CliRunner().invoke(main, ["--course", str(toy.course.root), "new", "convolution_sizes"])
    assert made.exit_code == 0, made.output
    paths = toy.course.assignment("convolution_sizes")
    follow_the_guide(paths)
    with pytest.raises(CourseError, match="'multiplications' has no cell"):
        release(read_assignment(toy.course, "convolution_sizes"), toy.course)
    add_the_cell(paths)
    assignment = read_assignment(toy.course, "convolution_sizes")
    folders = StudentFolders(RunSettings(toy.course, assignment, "", results_folder=tmp_path / "out"))
    with open_grader(folders) as grader:
        verdicts = {verdict.name: verdict for verdict in verify(grader)}
    assert [f"{verdict.name}: {verdict.wrong}" for verdict in verdicts.values() if verdict.wrong] == []
    assert {"reference", "stub", "right/in_whole_steps", "wrong/a_fraction", "junk in stride.cases"} <= set(verdicts)
    assert {"wrong/bias_counted", "junk in multiplications.count"} <= set(verdicts)
    folder = release(assignment, toy.course)
    stub = (folder / "student_code.py").read_text()
    assert "relationship 6" in stub
    assert 'NotImplementedError("Task 2.1: count the places' in stub  # the second assignment of the toy course
    assert not any(hidden in stub for hidden in ("// stride", "kernel**2"))
    assert not any(
        "my_assignment" in file.read_text() for file in folder.rglob("*") if file.suffix in (".py", ".ipynb")
    )


def follow_the_guide(paths: AssignmentPaths) -> None:
    """Add the task of docs/check-writer.md, each block as it stands there."""
    wrong = paths.tests / "wrong" / "bias_counted" / "wrong.toml"
    wrong.parent.mkdir()
    wrong.touch()
    guide = (REPOSITORY.root / "docs" / "check-writer.md").read_text()
    blocks = [textwrap.dedent(block) for block in re.findall(r"(?:^(?: {4}.*)?\n)+", guide, re.MULTILINE)]
    for begins, file in (
        ("def convolution_sizes_multiplications", paths.course.solution),
        ("def probe_multiplications", paths.probes),
        ("@pytest.mark.points", paths.tests / "test_convolution_sizes.py"),
        ("[[questions]]", paths.source / "assignment.toml"),
        ("# grader_tests/<hw>/wrong/bias_counted/wrong.toml", wrong),
    ):
        (block,) = (block for block in blocks if block.lstrip().startswith(begins))
        file.write_text(file.read_text() + "\n" + block)


def add_the_cell(paths: AssignmentPaths) -> None:
    """Copy the cell of the first question, as the guide says."""
    notebook = json.loads(paths.notebook.read_text())
    (place,) = (place for place, cell in enumerate(notebook["cells"]) if cell["source"] == 'check("size")')
    cell = json.loads(json.dumps(notebook["cells"][place]).replace("size", "multiplications"))
    cell["metadata"]["nbgrader"]["points"] = 5
    notebook["cells"].insert(place + 1, cell)
    paths.notebook.write_text(json.dumps(notebook))


@pytest.mark.parametrize("name", ["Size", "2d", "a-b", "../a", ""])
def test_a_name_that_cannot_be_one_makes_nothing(toy: AssignmentPaths, name: str) -> None:
    before = sorted(toy.course.root.rglob("*"))
    with pytest.raises(CourseError, match="is not a valid name"):
        new_assignment(toy.course, name)
    assert sorted(toy.course.root.rglob("*")) == before


def test_what_is_there_stays(toy: AssignmentPaths) -> None:
    with pytest.raises(CourseError, match="already exists"):
        new_assignment(toy.course, "toy")
    toy.course.course_toml.write_text('title = "Lists are made elsewhere"')
    with pytest.raises(CourseError, match="no list of assignments"):
        new_assignment(toy.course, "other")
    assert not toy.course.assignment("other").source.exists()
