"""Reader of a submitted notebook, cell by cell: an odd value costs one cell at most, and memory is bounded.

A valid notebook of ordinary size is decoded at once. In any other, the cells are found by ``tolerant_json`` and decoded
one at a time.
"""

import mmap
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from gradeprop.core.sanitize import filename
from gradeprop.submissions.tolerant_json import ERRORS, TooMuch, as_utf8, decode, place, scan

T = TypeVar("T")

_MAX_BYTES = 64 * 2**20
_MAX_SCANNED_BYTES = 24 * 2**20  # of a notebook that cannot be decoded at once, which needs a multiple of its size
_MAX_CELLS = 2_000
_MAX_COMMAS = 300_000  # of a notebook that is decoded at once; each may become an object of some 60 bytes
_MAX_LINES = 200_000
_MAX_SENTENCES = 5
_MAX_OUTPUTS = 40
_MAX_OUTPUT_COMMAS = 20_000
_MAX_ATTACHMENTS = 20
_MAX_METADATA_BYTES = 4096
_FLAGS = ("grade", "solution", "locked", "task", "points", "cell_type")
_NAME = re.compile(rb'"grade_id"\s*:\s*"([^"\\]{1,80})"')

_SOURCE: Any = str | list[str]
_NONE, _EMPTY, _LIST = msgspec.Raw(b'""'), msgspec.Raw(b"{}"), msgspec.Raw(b"[]")


class _Outline(msgspec.Struct):
    """A notebook; its cells stay undecoded."""

    nbformat: int
    cells: msgspec.Raw


class _Cell(msgspec.Struct):
    """A cell whose parts stay undecoded, so that an odd one costs no other."""

    cell_type: msgspec.Raw = _NONE
    source: msgspec.Raw = _NONE
    metadata: msgspec.Raw = _EMPTY
    id: msgspec.Raw = _NONE
    attachments: msgspec.Raw = _EMPTY
    outputs: msgspec.Raw = _LIST


class _Metadata(msgspec.Struct):
    nbgrader: msgspec.Raw = _EMPTY
    tags: msgspec.Raw = _LIST


class _Data(msgspec.Struct):
    plain: str | list[str] = msgspec.field(default="", name="text/plain")


class _Output(msgspec.Struct):
    text: str | list[str] = ""
    data: _Data = msgspec.field(default_factory=_Data)
    ename: str = ""
    evalue: str = ""


@dataclass(frozen=True, slots=True)
class SubmittedCell:
    """A cell of a submission; everything in it is a claim."""

    number: int
    """position in the notebook, from 1"""
    id: str
    name: str
    """grade_id that its metadata claim; "" if there is none"""
    cell_type: str
    source: str
    tags: tuple[str, ...] = ()
    flags: dict[str, Any] = field(default_factory=dict)
    """nbgrader metadata that the cell claims"""
    attachments: dict[str, dict[str, object]] = field(default_factory=dict)
    """name → media type → base64; unchecked"""
    outputs: msgspec.Raw = field(default_factory=lambda: _LIST)
    """see ``output_text``"""


@dataclass(frozen=True, slots=True)
class SubmittedNotebook:
    """The cells of a notebook that could be read, and sentences on what could not."""

    name: str
    cells: list[SubmittedCell] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read(file: Path) -> SubmittedNotebook:
    """Read a notebook; whatever is in it, every cell that can be read is returned."""
    notebook = SubmittedNotebook(file.name)
    try:
        _read(file, notebook)
    except OSError as error:
        notebook.problems.append(f"{file.name} cannot be read: {error.strerror}.")
    except MemoryError:
        notebook.problems.append(f"{file.name} needs too much memory to be read; clear its outputs.")
    return notebook


