"""Strip solutions, and read the cells of a notebook: what stands where, down to the line of the ``.ipynb`` file.

### BEGIN SOLUTION Task 2.1: build the layers    becomes    raise NotImplementedError("Task 2.1: build the layers")
…                                                           at the marker's indentation
### END SOLUTION
"""

import ast
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from json.decoder import scanstring
from pathlib import Path
from typing import Any

import nbformat

from gradeprop.errors import CourseError

REGIONS = ("SOLUTION", "HIDDEN TESTS", "MARK SCHEME")
"""what nbgrader cuts out of a notebook: from ``BEGIN <region>`` to ``END <region>``"""

_MARKER = re.compile(rf"\b(BEGIN|END) ({'|'.join(REGIONS)})\b[ \t]*(.*)")
_SPACE = re.compile(r"[ \t\r\n]*")
_KEPT_METADATA = ("nbgrader", "deletable", "editable", "tags")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Marker:
    """One ``BEGIN`` or ``END`` in a text; ``line`` is its index in the lines, from 0."""

    line: int
    begins: bool
    region: str
    text: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a notebook, and what nbgrader's metadata says of it."""

    index: int
    lines: tuple[int, ...]
    """the line of the file that each line of the source stands on, from 1"""
    cell_type: str
    source: str
    grade_id: str
    grade: bool
    """it carries points: an automatic test, a written answer, or a task"""
    solution: bool
    locked: bool
    points: float | None

    @property
    def line(self) -> int:
        """The line of the file that the source starts on."""
        return self.lines[0]

    @property
    def label(self) -> str:
        """How to name the cell to a person."""
        return f"cell {self.index + 1}" + (f" ({self.grade_id})" if self.grade_id else "")


def strip_python(text: str, where: Path | str) -> str:
    """The text without its solutions; what remains compiles.

    Raises:
        CourseError: a marker is not closed, is nested, stands alone or says no task; or the rest is not Python.
    """
    lines = text.splitlines(keepends=True)
    kept, start = [], 0
    for begin, end in regions(lines, where, range(1, len(lines) + 1)):
        if begin.region != "SOLUTION" or not begin.text:
            wanted = "### BEGIN SOLUTION <what the student has to do>"
            raise CourseError(f"in Python files a region begins with: {wanted}", where, begin.line + 1)
        indent = lines[begin.line][: -len(lines[begin.line].lstrip())]
        kept += [*lines[start : begin.line], f"{indent}raise NotImplementedError({_quoted(begin.text)})\n"]
        start = end.line + 1
    stripped = "".join([*kept, *lines[start:]])
    try:
        ast.parse(stripped)
    except SyntaxError as error:
        message = f"without its solutions this is no Python: {error.msg}, at {(error.text or '').strip()!r}"
        raise CourseError(message, where) from error
    return stripped


def regions(lines: Sequence[str], where: Path | str, numbers: Sequence[int]) -> list[tuple[Marker, Marker]]:
    """The marked regions of a text, each as its two markers.

    Args:
        numbers: the line of the file that each line stands on.

    Raises:
        CourseError: a marker is not closed, is nested, or stands alone.
    """
    found: list[tuple[Marker, Marker]] = []
    begin: Marker | None = None
    for marker in _markers(lines):
        number = numbers[marker.line]
        if marker.begins and begin is not None:
            raise CourseError(f"BEGIN {marker.region} inside BEGIN {begin.region}", where, number)
        if not marker.begins and (begin is None or begin.region != marker.region):
            raise CourseError(f"END {marker.region} without a BEGIN before it", where, number)
        if begin is not None:
            found.append((begin, marker))
        begin = marker if marker.begins else None
    if begin is not None:
        raise CourseError(f"BEGIN {begin.region} is never closed by END {begin.region}", where, numbers[begin.line])
    return found


def read_cells(file: Path) -> tuple[Cell, ...]:
    """The cells of an instructor's notebook; the markers of each are in order.

    Raises:
        CourseError: the file is not there, not JSON or not a notebook of format 4; or a marker is not in order.
    """
    text = _text(file)
    notebook = _notebook(text, file)
    positions = _children(text, _children(text, _start(text))["cells"])
    cells = tuple(_cell(i, raw, text, positions[i], file) for i, raw in enumerate(notebook["cells"]))
    for cell in cells:
        regions(cell.source.split("\n"), f"{file} {cell.label}", cell.lines)
    return cells


