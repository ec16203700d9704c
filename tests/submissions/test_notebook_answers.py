"""What of a student's notebook counts, and what is made harmless."""

import base64
import copy
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4 as nbf

from gradeprop.core import sanitize
from gradeprop.course.notebook import read_cells
from gradeprop.submissions import notebook_answers

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<!-- x --><svg/onload=alert(1)>",
        "![a](http://spy.example/x.png)",
        "![a][b]\n\n[b]: http://spy.example/x.png",
        "![a](attachment:missing.png)",
        "$\\href{javascript:alert(1)}{x}$",
        "$\\csname href\\endcsname{javascript:alert(1)}{x}$",
    ],
)
def test_cannot_run_or_load_anything(text: str) -> None:
    safe = sanitize.for_markdown(text, ["there.png"])
    assert not any(active in safe for active in ("<s", "<i", "<!", "</", "![", "\\href", "\\csname"))


@pytest.mark.parametrize(
    "text", ["$x < y$ and 2<3", "*em* `code` [a link](https://example.org)", "![p](attachment:there.png)"]
)
def test_prose_formulas_and_attached_pictures_stay(text: str) -> None:
    assert sanitize.for_markdown(text, ["there.png"]) == text


def test_plain_text_shows_as_it_stands() -> None:
    assert sanitize.for_markdown_line("a *b* <i> [c](d)\n# e") == "a \\*b\\* < i> \\[c\\](d) \\# e"


def test_only_pictures_that_are_some_are_kept() -> None:
    course = {"image/png": PNG, "image/jpeg": PNG, "image/svg+xml": "<svg/>", "text/html": "<b>"}
    assert sanitize.safe_pictures(course) == {"image/png": PNG}
    assert sanitize.safe_pictures({"image/png": [PNG[:8], PNG[8:]]}) == {"image/png": PNG}
    assert sanitize.safe_pictures({"image/png": "no base64!"}) == sanitize.safe_pictures({"image/png": 7}) == {}


def book(*answered: str) -> Any:
    meta = {"grade": True, "solution": True, "locked": False, "grade_id": "why", "points": 5, "schema_version": 3}
    cells = [
        nbf.new_markdown_cell(text, metadata={"nbgrader": dict(meta)}, id=f"cell-{i}")
        for i, text in enumerate(answered, 1)
    ]
    return nbf.new_notebook(cells=cells)


def put_in(tmp_path: Path, handed_in: Any) -> tuple[Any, list[str]]:
    """The answered cell, and what is said of the notebook."""
    source, file, handed_out = tmp_path / "source.ipynb", tmp_path / "hw.ipynb", book("YOUR ANSWER HERE")
    source.write_text(nbformat.writes(handed_out))
    file.write_text(nbformat.writes(handed_in))
    cells = read_cells(source)
    found = notebook_answers.read(file, notebook_answers.cell_ids(cells))
    notebook_answers.insert_answers(handed_out, found)
    return handed_out.cells[0], notebook_answers.find_problems(cells, found)


def test_an_answer_is_put_in_without_a_word(tmp_path: Path) -> None:
    cell, said = put_in(tmp_path, book("Because."))
    assert (cell.source, said) == ("Because.", [])


def test_two_answers_are_both_read(tmp_path: Path) -> None:
    cell, said = put_in(tmp_path, book("First.", "YOUR ANSWER HERE", "Second."))
    assert cell.source == "First.\n\n---\n\nSecond."
    assert said == ["The cell why of the notebook is there 3 times; all answers in it are read."]


def test_a_picture_comes_with_its_answer(tmp_path: Path) -> None:
    handed_in = book("![p](attachment:p.png)")
    handed_in.cells[0].attachments = {"p.png": {"image/png": PNG}, "q.svg": {"image/svg+xml": "<svg/>"}}
    cell, _ = put_in(tmp_path, handed_in)
    assert cell.source == "![p](attachment:p.png)"
    assert cell.attachments == {"p.png": {"image/png": PNG}}


def test_a_cell_without_its_name_is_found_by_its_id(tmp_path: Path) -> None:
    handed_in = copy.deepcopy(book("Because."))
    handed_in.cells[0].metadata = {}
    cell, said = put_in(tmp_path, handed_in)
    assert cell.source == "Because."
    assert "has lost its name" in said[0]


@pytest.mark.parametrize("text", ["", "{", "[" * 10**5, '{"cells": 3}', '{"cells": [7, {"cell_type": 1}]}', "\x00"])
def test_what_is_no_notebook_has_no_answers(tmp_path: Path, text: str) -> None:
    (tmp_path / "hw.ipynb").write_text(text)
    assert notebook_answers.read(tmp_path / "hw.ipynb", {}) == []
    assert notebook_answers.read(tmp_path / "none.ipynb", {}) == []
