"""Notebook parser: cells, their nbgrader metadata, and the line of the ``.ipynb`` file on which each source line is."""

import json
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from gradeprop.core.errors import CourseError
from gradeprop.course.files import read_text
from gradeprop.course.solutions import regions

_SPACE = re.compile(r"[ \t\r\n]*")
_KEPT_METADATA = ("nbgrader", "deletable", "editable", "tags")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a notebook, with its nbgrader metadata."""

    index: int
    lines: tuple[int, ...]
    """line of the file, from 1, for each line of the source"""
    cell_type: str
    source: str
    grade_id: str
    grade: bool
    """True if it carries points: an automatic test, a written answer, or a task"""
    solution: bool
    """True if the student writes in it"""
    locked: bool
    points: float | None

    @property
    def label(self) -> str:
        """The name of the cell in messages."""
        return f"cell {self.index + 1}" + (f" ({self.grade_id})" if self.grade_id else "")


def writable(cells: Iterable[Cell]) -> list[str]:
    """Return the names of the cells that students write in."""
    return [cell.grade_id for cell in cells if cell.solution]


def read_cells(file: Path) -> tuple[Cell, ...]:
    """Read the cells of an instructor's notebook, and check their solution markers.

    Raises:
        CourseError: the file is missing, not JSON, or not a notebook of format 4; or a marker is out of order.
    """
    text = read_text(file)
    notebook = _notebook(text, file)
    positions = _children(text, _children(text, _skip(text, 0))["cells"])
    cells = tuple(_cell(i, raw, text, positions[i]) for i, raw in enumerate(notebook["cells"]))
    for cell in cells:
        regions(cell.source.split("\n"), file, cell.lines, f"{cell.label}: ")
    return cells


def normalise(file: Path) -> bytes:
    """Rewrite a notebook so that its bytes depend on its content alone: fixed ids, no outputs, sorted keys.

    Raises:
        CourseError: see ``read_cells``.
    """
    notebook = _notebook(read_text(file), file)
    for index, cell in enumerate(notebook["cells"]):
        cell["id"] = f"cell-{index + 1}"
        cell["metadata"] = {key: cell["metadata"][key] for key in _KEPT_METADATA if key in cell["metadata"]}
        cell["source"] = "".join(cell["source"]).splitlines(keepends=True)
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook["metadata"] = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook["nbformat_minor"] = 5
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _notebook(text: str, file: Path) -> dict[str, Any]:
    """Parse a notebook and drop the ids of its cells: we assign our own, and nbformat would invent random ones."""
    try:
        notebook = json.loads(text)
    except json.JSONDecodeError as error:
        raise CourseError(f"is not JSON: {error.msg} (column {error.colno})", file, error.lineno) from error
    if not isinstance(notebook, dict) or notebook.get("nbformat") != 4:
        raise CourseError("is not a notebook of format 4", file)
    cells = notebook.get("cells")
    for cell in cells if isinstance(cells, list) else ():
        if isinstance(cell, dict):
            cell.pop("id", None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what nbformat would repair: ``normalise`` repairs it
            nbformat.validate(nbformat.from_dict(notebook | {"nbformat_minor": 4}))
    except nbformat.ValidationError as error:
        raise CourseError(f"is not a notebook: {str(error).splitlines()[0]}", file) from error
    return notebook


def _cell(index: int, raw: dict[str, Any], text: str, position: int) -> Cell:
    source = "".join(raw["source"])
    start = _children(text, position)["source"]
    # every editor writes one line of the file for each line of the source; otherwise all are where the source starts
    starts = list(_children(text, start).values()) if isinstance(raw["source"], list) else []
    starts += [starts[-1] if starts else start] * (source.count("\n") + 1 - len(starts))
    meta = raw["metadata"].get("nbgrader", {})
    points = meta.get("points")
    return Cell(
        index=index,
        lines=tuple(text.count("\n", 0, at) + 1 for at in starts),
        cell_type=raw["cell_type"],
        source=source,
        grade_id=str(meta.get("grade_id", "")),
        grade=bool(meta.get("grade")) or bool(meta.get("task")),
        solution=bool(meta.get("solution")),
        locked=bool(meta.get("locked")),
        points=float(points) if isinstance(points, int | float) else None,
    )


def _children(text: str, position: int) -> dict[Any, int]:
    """Return where each value of the JSON object or array at ``position`` starts, by key or index."""
    found: dict[Any, int] = {}
    is_object, position = text[position] == "{", _skip(text, position + 1)
    while text[position] not in "}]":
        key: Any = len(found)
        if is_object:
            key, position = _DECODER.raw_decode(text, position)
            position = _skip(text, _skip(text, position) + 1)
        found[key] = position
        position = _skip(text, _DECODER.raw_decode(text, position)[1])
        position = _skip(text, position + 1) if text[position] == "," else position
    return found


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    assert match is not None
    return match.end()
