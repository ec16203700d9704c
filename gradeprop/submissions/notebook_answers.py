"""What counts of a notebook that was handed in: the answers in its cells, by name; sentences on what else differs.

A student may tag, move, copy, delete and rewrite cells, and say anything in their metadata. None of it is obeyed: the
notebook that people grade by hand is the one that was handed out, with the answers put in.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from gradeprop.core import sanitize
from gradeprop.core.sanitize import filename
from gradeprop.course.notebook import Cell
from gradeprop.course.solutions import regions

_META_BYTES = 4096
_SENTENCES = 12
_ANSWER_CHARACTERS = 100_000
_FLAGS = ("grade", "solution", "locked", "task", "points", "cell_type")
_ATTACHED = re.compile(r"[\w.-]{1,100}")


class _Outline(msgspec.Struct):
    cells: list[msgspec.Raw]


class _Metadata(msgspec.Struct):
    nbgrader: msgspec.Raw = msgspec.Raw(b"{}")
    tags: msgspec.Raw = msgspec.Raw(b"[]")


class _Cell(msgspec.Struct):
    cell_type: str
    source: str | list[str]
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    id: str = ""
    attachments: msgspec.Raw = msgspec.Raw(b"{}")


@dataclass(frozen=True, slots=True)
class Found:
    """A cell of a submission that goes by the name of one that was handed out, or claims a name."""

    name: str
    cell_type: str
    source: str
    tags: tuple[str, ...]
    flags: dict[str, Any]
    """what it says of itself"""
    attachments: dict[str, dict[str, str]]
    """pictures in it, by name: media type → base64"""
    stripped: bool
    """it has lost its nbgrader metadata, and is known by the id of its cell alone"""


def read(file: Path, ids: dict[str, str]) -> list[Found]:
    """The named cells of a submitted notebook, in its order; none where it cannot be read, which intake tells.

    Args:
        ids: cell id → name, for cells that have lost their metadata.
    """
    try:
        outline = msgspec.json.decode(file.read_bytes().removeprefix(b"\xef\xbb\xbf"), type=_Outline)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []
    found = []
    for raw in outline.cells:
        try:
            cell = msgspec.json.decode(raw, type=_Cell)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        if named := _named(cell, ids):
            found.append(named)
    return found


def _named(cell: _Cell, ids: dict[str, str]) -> Found | None:
    meta, tags = _small(cell.metadata.nbgrader), _small(cell.metadata.tags)
    said = meta.get("grade_id") if isinstance(meta, dict) else None
    name = said if isinstance(said, str) and said else ids.get(cell.id, "")
    return (
        name
        and Found(
            name=name,
            cell_type=cell.cell_type,
            source=cell.source if isinstance(cell.source, str) else "".join(cell.source),
            tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
            flags={flag: meta[flag] for flag in _FLAGS if flag in meta} if isinstance(meta, dict) else {},
            attachments=dict(_attachments(cell.attachments)),
            stripped=said != name,
        )
    ) or None


def _small(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw) if len(bytes(raw)) <= _META_BYTES else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _attachments(raw: msgspec.Raw) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        every = msgspec.json.decode(raw, type=dict[str, dict[str, str | list[str]]])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return
    for name, course in every.items():
        if _ATTACHED.fullmatch(name) and (kept := sanitize.safe_pictures(course)):
            yield name, kept


def ids(cells: Sequence[Cell]) -> dict[str, str]:
    """The ids that the cells of a release have, with their names."""
    return {f"cell-{cell.index + 1}": cell.grade_id for cell in cells if cell.grade_id}


def problems(cells: Sequence[Cell], found: Sequence[Found]) -> list[str]:
    """Sentences for the student on what of a notebook was changed and counts for nothing.

    Args:
        cells: those of the instructor's notebook.
        found: empty where the notebook could not be read: that is said elsewhere.
    """
    said = list(_problems(cells, found)) if found else []
    if len(said) > _SENTENCES:
        said[_SENTENCES:] = [f"{len(said) - _SENTENCES} more cells of the notebook were changed."]
    return said


def _problems(cells: Sequence[Cell], found: Sequence[Found]) -> Iterator[str]:
    known = {cell.grade_id: cell for cell in cells if cell.grade_id}
    by_name: dict[str, list[Found]] = {}
    for one in found:
        by_name.setdefault(one.name, []).append(one)
    for name, cell in known.items():
        yield from _of_cell(cell, by_name.get(name, []))
    for name in by_name.keys() - known.keys():
        yield f"The notebook holds a cell named {filename(name)}, which was not handed out; it counts for nothing."
    order = [name for name in dict.fromkeys(one.name for one in found) if name in known]
    if order != [name for name in known if name in by_name]:
        yield "The cells of the notebook stand in another order than they were handed out in; that changes nothing."


def _of_cell(cell: Cell, copies: list[Found]) -> Iterator[str]:
    what = f"the cell {filename(cell.grade_id)} of the notebook"
    if not copies:
        yield f"{what.capitalize()} is missing; it was put back{' without an answer' if cell.solution else ''}."
        return
    if len(copies) > 1:
        counts = "all answers in it are read" if cell.solution else "it counts once"
        yield f"{what.capitalize()} is there {len(copies)} times; {counts}."
    if any(copy.stripped for copy in copies):
        yield f"{what.capitalize()} has lost its name, as some editors do; it was found by its place."
    if any(copy.tags for copy in copies):
        tags = ", ".join(sorted({filename(tag) for copy in copies for tag in copy.tags})[:5])
        yield f"{what.capitalize()} carries tags ({tags}); they change nothing."
    wanted = {"grade": cell.grade, "solution": cell.solution, "locked": cell.locked, "points": cell.points}
    forged = {
        flag
        for copy in copies
        for flag, value in copy.flags.items()
        if (flag in wanted and value != wanted[flag] and (value or wanted[flag]))
        or (flag == "cell_type" and value != cell.cell_type)
    }
    forged |= {"cell_type" for copy in copies if copy.cell_type != cell.cell_type}
    if forged:
        yield f"What {what} says of itself was changed ({', '.join(sorted(forged))}); what was handed out counts."
    if not cell.solution and any(
        _words(copy.source) not in (_words(handed_out(cell)), _words(cell.source)) for copy in copies
    ):
        yield f"{what.capitalize()} was changed; the one that was handed out counts."


def handed_out(cell: Cell) -> str:
    """The source of a cell without what is cut out for the release."""
    lines = cell.source.split("\n")
    cut = {n for begin, end in regions(lines, "", cell.lines) for n in range(begin.line, end.line + 1)}
    return "\n".join(line for number, line in enumerate(lines) if number not in cut)


def _words(source: str) -> str:
    return " ".join(source.split())


def put_in(notebook: Any, found: Sequence[Found]) -> None:
    """Put the answers into the notebook that was handed out, made harmless; what else was handed in stays out."""
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if not (meta.get("solution") or meta.get("task")):
            continue
        copies = [copy for copy in found if copy.name == meta.get("grade_id") and copy.source.strip()]
        stub = _words(cell.source)
        texts = list(
            dict.fromkeys(copy.source for copy in copies if meta.get("task") is not True or _words(copy.source) != stub)
        )
        if len(texts) > 1:
            texts = [text for text in texts if _words(text) != stub] or texts[:1]
        if not texts:
            continue
        rule = "\n\n---\n\n" if cell.cell_type == "markdown" else "\n\n# ----\n\n"
        answer = rule.join(texts)[:_ANSWER_CHARACTERS]
        if cell.cell_type == "markdown":
            cell.attachments = {name: course for copy in copies for name, course in copy.attachments.items()}
            answer = sanitize.for_markdown(answer, cell.attachments)
        cell.source = answer