def normalised(file: Path) -> bytes:
    """The notebook as bytes that depend on nothing but what it says: fixed ids, no outputs, keys sorted."""
    notebook = _notebook(_text(file), file)
    for index, cell in enumerate(notebook["cells"]):
        metadata = cell["metadata"]
        name = metadata.get("nbgrader", {}).get("grade_id") or f"cell-{index + 1}"
        cell["id"] = re.sub(r"[^A-Za-z0-9_-]", "-", name)[:64]
        cell["metadata"] = {key: metadata[key] for key in _KEPT_METADATA if key in metadata}
        cell["source"] = "".join(cell["source"]).splitlines(keepends=True)
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook["metadata"] = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook["nbformat"], notebook["nbformat_minor"] = 4, 5
    _validated(notebook, file)
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _markers(lines: Sequence[str]) -> Iterator[Marker]:
    for index, line in enumerate(lines):
        if match := _MARKER.search(line):
            yield Marker(index, match[1] == "BEGIN", match[2], match[3].strip().removesuffix("-->").strip())


def _quoted(text: str) -> str:
    """As ruff would quote it."""
    return json.dumps(text, ensure_ascii=False) if '"' not in text else repr(text)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"cannot be read: {error}", file) from error


def _notebook(text: str, file: Path) -> dict[str, Any]:
    try:
        notebook = json.loads(text)
    except json.JSONDecodeError as error:
        raise CourseError(f"not JSON: {error.msg} (column {error.colno})", file, error.lineno) from error
    if not isinstance(notebook, dict) or notebook.get("nbformat") != 4 or not isinstance(notebook.get("cells"), list):
        raise CourseError("not a notebook of format 4", file)
    for cell in notebook["cells"]:
        cell.pop("id", None)  # ids are ours, see ``normalised``; nbformat would invent random ones
    _validated(notebook | {"nbformat_minor": 4}, file)
    return notebook


def _validated(notebook: dict[str, Any], file: Path) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it mends in silence, ``normalised`` mends
            nbformat.validate(nbformat.from_dict(notebook))
    except nbformat.ValidationError as error:
        raise CourseError(f"not a notebook: {str(error).splitlines()[0]}", file) from error


def _cell(index: int, raw: dict[str, Any], text: str, position: int, file: Path) -> Cell:
    source = "".join(raw["source"])
    start = _children(text, position)["source"]
    count = source.count("\n") + 1
    starts = [start] * count
    if isinstance(raw["source"], list) and all(part.count("\n") <= 1 for part in raw["source"]):
        starts = list(_children(text, start).values())[:count]
        starts += [starts[-1] if starts else start] * (count - len(starts))
    lines = tuple(text.count("\n", 0, at) + 1 for at in starts)
    meta = raw["metadata"].get("nbgrader", {})
    if not isinstance(meta, dict):
        raise CourseError(f"cell {index + 1}: its nbgrader metadata is no object", file, lines[0])
    points = meta.get("points")
    return Cell(
        index=index,
        lines=lines,
        cell_type=raw["cell_type"],
        source=source,
        grade_id=str(meta.get("grade_id", "")),
        grade=bool(meta.get("grade")) or bool(meta.get("task")),
        solution=bool(meta.get("solution")),
        locked=bool(meta.get("locked")),
        points=float(points) if isinstance(points, int | float) and not isinstance(points, bool) else None,
    )


def _children(text: str, position: int) -> dict[Any, int]:
    """Where each value of the JSON object or array at ``position`` starts, by key or index."""
    found: dict[Any, int] = {}
    is_object, position = text[position] == "{", _skip(text, position + 1)
    while text[position] not in "}]":
        key: Any = len(found)
        if is_object:
            key, position = scanstring(text, position + 1)
            position = _skip(text, _skip(text, position) + 1)
        found[key] = position
        position = _skip(text, _DECODER.raw_decode(text, position)[1])
        position = _skip(text, position + 1) if text[position] == "," else position
    return found


def _start(text: str) -> int:
    return _skip(text, 0)


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    assert match is not None
    return match.end()
