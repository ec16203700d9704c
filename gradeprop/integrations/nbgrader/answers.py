"""Insert what a student wrote into the released notebook: the answers into their cells, everything else next to them.

Inserted text is sanitized. Text outside the answer cells becomes Markdown cells without nbgrader metadata: code in them
is never run, and they can claim no points.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from nbformat.v4 import new_markdown_cell

from gradeprop.core import sanitize
from gradeprop.core.sanitize import Markdown
from gradeprop.submissions.notebook_answers import Outside, compare, from_notebook
from gradeprop.submissions.notebook_cells import SubmittedCell, SubmittedNotebook, output_text

_MAX_ANSWER = 100_000
"""characters shown of one answer"""
_MAX_OUTSIDE = 100_000
"""characters shown of all text outside the answer cells together"""
_MAX_OUTSIDE_CELLS = 100
_MAX_OUTPUT = 2_000
"""characters shown of the outputs of one cell outside the answer cells"""


def insert(notebook: Any, submitted: SubmittedNotebook, where: str) -> None:
    """Insert the submitted text into the released notebook.

    Args:
        notebook: the released notebook; changed.
        where: the submitted file, for sentences on what is not shown.
    """
    found = compare(from_notebook(notebook), submitted)
    outside = _OutsideCells(where)
    cells = [*outside.write(found.outside.get(-1, []))]
    for index, cell in enumerate(notebook.cells):
        meta = cell.metadata.get("nbgrader", {})
        if meta.get("solution") or meta.get("task"):
            _insert_answer(cell, found.copies.get(index, []), where)
        cells += [cell, *outside.write(found.outside.get(index, []))]
    notebook.cells = [*cells, *outside.rest()]


def _insert_answer(cell: Any, copies: Sequence[SubmittedCell], where: str) -> None:
    """Replace the source of an answer cell by all different answers."""
    stub, is_task = cell.source.split(), cell.metadata.nbgrader.get("task")
    written = list({copy.source: copy for copy in copies if copy.source.strip() or copy.attachments}.values())
    changed = [copy for copy in written if copy.source.split() != stub or copy.attachments]
    room, cut, texts = _MAX_ANSWER, 0, []
    for copy in changed or ([] if is_task else written[:1]):
        answer = _safe(copy, copy.source, room) if cell.cell_type == "markdown" else _cut(copy.source, room)
        room, cut = room - len(answer.text), cut + answer.cut
        texts += [answer.text] if answer.text else []
        if answer.pictures:
            cell.attachments = {**cell.get("attachments", {}), **answer.pictures}
    if texts and cell.cell_type == "markdown":
        cell.source = "\n\n---\n\n".join(texts) + _rest(cut, where)
    elif texts:
        cell.source = "\n\n# ----\n\n".join(texts) + (f"\n\n# {cut:,} more characters are in {where}" if cut else "")


def _safe(cell: SubmittedCell, text: str, room: int) -> Markdown:
    return sanitize.with_pictures(text, cell.attachments, max(room, 0))


def _cut(text: str, room: int) -> Markdown:
    shown = text[: max(room, 0)]
    return Markdown(sanitize.without_control(shown), {}, len(text) - len(shown))


def _rest(cut: int, where: str) -> str:
    """Say how much was cut off, and where it is; "" if nothing was."""
    return f"\n\n*{cut:,} more characters are in {sanitize.for_markdown_line(where)}*" if cut else ""


class _OutsideCells:
    """Makes cells of the text outside the answer cells, up to a limit on all of them together."""

    def __init__(self, where: str) -> None:
        self._where, self._room, self._count = where, _MAX_OUTSIDE, 0
        self._left_out: list[int] = []  # the length of each

    def write(self, texts: Sequence[Outside]) -> Iterator[Any]:
        for one in texts:
            if self._room <= 0 or self._count == _MAX_OUTSIDE_CELLS:
                self._left_out.append(len(one.text))
                continue
            self._count += 1
            body = self._body(one)
            self._room -= len(body.text)
            what, never_run = ("code", "; it was not run") if one.cell.cell_type == "code" else ("text", "")
            where = "added to the cell above" if one.is_added else "wrote in a new cell"
            label = f"**Outside the answer cells:** {what} that the student {where}{never_run}"
            source = f"{label}\n\n{body.text}{_rest(body.cut, self._where)}"
            yield new_markdown_cell(source, id=f"outside-{self._count}", attachments=body.pictures)

    def rest(self) -> Iterator[Any]:
        """Say what is not shown."""
        if self._left_out:
            count, length = len(self._left_out), sum(self._left_out)
            where = sanitize.for_markdown_line(self._where)
            text = f"**Outside the answer cells:** {count:,} more cells with {length:,} characters are in {where}"
            yield new_markdown_cell(text, id="outside-rest")

    def _body(self, one: Outside) -> Markdown:
        if one.cell.cell_type == "markdown":
            return _safe(one.cell, one.text, self._room)
        text, output = _cut(one.text, self._room), _cut(output_text(one.cell), _MAX_OUTPUT)
        body = _fenced(text.text, "python" if one.cell.cell_type == "code" else "")
        if output.text and not one.is_added:
            body += f"\n\nIts output, as submitted:\n\n{_fenced(output.text)}"
        return Markdown(body, {}, text.cut + output.cut)


def _fenced(text: str, language: str = "") -> str:
    """Quote text in a fence that it cannot close."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{sanitize.for_markdown(text)}\n{fence}"
