"""A new assignment works as it is made, and nothing is made twice or under a name that cannot be one."""

import json
import platform
import re
import textwrap
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from traitlets.config import PyFileConfigLoader

from gradeprop.cli.main import main
from gradeprop.core.errors import CourseError
from gradeprop.core.paths import AssignmentPaths, CoursePaths
from gradeprop.core.storage import write_bytes
from gradeprop.course.config import read_assignment, read_course
from gradeprop.course.release import release
from gradeprop.course.scaffold import new_assignment, new_course, undo_new_assignment
from gradeprop.grading.grader import open_grader
from gradeprop.grading.settings import RunSettings
from gradeprop.grading.store import StudentFolders
from gradeprop.grading.verify import verify
from gradeprop.results import gradebook_db
from tests.conftest import REPOSITORY


def test_a_new_assignment_in_a_new_course_is_proven_and_released(tmp_path: Path) -> None:
    """With what docs/check-writer.md adds to it."""
    done = CliRunner().invoke(main, ["init", str(tmp_path / "course"), "--title", "Nets"])
    assert done.exit_code == 0, done.output
    made = CliRunner().invoke(main, ["--course", str(tmp_path / "course"), "new", "convolution_sizes"])
    assert made.exit_code == 0, made.output
    course = CoursePaths(tmp_path / "course")
    paths = course.assignment("convolution_sizes")
    follow_the_guide(paths)
    with pytest.raises(CourseError, match="'multiplications' has no cell"):
        release(read_assignment(course, "convolution_sizes"), course)
    add_the_cell(paths)
    assignment = read_assignment(course, "convolution_sizes")
    folders = StudentFolders(RunSettings(course, assignment, "", results_folder=tmp_path / "out"))
    with open_grader(folders) as grader:
        verdicts = {verdict.name: verdict for verdict in verify(grader)}
    assert [f"{verdict.name}: {verdict.wrong}" for verdict in verdicts.values() if verdict.wrong] == []
    assert {"reference", "stub", "right/in_whole_steps", "wrong/a_fraction", "junk in stride.cases"} <= set(verdicts)
    assert {"wrong/bias_counted", "junk in multiplications.count"} <= set(verdicts)
    folder = release(assignment, course)
    assert {"README.md", "SYLLABUS.md", "AGENTS.md"} <= {file.name for file in folder.iterdir()}
    stub = (folder / "student_code.py").read_text()
    assert "relationship 6" in stub
    assert 'NotImplementedError("Task 1.1: count the places' in stub
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


def everything(course: CoursePaths) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in course.root.rglob("*") if file.is_file()}


def test_a_new_course_needs_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    title = 'A "course" \\ and more'
    course = new_course(tmp_path, title)
    assert read_course(course).title == title
    assert not [file for file in everything(course).values() if b"title@" in file or b"@modules@" in file]
    before = everything(course)
    with pytest.raises(CourseError, match="is not empty: it contains README.md"):
        new_course(tmp_path, "Another")
    assert everything(course) == before


def test_a_new_course_has_our_settings_of_nbgrader(tmp_path: Path) -> None:
    course = new_course(tmp_path, "Nets")
    config = PyFileConfigLoader("nbgrader_config.py", path=str(course.root)).load_config()
    assert config.Autograde.exporter_class.startswith("gradeprop.")
    assert gradebook_db.url(course) == f"sqlite:///{course.gradebook}"


def test_the_grader_of_a_new_course_is_this_python(tmp_path: Path) -> None:
    grader = read_course(new_course(tmp_path, "Nets")).grader
    assert grader.python == ".".join(platform.python_version_tuple()[:2])
    assert torch.__version__.startswith(grader.modules["torch"])


@pytest.mark.parametrize("between", [[], ["second"]], ids=["last", "first of two"])
def test_a_new_assignment_can_be_undone(between: list[str], tmp_path: Path) -> None:
    course = new_course(tmp_path, "Nets")
    before = everything(course)
    for name in ("first", *between):
        new_assignment(course, name)
    for name in ("first", *between):
        undo_new_assignment(course, name)
    assert everything(course) == before


def test_undoing_leaves_the_rest_of_course_toml_alone(tmp_path: Path) -> None:
    course = new_course(tmp_path, "first")
    new_assignment(course, "first")
    course.course_toml.write_text(course.course_toml.read_text().replace('["first"]', "['first']"))
    undo_new_assignment(course, "first")
    config = read_course(course)
    assert (config.title, config.assignments) == ("first", ())


def test_work_is_not_undone(toy: AssignmentPaths) -> None:
    paths = new_assignment(toy.course, "second")
    for file in (paths.notebook, paths.probes, toy.course.solution):
        written = file.read_bytes()
        file.write_bytes(written.replace(b"kernel", b"filter"))
        before = everything(toy.course)
        with pytest.raises(CourseError, match="edited"):
            undo_new_assignment(toy.course, "second")
        assert everything(toy.course) == before
        file.write_bytes(written)
    undo_new_assignment(toy.course, "second")
    with pytest.raises(CourseError, match="lists no assignment 'second'"):
        undo_new_assignment(toy.course, "second")


def test_a_new_assignment_is_written_whole_or_not_at_all(toy: AssignmentPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    before, written = everything(toy.course), []

    def full_disk(data: bytes, file: Path) -> None:
        if len(written) == 5:
            written.clear()
            raise OSError(28, "No space left on device")
        written.append(file)
        write_bytes(data, file)

    monkeypatch.setattr("gradeprop.course.scaffold.write_bytes", full_disk)
    with pytest.raises(OSError, match="No space left"):
        new_assignment(toy.course, "second")
    assert everything(toy.course) == before
