"""What a submission needs, and what is said of it before it is graded."""

from pathlib import Path

import nbformat
from nbformat import v4 as nbf

from gradeprop.grading import jobs
from gradeprop.grading.settings import Sources
from tests.autograding.course import RIGHT, make_course, notebook
from tests.factory import submission
from tests.grading.runs import settings_of


def test_a_notebook_of_another_name_is_compared_with_the_release(tmp_path: Path) -> None:
    settings = settings_of(make_course(tmp_path / "course"))
    book = notebook()
    book.cells.append(nbf.new_markdown_cell("I could not do the last one."))
    folder = submission(tmp_path / "ada", RIGHT, {"Copy of toy.ipynb": nbformat.writes(book)})
    found = jobs.take(settings, Sources.read(settings), folder, "ada", tmp_path / "copy")
    renamed, outside = found.problems
    assert renamed == "Copy of toy.ipynb is graded as toy.ipynb."
    assert "text outside the answer cells, in 1 place" in outside
    assert "The first is below written: “I could not do the last one.”" in outside


def test_of_two_notebooks_that_differ_none_is_compared(tmp_path: Path) -> None:
    settings = settings_of(make_course(tmp_path / "course"))
    books = {"a.ipynb": nbformat.writes(notebook()), "b.ipynb": nbformat.writes(nbf.new_notebook())}
    taken = jobs.take(
        settings, Sources.read(settings), submission(tmp_path / "ada", RIGHT, books), "ada", tmp_path / "copy"
    )
    assert taken.attention == "Several files could be toy.ipynb: a.ipynb, b.ipynb."
    assert taken.problems == ("toy.ipynb is missing (the notebook).",)
