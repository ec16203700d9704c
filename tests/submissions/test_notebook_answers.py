"""Answers in a submitted notebook: they are used, sanitized, and all other changes are reported."""

import base64
import copy
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4 as nbf

from gradeprop.course.notebook import read_cells
from gradeprop.submissions import notebook_answers

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()


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
    assert said == ["Cell why occurs 3 times in the notebook; all answers in it are used."]


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
