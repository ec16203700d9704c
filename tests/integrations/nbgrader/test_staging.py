"""The folder that nbgrader converts holds our notebook, and nothing of a student that is a link, large or active."""

from datetime import datetime
from pathlib import Path

import nbformat
import pytest
from nbformat import v4 as nbf

from gradeprop.core.models import CheckResult, GradeRecord
from gradeprop.core.paths import AssignmentPaths
from gradeprop.course.config import read_assignment
from gradeprop.integrations.nbgrader import staging
from tests.autograding.course import RIGHT, cell, make_course, notebook

CHECK = CheckResult(
    check="test_toy.py::test_doubles", question="double", line="A number is doubled.", verdict="failed", points=0,
    possible=6, message="Is it <b>added</b> to itself?",
)  # fmt: skip


@pytest.fixture
def toy(tmp_path: Path) -> AssignmentPaths:
    return make_course(tmp_path / "course")


def record(toy: AssignmentPaths, files: dict[str, str], **more: object) -> GradeRecord:
    """Store a submission with these files; return its record."""
    fields = {"status": "graded", "results": (CHECK,)} | more
    for name, text in files.items():
        (toy.student("ada").submitted / name).parent.mkdir(parents=True, exist_ok=True)
        (toy.student("ada").submitted / name).write_text(text)
    return GradeRecord(
        gradeprop="0", assignment="toy", student="ada", key="ada", points=0, possible=10, questions=(),
        files=tuple(files), **fields,
    )  # fmt: skip


def staged(toy: AssignmentPaths, one: GradeRecord) -> Path:
    folder = toy.course.root / "staged" / "ada" / "toy"
    released = {"toy.ipynb": nbformat.writes(notebook()).encode()}
    staging.stage(folder, released, one, read_assignment(toy.course, "toy"), toy.student("ada"))
    return folder


def test_the_notebook_is_the_released_one_with_the_answer_and_the_messages(toy: AssignmentPaths) -> None:
    answered = notebook()
    cell(answered, "written").source = "Because <script>alert(1)</script>"
    cell(answered, "double").source = "assert True"
    one = record(toy, {"toy.ipynb": nbformat.writes(answered), "student_code.py": RIGHT}, problems=("A *problem*.",))
    book = nbformat.read(staged(toy, one) / "toy.ipynb", as_version=4)
    assert cell(book, "written").source == "Because < script>alert(1)< /script>"
    assert cell(book, "double").source.startswith("import torch")
    (output,) = cell(book, "double").outputs
    assert output.data["text/plain"] == "0 / 6  A number is doubled.  Is it <b>added</b> to itself?"
    assert "&lt;b&gt;added" in output.data["text/html"]
    assert book.cells[0].source == "### About your submission\n\n- A \\*problem\\*."


def test_the_rubric_is_below_the_answer_with_its_samples(toy: AssignmentPaths) -> None:
    levels = '[{ points = 2, text = "Half.", sample = "x is\\nx" }, { points = 5, text = "All of it." }]'
    toy.toml.write_text(toy.toml.read_text().replace("manual = true", f"manual = true\nrubric = {levels}"))
    book = nbformat.read(staged(toy, record(toy, {"student_code.py": RIGHT})) / "toy.ipynb", as_version=4)
    names = [one.metadata.get("nbgrader", {}).get("grade_id") for one in book.cells]
    rubric = book.cells[names.index("written") + 1].source
    assert rubric.splitlines()[2:] == [
        *("**5 points:** All of it.", "", "**2 points:** Half.", "", "> *Sample:* x is", "> x"),
    ]


def test_text_is_found_wherever_it_is(toy: AssignmentPaths) -> None:
    answered = notebook()
    cell(answered, "written").source = "Because."
    answered.cells.append(nbf.new_markdown_cell("And [this](javascript:alert(1))."))
    book = nbformat.read(staged(toy, record(toy, {"toy.ipynb": nbformat.writes(answered)})) / "toy.ipynb", as_version=4)
    assert cell(book, "written").source == "Because."
    assert book.cells[-1].source.endswith("in a new cell\n\nAnd [this] (javascript:alert(1)).")


def test_of_two_notebooks_none_is_chosen(toy: AssignmentPaths) -> None:
    files = {"a.ipynb": nbformat.writes(notebook()), "b.ipynb": nbformat.writes(notebook())}
    book = nbformat.read(staged(toy, record(toy, files, problems=("There are 2.",))) / "toy.ipynb", as_version=4)
    assert "There are 2." in book.cells[0].source
    assert [one.source for one in book.cells[1:]] == [one.source for one in notebook().cells]


def test_a_grade_on_hold_is_said_above_the_first_cell(toy: AssignmentPaths) -> None:
    one = record(toy, {}, status="needs_review", results=())
    book = nbformat.read(staged(toy, one) / "toy.ipynb", as_version=4)
    assert "Your instructor is reviewing this grade" in book.cells[0].source
    assert not cell(book, "double").get("outputs")


def test_only_small_files_that_were_asked_for_are_there(toy: AssignmentPaths) -> None:
    text = toy.toml.read_text().replace("[submission]\n", '[submission]\n"net.safetensors" = "weights"\n')
    toy.toml.write_text(text)
    files = {"student_code.py": RIGHT, "other.py": "x = 1", "net.safetensors": "weights"}
    folder = staged(toy, record(toy, files))
    assert sorted(file.name for file in folder.iterdir()) == ["student_code.py", "toy.ipynb"]


def test_a_large_file_is_left_out(toy: AssignmentPaths) -> None:
    folder = staged(toy, record(toy, {"student_code.py": "#" * 2**21}))
    assert [file.name for file in folder.iterdir()] == ["toy.ipynb"]


def test_the_time_and_the_secret_come_along_and_no_link_does(tmp_path: Path) -> None:
    submission, folder = tmp_path / "submission", tmp_path / "folder"
    submission.mkdir()
    folder.mkdir()
    staging.write_timestamp(folder, None)
    secret = submission / "submission_secret.txt"
    secret.symlink_to("/etc/hostname")
    staging.copy_secret(submission, folder)
    assert list(folder.iterdir()) == []
    secret.unlink()
    secret.write_text("x" * 64)
    staging.copy_secret(submission, folder)
    staging.write_timestamp(folder, datetime(2026, 5, 1, 12))
    assert (folder / "submission_secret.txt").read_text() == "x" * 64
    assert (folder / "timestamp.txt").read_text() == "2026-05-01 12:00:00 UTC"
