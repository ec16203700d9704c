"""Compare a submitted notebook with the released one: answers, text outside of them, and a report of other changes.

A student may tag, move, copy, delete and rewrite cells, and claim anything in their metadata. None of it has an effect:
the notebook that people grade by hand is the released one, with the student's answers inserted, and with a copy of
everything that the student wrote elsewhere. A cell is found by its name, its text, its id, or its position.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from gradeprop.core.sanitize import filename
from gradeprop.course.notebook import Cell
from gradeprop.course.solutions import regions
from gradeprop.submissions.notebook_cells import SubmittedCell, SubmittedNotebook

_MAX_SENTENCES = 12
_MAX_COMPARED = 200_000
"""characters of a cell that is compared with the release; a longer one is the student's own, whatever is in it"""
_MAX_COMPARED_TOGETHER = 2_000_000
_MIN_LINE = 12
"""characters of a line that is unlikely to occur in two places by chance"""
_DIAGRAM = re.compile(r'!\[([^\[\]]*)\]\([\w./-]+\.svg\)|<img alt="([^"]*)" src="data:image/svg\+xml;base64,[\w+/=]*">')
"""as the instructor's notebook links it, or as ``course.diagrams`` embeds it in the release"""


@dataclass(frozen=True, slots=True)
class ReleasedCell:
    """A cell of the released notebook."""

    id: str
    name: str
    cell_type: str
    source: str
    is_answer: bool
    """True if the student writes in it; its source is not compared"""


@dataclass(frozen=True, slots=True)
class Outside:
    """Text that a student wrote outside the answer cells."""

    cell: SubmittedCell
    text: str
    """without the lines of the release"""
    is_added: bool
    """True if it was added to a released cell; False if it is a cell of its own"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The cells of a submitted notebook, by the cells of the release."""

    copies: dict[int, list[SubmittedCell]] = field(default_factory=dict)
    """index of the released cell → its copies, in order"""
    outside: dict[int, list[Outside]] = field(default_factory=dict)
    """index of the released cell that it follows, -1 for the top → text"""


def from_course(cells: Sequence[Cell]) -> list[ReleasedCell]:
    """Return what the release shows of the instructor's cells."""
    return [
        ReleasedCell(
            id=f"cell-{cell.index + 1}",
            name=cell.grade_id,
            cell_type=cell.cell_type,
            source=_released_source(cell),
            is_answer=cell.solution or (cell.grade and cell.cell_type == "markdown"),
        )
        for cell in cells
    ]


def from_notebook(notebook: Any) -> list[ReleasedCell]:
    """Return the cells of the released notebook."""
    released = []
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        is_answer = bool(meta.get("solution") or meta.get("task"))
        released.append(ReleasedCell(cell.id, meta.get("grade_id", ""), cell.cell_type, cell.source, is_answer))
    return released


def _released_source(cell: Cell) -> str:
    """Return the source of a cell without the regions that the release cuts out."""
    lines = cell.source.split("\n")
    cut = {n for begin, end in regions(lines, "", cell.lines) for n in range(begin.line, end.line + 1)}
    return "\n".join(line for number, line in enumerate(lines) if number not in cut)


def compare(released: Sequence[ReleasedCell], notebook: SubmittedNotebook) -> Comparison:
    """Find the released cells in a submitted notebook, and what the student wrote outside the answer cells."""
    sources = _comparable(notebook.cells)
    found = _match(released, notebook.cells, sources)
    result = Comparison()
    last = -1
    for position, cell in enumerate(notebook.cells):
        index = found.get(position)
        if index is not None:
            last = index
            result.copies.setdefault(index, []).append(cell)
            if released[index].is_answer:
                continue
        is_added = index is not None and bool(sources[position])
        text = _additions(released[last], cell.source) if is_added else cell.source.strip()
        if text:
            result.outside.setdefault(last, []).append(Outside(cell, text, is_added))
    return result


def _comparable(cells: Sequence[SubmittedCell]) -> list[str]:
    """Return the source of each cell; "" if it is too long to be compared."""
    room, sources = _MAX_COMPARED_TOGETHER, []
    for cell in cells:
        size = len(cell.source)
        sources.append(cell.source if size <= min(room, _MAX_COMPARED) else "")
        room -= len(sources[-1])
    return sources


def _match(released: Sequence[ReleasedCell], cells: Sequence[SubmittedCell], sources: Sequence[str]) -> dict[int, int]:
    """Return the index of the released cell for the position of each submitted one that was found."""
    # by name
    names = {cell.name: index for index, cell in enumerate(released) if cell.name}
    found = {at: names[cell.name] for at, cell in enumerate(cells) if cell.name in names}
    # by text: an answer's own is unknown
    known = [(index, cell) for index, cell in enumerate(released) if not cell.is_answer]
    texts = {_words(cell.source): index for index, cell in known if cell.source.strip()}
    nameless = [(at, cell) for at, cell in enumerate(cells) if not cell.name]
    found |= {at: texts[words] for at, cell in nameless if (words := _words(sources[at])) in texts}
    # by id, or else by lines that occur in one released cell alone
    lines = Counter(line for _, cell in known for line in _long_lines(cell.source))
    owners = {line: index for index, cell in known for line in _long_lines(cell.source) if lines[line] == 1}
    ids = {cell.id: index for index, cell in enumerate(released)}
    for at, cell in nameless:
        if at not in found:
            shared = Counter(owners[line] for line in _long_lines(sources[at]) if line in owners)
            by_id = ids.get(cell.id, -1)
            is_likely = by_id >= 0 and (released[by_id].is_answer or shared[by_id] > 0)
            free = [index for index in ([by_id] if is_likely else shared) if index not in found.values()]
            if free:
                found[at] = max(free, key=lambda index: shared[index])
    return found | _by_position(released, cells, found)