def _read(file: Path, notebook: SubmittedNotebook) -> None:
    size = file.stat().st_size
    is_small = size <= _MAX_SCANNED_BYTES
    data, at_once = b"", None
    if size <= _MAX_BYTES:
        _require_memory(3 * size + 2**27)
        data = as_utf8(file.read_bytes()) if is_small else file.read_bytes()
        at_once = _decode_at_once(data)
    if at_once is None and not is_small:
        sentence = f"{file.name} has {size / 2**20:.0f} MiB, which is too large to be read; clear its outputs."
        notebook.problems.append(sentence)
        return
    around = bytearray(data if at_once is None else b"")  # becomes what is around the cells
    raws: Iterable[bytes | msgspec.Raw] = scan(data, "cells", around) if at_once is None else at_once
    lines, unreadable = 0, 0
    try:
        for number, raw in enumerate(raws, 1):
            if number > _MAX_CELLS:
                raise TooMuch(f"more than {_MAX_CELLS:,} cells")
            try:
                cell = _cell(raw, number)
            except ERRORS as error:
                if (unreadable := unreadable + 1) <= _MAX_SENTENCES:
                    name = _NAME.search(bytes(raw))
                    label = f"Cell {number}" + (f" ({filename(name[1].decode(errors='replace'))})" if name else "")
                    notebook.problems.append(f"{label} of {file.name} cannot be read: {error}.")
                continue
            if (lines := lines + cell.source.count("\n")) > _MAX_LINES:
                raise TooMuch(f"more than {_MAX_LINES:,} lines")
            notebook.cells.append(cell)
    except TooMuch as limit:
        count = len(notebook.cells)
        notebook.problems.append(f"{file.name} has {limit}; only its first {count:,} cells are used.")
    else:
        if unreadable > _MAX_SENTENCES:
            notebook.problems.append(f"{unreadable} cells of {file.name} cannot be read.")
        if at_once is None and (wrong := _structure(around, data)):
            notebook.problems.append(f"{file.name} is not a notebook: {wrong}")


def _require_memory(size: int) -> None:
    """Fail before anything is decoded, since msgspec ends the process if memory runs out.

    Raises:
        MemoryError: there is no more room for ``size`` bytes.
    """
    try:
        mmap.mmap(-1, size).close()  # reserved, never touched
    except OSError as error:
        raise MemoryError from error


def _decode_at_once(data: bytes) -> list[msgspec.Raw] | None:
    """Return the cells of a valid notebook, not yet decoded; None if it is not valid, or may need much memory."""
    try:
        cells = msgspec.json.decode(data, type=_Outline).cells
        return msgspec.json.decode(cells, type=list[msgspec.Raw]) if data.count(b",") <= _MAX_COMMAS else None
    except ERRORS:
        return None


def _structure(around: bytearray, data: bytes) -> str:
    """Describe what is wrong outside of the cells; "" if nothing is."""
    try:
        outline = decode(around, _Outline)
    except msgspec.ValidationError as error:
        return f"{error}."
    except ERRORS as error:
        line, column = place(data, str(error))
        return f"it is not JSON (line {line}, column {column}). Save it again in the program that wrote it."
    return "" if bytes(memoryview(outline.cells)[:1]) == b"[" else "it has no list of cells."


def _cell(raw: bytes | msgspec.Raw, number: int) -> SubmittedCell:
    cell = decode(raw, _Cell)
    metadata = _part(cell.metadata, _Metadata, _Metadata())
    meta, tags = _small(metadata.nbgrader), _small(metadata.tags)
    meta = meta if isinstance(meta, dict) else {}
    name = meta.get("grade_id")
    every: dict[str, dict[str, object]] = _part(cell.attachments, dict[str, dict[str, str | list[str]]], {})
    return SubmittedCell(
        number=number,
        id=_part(cell.id, str, ""),
        name=name if isinstance(name, str) else "",
        cell_type=_part(cell.cell_type, str, "raw"),
        source=_text(decode(cell.source, _SOURCE)),
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        flags={flag: meta[flag] for flag in _FLAGS if flag in meta},
        attachments=dict(list(every.items())[:_MAX_ATTACHMENTS]),
        outputs=cell.outputs,
    )


def output_text(cell: SubmittedCell) -> str:
    """Return the text of a cell's outputs."""
    if bytes(cell.outputs).count(b",") > _MAX_OUTPUT_COMMAS:
        return "(These outputs are too large to be shown.)"
    texts = []
    raws: list[msgspec.Raw] = _part(cell.outputs, list[msgspec.Raw], [])
    for raw in raws[:_MAX_OUTPUTS]:
        output = _part(raw, _Output, _Output())
        error = f"{output.ename}: {output.evalue}" if output.ename else ""
        texts.append(_text(output.text) or _text(output.data.plain) or error)
    return "\n".join(text.rstrip("\n") for text in texts if text)


def _text(parts: str | list[str]) -> str:
    return parts if isinstance(parts, str) else "".join(parts)


def _small(raw: msgspec.Raw) -> Any:
    return _part(raw, Any, None) if len(memoryview(raw)) <= _MAX_METADATA_BYTES else None


def _part(raw: msgspec.Raw, kind: Any, default: T) -> T:
    """Decode a part of a cell; the default if it is of another type."""
    try:
        found: T = decode(raw, kind)
    except ERRORS:
        return default
    return found
