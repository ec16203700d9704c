"""Shows the lines of ``check`` while they appear: as text in a shell; in a notebook with colours and links, too."""

import html
import itertools
import re
import sys

LINE = re.compile(r"student_code\.py, line (\d+)")
DETAILS = ("    your code printed:", "    Python says:")  # lines that are folded in a notebook
MANY = 4  # as many passed checks in a row are folded, too
INDENT = "2em"
PASSED = "passed."  # the end of the last line, if all is well
COLOURS = {"✓": "var(--jp-success-color1, #1a7f37)", "✗": "var(--jp-error-color1, #cf222e)"}


class LiveOutput:
    """Text that grows. ``text`` is all of it so far."""

    def __init__(self) -> None:
        self.text = ""
        self._display = None
        if "ipykernel" in sys.modules:
            from IPython import get_ipython
            from IPython.display import DisplayHandle

            self._display = DisplayHandle() if hasattr(get_ipython(), "kernel") else None

    def write(self, text: str) -> None:
        """Add text, and show it at once."""
        is_first = not self.text
        self.text += text
        if self._display is None:
            print(text, end="", flush=True)
        elif text:
            bundle = {"text/plain": self.text.rstrip("\n"), "text/html": to_html(self.text)}
            show = self._display.display if is_first else self._display.update
            show(bundle, raw=True)


def to_html(text: str) -> str:
    """Colour the marks, link lines of student_code.py, and fold what a reader rarely needs. All text is escaped."""
    parts = [_block(kind, list(lines)) for kind, lines in itertools.groupby(text.splitlines(), _kind)]
    return f'<div style="font-family: var(--jp-code-font-family, monospace)">{"".join(parts)}</div>'


def _kind(line: str) -> str:
    return "details" if line.startswith(DETAILS) else line[:1] if line[:1] in COLOURS else ""


def _block(kind: str, lines: list[str]) -> str:
    """Return the HTML of consecutive lines of one kind."""
    rows = "".join(_row(line) for line in lines)
    if kind == "details":
        return f'<details style="margin-left: {INDENT}"><summary>Details</summary>{rows}</details>'
    if kind == "✓" and len(lines) >= MANY:
        return f"<details><summary>{_line(f'✓ {len(lines)} checks passed')}</summary>{rows}</details>"
    return rows


def _row(line: str) -> str:
    indent = INDENT if line.startswith(" ") else "0"
    return f'<div style="white-space: pre-wrap; margin-left: {indent}">{_line(line.strip())}</div>'


def _line(line: str) -> str:
    """Return the HTML of one line; JupyterLab opens the link at that line, which it counts from 0."""
    mark, rest = (line[0], line[1:]) if line[:1] in COLOURS else ("", line)
    text = LINE.sub(
        lambda found: f'<a href="student_code.py#line={int(found[1]) - 1}">{found[0]}</a>', html.escape(rest)
    )
    return f'<b style="color: {COLOURS[mark]}">{mark}</b>{text}' if mark else text