def _by_position(
    released: Sequence[ReleasedCell], cells: Sequence[SubmittedCell], found: Mapping[int, int]
) -> dict[int, int]:
    """Find answers by what stands before or after them; for editors that drop names and ids."""
    at = {index: position for position, index in found.items()}  # the last copy counts
    more: dict[int, int] = {}
    for index, cell in enumerate(released):
        if not cell.is_answer or index in at:
            continue
        first = at[index - 1] + 1 if index - 1 in at else None
        end = next((at[later] for later in range(index + 1, len(released)) if later in at), len(cells))
        if first is None and index + 1 in at:
            first = next((p + 1 for p in range(end - 1, -1, -1) if p in found or p in more), 0)
        gap = [p for p in range(first, end) if p not in found and p not in more] if first is not None else []
        gap = [p for p in gap if not cells[p].name]
        same = [p for p in gap if cells[p].cell_type == cell.cell_type] or gap
        if same:
            more[same[0]], at[index] = index, same[0]
    return more


def _long_lines(source: str) -> set[str]:
    return {line for line in map(_words, source.splitlines()) if len(line) >= _MIN_LINE}


def _words(source: str) -> str:
    """Return the words of a text, one space between them; a diagram counts by its text: the release contains it."""
    return " ".join(_DIAGRAM.sub(lambda diagram: diagram[1] or unescape(diagram[2] or ""), source).split())


def _additions(released: ReleasedCell, submitted: str) -> str:
    """Return what was added to a cell, without its old lines; prose may continue an old line."""
    if _words(released.source) == _words(submitted):
        return ""
    old = {_words(line) for line in released.source.splitlines()} - {""}
    starts = [f"{line} " for line in sorted(old, key=len, reverse=True) if len(line) >= _MIN_LINE]
    added = []
    for line in submitted.splitlines():
        words = _words(line)
        if words not in old:
            start = next((each for each in starts if words.startswith(each)), "")
            added.append(words.removeprefix(start) if start and released.cell_type != "code" else line)
    return "\n".join(added).strip("\n")


def find_problems(cells: Sequence[Cell], notebook: SubmittedNotebook) -> list[str]:
    """Report to the student which changes of the notebook are ignored, and what was written in unexpected places.

    Args:
        cells: cells of the instructor's notebook; empty if it cannot be read.
        notebook: the submitted notebook; without cells if it cannot be read, which validation reports.
    """
    if not cells or not notebook.cells:
        return []
    released = from_course(cells)
    found = compare(released, notebook)
    sentences = [*_outside(released, found, notebook.name), *_changes(cells, found, notebook.cells)]
    if len(sentences) > _MAX_SENTENCES:
        sentences[_MAX_SENTENCES:] = [f"{len(sentences) - _MAX_SENTENCES} more cells of the notebook were changed."]
    return sentences


def _outside(released: Sequence[ReleasedCell], found: Comparison, name: str) -> Iterator[str]:
    if not found.copies:
        yield f"None of the cells of the released notebook was found in {name}; the person who grades sees its text."
        return
    texts = [(index, one) for index, every in sorted(found.outside.items()) for one in every]
    texts = [(index, one) for index, one in texts if one.cell.cell_type != "code"]
    if texts:
        index, first = texts[0]
        above = released[index].name or _start(released[index].source) if index >= 0 else "the top of the notebook"
        count = "1 place" if len(texts) == 1 else f"{len(texts)} places"
        yield (
            f"The notebook has text outside the answer cells, in {count}; the person who grades sees it. "
            f"The first is below {above}: {_start(first.text)}"
        )


def _start(text: str) -> str:
    """Quote the start of the first line of a text."""
    return f"“{filename(next(iter(text.lstrip()[:200].splitlines()), ''))}”"


def _changes(cells: Sequence[Cell], found: Comparison, submitted: Sequence[SubmittedCell]) -> Iterator[str]:
    known = {cell.grade_id: cell for cell in cells if cell.grade_id}
    for cell in known.values():
        yield from _cell_changes(cell, found.copies.get(cell.index, []))
    for name in dict.fromkeys(one.name for one in submitted if one.name and one.name not in known):
        yield f"The notebook contains a cell named {filename(name)} that is not in the original; its name is ignored."
    if lost := [
        name for name, cell in known.items() if any(one.name != name for one in found.copies.get(cell.index, []))
    ]:
        names = ", ".join(map(filename, lost))
        yield f"Cells that have lost their names, as some editors cause, were found by id, text or position: {names}."
    by_number = {one.number: cell.index for cell in known.values() for one in found.copies.get(cell.index, [])}
    order = list(dict.fromkeys(by_number[number] for number in sorted(by_number)))
    if order != sorted(order):
        yield "The cells of the notebook are in a different order than in the original; the order is ignored."


def _cell_changes(cell: Cell, copies: list[SubmittedCell]) -> Iterator[str]:
    name = filename(cell.grade_id)
    if not copies:
        yield f"Cell {name} of the notebook is missing; it was restored{' without an answer' if cell.solution else ''}."
        return
    if len(copies) > 1:
        effect = "all answers in it are used" if cell.solution else "it is used once"
        yield f"Cell {name} occurs {len(copies)} times in the notebook; {effect}."
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
        _words(copy.source) not in (_words(_released_source(cell)), _words(cell.source)) for copy in copies
    ):
        yield f"Cell {name} of the notebook was changed; the original is used."
