"""Notebook parser: cells, their lines in the file, and errors that name them."""

import json
from pathlib import Path
from typing import Any

import pytest

from gradeprop.core.errors import CourseError
from gradeprop.course.notebook import normalise, read_cells


def cell(source: str | list[str], kind: str = "code", **nbgrader: Any) -> dict[str, Any]:
    """A cell as an instructor's editor writes it."""
    meta = {"grade": False, "solution": False, "locked": False, "schema_version": 3} | nbgrader
    lines = source.splitlines(keepends=True) if isinstance(source, str) else source
    made = {"cell_type": kind, "metadata": {"nbgrader": meta} if nbgrader else {}, "source": lines}
    return made | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def write_notebook(file: Path, *cells: dict[str, Any], **more: Any) -> Path:
    """A notebook, one line of JSON per line of source."""
    file.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4} | more, indent=1))
    return file


def test_cells_know_their_lines_and_what_nbgrader_says_of_them(tmp_path: Path) -> None:
    file = write_notebook(
        tmp_path / "hw.ipynb",
        cell('# "cells": [\n\n  last', "markdown"),
        cell("one\ntwo", grade_id="q", grade=True, locked=True, points=4),
        cell(["one\ntwo\n", "three"]),
        cell("", grade_id="t", task=True, points=2, kind="markdown"),
    )
    first, second, third, fourth = read_cells(file)
    lines = file.read_text().splitlines()
    assert [json.loads(lines[line - 1].strip().rstrip(",")) for line in first.lines] == [
        '# "cells": [\n',
        "\n",
        "  last",
    ]
    assert [lines[line - 1].strip() for line in second.lines] == ['"one\\n",', '"two"']
    assert len(third.lines) == 3
    assert (second.label, second.points, second.grade, second.solution, second.locked) == (
        "cell 2 (q)",
        4,
        True,
        False,
        True,
    )
    assert (fourth.grade, fourth.points, fourth.source, len(fourth.lines)) == (True, 2, "", 1)


def test_a_slip_in_a_cell_names_the_cell_and_its_line_in_the_file(tmp_path: Path) -> None:
    file = write_notebook(
        tmp_path / "hw.ipynb", cell("a"), cell("b\n### BEGIN SOLUTION\nc", grade_id="q", solution=True)
    )
    line = next(i for i, text in enumerate(file.read_text().splitlines(), 1) if "BEGIN" in text)
    with pytest.raises(CourseError, match=rf"hw.ipynb:{line}: cell 2 \(q\): BEGIN SOLUTION is never closed"):
        read_cells(file)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"cells": [],\n oops}', r":2: is not JSON: Expecting property name enclosed in double quotes \(column 2\)"),
        (b"[]", "not a notebook of format 4"),
        (b'{"cells": [], "nbformat": 3}', "not a notebook of format 4"),
        (b'{"cells": [{}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "not a notebook: "),
        (b'{"nbformat": 4}', "not a notebook: "),
        (b'{"cells": [1], "metadata": {}, "nbformat": 4}', "not a notebook: "),
        (b'{"cells": 1, "metadata": {}, "nbformat": 4}', "not a notebook: "),
        (b"\xff", "is not UTF-8 text"),
    ],
)
def test_what_is_no_notebook_is_said(data: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "hw.ipynb").write_bytes(data)
    with pytest.raises(CourseError, match=says):
        read_cells(tmp_path / "hw.ipynb")


def test_a_normalised_notebook_depends_on_nothing_but_what_it_says(tmp_path: Path) -> None:
    said = [cell("x = 1\ny", grade_id="q", grade=True, points=1), cell("text →", "markdown")]
    plain = write_notebook(tmp_path / "a.ipynb", *said)
    ran = json.loads(json.dumps(said))
    ran[0] |= {
        "id": "random",
        "execution_count": 7,
        "outputs": [{"output_type": "stream", "name": "stdout", "text": "1"}],
    }
    ran[0]["metadata"]["execution"] = {"iopub.status.busy": "2024-01-01"}
    ran[0]["source"] = "x = 1\ny"
    ran[1]["id"] = "other"
    other = write_notebook(tmp_path / "b.ipynb", *ran, nbformat_minor=5, metadata={"widgets": {"x": 1}})
    assert normalise(plain) == normalise(other)
    (tmp_path / "c.ipynb").write_bytes(normalise(plain))
    assert normalise(tmp_path / "c.ipynb") == normalise(plain)
    assert normalise(plain).endswith(b"}\n")
    assert "→" in normalise(plain).decode()
