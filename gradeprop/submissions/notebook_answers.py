"""Answers in a submitted notebook, by the names of its cells, and a report of everything else that was changed.

A student may tag, move, copy, delete and rewrite cells, and claim anything in their metadata. None of it has an effect:
the notebook that people grade by hand is the released one, with the student's answers inserted.
"""

import contextlib
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

_MAX_METADATA_BYTES = 4096
_MAX_SENTENCES = 12
_MAX_ANSWER_CHARACTERS = 100_000
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
class SubmittedCell:
    """A cell of a submission that has a name, or claims one."""

    name: str
    cell_type: str
    source: str
    tags: tuple[str, ...]
    flags: dict[str, Any]
    """nbgrader metadata that the cell claims"""
    attachments: dict[str, dict[str, str]]
    """its pictures: name → media type → base64"""
    stripped: bool
    """True if its nbgrader metadata is lost, and it was identified by its cell id alone"""


def read(file: Path, cell_ids: dict[str, str]) -> list[SubmittedCell]:
    """Read the named cells of a submitted notebook, in order; return none if it cannot be read, which intake reports.

    Args:
        file: the submitted notebook.
        cell_ids: cell id → name, for cells that have lost their metadata.
    """
    try:
        outline = msgspec.json.decode(file.read_bytes().removeprefix(b"\xef\xbb\xbf"), type=_Outline)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []
    submitted = []
    for raw in outline.cells:
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            submitted.append(_submitted_cell(msgspec.json.decode(raw, type=_Cell), cell_ids))
    return [cell for cell in submitted if cell.name]


def _submitted_cell(cell: _Cell, cell_ids: dict[str, str]) -> SubmittedCell:
    meta, tags = _small(cell.metadata.nbgrader), _small(cell.metadata.tags)
    claim = meta.get("grade_id") if isinstance(meta, dict) else None
    name = claim if isinstance(claim, str) and claim else cell_ids.get(cell.id, "")
    return SubmittedCell(
        name=name,
        cell_type=cell.cell_type,
        source=cell.source if isinstance(cell.source, str) else "".join(cell.source),
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        flags={flag: meta[flag] for flag in _FLAGS if flag in meta} if isinstance(meta, dict) else {},
        attachments=dict(_attachments(cell.attachments)),
        stripped=claim != name,
    )


def _small(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw) if len(bytes(raw)) <= _MAX_METADATA_BYTES else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _attachments(raw: msgspec.Raw) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        every = msgspec.json.decode(raw, type=dict[str, dict[str, str | list[str]]])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return
    for name, output in every.items():
        if _ATTACHED.fullmatch(name) and (pictures := sanitize.safe_pictures(output)):
            yield name, pictures


def cell_ids(cells: Sequence[Cell]) -> dict[str, str]:
    """Return the cell ids of the released notebook, with their names."""
    return {f"cell-{cell.index + 1}": cell.grade_id for cell in cells if cell.grade_id}


def find_problems(cells: Sequence[Cell], submitted: Sequence[SubmittedCell]) -> list[str]:
    """Report to the student which changes of the notebook are ignored.

    Args:
        cells: cells of the instructor's notebook.
        submitted: cells of the submission; empty if its notebook cannot be read, which intake reports.
    """
    sentences = list(_changes(cells, submitted)) if submitted else []
    if len(sentences) > _MAX_SENTENCES:
        sentences[_MAX_SENTENCES:] = [f"{len(sentences) - _MAX_SENTENCES} more cells of the notebook were changed."]
    return sentences


def _changes(cells: Sequence[Cell], submitted: Sequence[SubmittedCell]) -> Iterator[str]:
    known = {cell.grade_id: cell for cell in cells if cell.grade_id}
    by_name: dict[str, list[SubmittedCell]] = {}
    for one in submitted:
        by_name.setdefault(one.name, []).append(one)
    for name, cell in known.items():
        yield from _cell_changes(cell, by_name.get(name, []))
    for name in by_name.keys() - known.keys():
        yield f"The notebook contains a cell named {filename(name)} that is not in the original; it is ignored."
    order = [name for name in dict.fromkeys(one.name for one in submitted) if name in known]
    if order != [name for name in known if name in by_name]:
        yield "The cells of the notebook are in a different order than in the original; the order is ignored."


def _cell_changes(cell: Cell, copies: list[SubmittedCell]) -> Iterator[str]:
    name = filename(cell.grade_id)
    if not copies:
        yield f"Cell {name} of the notebook is missing; it was restored{' without an answer' if cell.solution else ''}."
        return
    if len(copies) > 1:
        effect = "all answers in it are used" if cell.solution else "it is used once"
        yield f"Cell {name} occurs {len(copies)} times in the notebook; {effect}."
    if any(copy.stripped for copy in copies):
        yield f"Cell {name} of the notebook has lost its name, as some editors cause; it was identified by its cell id."
    if any(copy.tags for copy in copies):
        tags = ", ".join(sorted({filename(tag) for copy in copies for tag in copy.tags})[:5])
        yield f"Cell {name} of the notebook has tags ({tags}); they are ignored."
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
        yield f"The metadata of cell {name} was changed ({', '.join(sorted(forged))}); the original metadata is used."
    if not cell.solution and any(
        _words(copy.source) not in (_words(released_source(cell)), _words(cell.source)) for copy in copies
    ):
        yield f"Cell {name} of the notebook was changed; the original is used."


def released_source(cell: Cell) -> str:
    """Return the source of a cell without the regions that the release cuts out."""
    lines = cell.source.split("\n")
    cut = {n for begin, end in regions(lines, "", cell.lines) for n in range(begin.line, end.line + 1)}
    return "\n".join(line for number, line in enumerate(lines) if number not in cut)


def _words(source: str) -> str:
    return " ".join(source.split())


def insert_answers(notebook: Any, submitted: Sequence[SubmittedCell]) -> None:
    """Insert the sanitized answers into the released notebook; everything else that was submitted stays out."""
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if not (meta.get("solution") or meta.get("task")):
            continue
        copies = [copy for copy in submitted if copy.name == meta.get("grade_id") and copy.source.strip()]
        stub = _words(cell.source)
        texts = list(
            dict.fromkeys(copy.source for copy in copies if meta.get("task") is not True or _words(copy.source) != stub)
        )
        if len(texts) > 1:
            texts = [text for text in texts if _words(text) != stub] or texts[:1]
        if not texts:
            continue
        rule = "\n\n---\n\n" if cell.cell_type == "markdown" else "\n\n# ----\n\n"
        answer = rule.join(texts)[:_MAX_ANSWER_CHARACTERS]
        if cell.cell_type == "markdown":
            cell.attachments = {name: pictures for copy in copies for name, pictures in copy.attachments.items()}
            answer = sanitize.for_markdown(answer, cell.attachments)
        cell.source = answer
