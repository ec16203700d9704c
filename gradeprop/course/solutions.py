"""Solution markers: find and strip the regions that students must not see.

### BEGIN SOLUTION Task 1.2: build the layers    becomes    raise NotImplementedError("Task 1.2: build the layers")
…                                                           at the marker's indentation
### END SOLUTION
"""

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gradeprop.core.errors import CourseError

_REGIONS = ("SOLUTION", "HIDDEN TESTS", "MARK SCHEME")  # nbgrader removes these, from BEGIN … to END …
_MARKER = re.compile(rf"\b(BEGIN|END) ({'|'.join(_REGIONS)})\b[ \t]*(.*)")


@dataclass(frozen=True, slots=True)
class Marker:
    """One ``BEGIN`` or ``END`` in a text; ``line`` is its index in the lines, from 0."""

    line: int
    begins: bool
    region: str
    text: str


def strip_python(text: str, where: Path | str) -> str:
    """Replace every solution in a Python file by ``raise NotImplementedError``; the result is valid Python.

    Raises:
        CourseError: a marker is not closed, nested, unmatched or without a task; or the result is not Python.
    """
    lines = text.splitlines(keepends=True)
    result, start = [], 0
    for begin, end in regions(lines, where, range(1, len(lines) + 1)):
        line = lines[begin.line]
        if begin.region != "SOLUTION" or not begin.text or not line.lstrip().startswith("#"):
            wanted = "on a line of its own, ### BEGIN SOLUTION <what the student has to do>"
            raise CourseError(f"in a Python file, a region begins {wanted}", where, begin.line + 1)
        indent = line[: -len(line.lstrip())]
        result += [*lines[start : begin.line], f"{indent}raise NotImplementedError({_quoted(begin.text)})\n"]
        start = end.line + 1
    stripped = "".join([*result, *lines[start:]])
    try:
        ast.parse(stripped)
    except SyntaxError as error:
        message = f"is not Python without its solutions: {error.msg}, at {(error.text or '').strip()!r}"
        raise CourseError(message, where) from error
    return stripped


def without_markers(text: str, where: Path | str) -> str:
    """Remove the markers of a Python file and keep its solutions."""
    lines = text.splitlines(keepends=True)
    marked = {marker.line for pair in regions(lines, where, range(1, len(lines) + 1)) for marker in pair}
    return "".join(line for number, line in enumerate(lines) if number not in marked)


def regions(
    lines: Sequence[str], where: Path | str, numbers: Sequence[int], prefix: str = ""
) -> list[tuple[Marker, Marker]]:
    """Find the marked regions of a text, each as its two markers.

    Args:
        numbers: the line number in the file of each line of the text.
        prefix: the start of the message of an error.

    Raises:
        CourseError: a marker is not closed, nested, or unmatched.
    """
    found: list[tuple[Marker, Marker]] = []
    begin: Marker | None = None
    for marker in _markers(lines):
        number = numbers[marker.line]
        if marker.begins and begin is not None:
            raise CourseError(f"{prefix}BEGIN {marker.region} inside BEGIN {begin.region}", where, number)
        if not marker.begins and (begin is None or begin.region != marker.region):
            raise CourseError(f"{prefix}END {marker.region} without a BEGIN {marker.region} before it", where, number)
        if begin is not None:
            found.append((begin, marker))
        begin = marker if marker.begins else None
    if begin is not None:
        message = f"{prefix}BEGIN {begin.region} is never closed by END {begin.region}"
        raise CourseError(message, where, numbers[begin.line])
    return found


def _markers(lines: Sequence[str]) -> Iterator[Marker]:
    for index, line in enumerate(lines):
        if match := _MARKER.search(line):
            yield Marker(index, match[1] == "BEGIN", match[2], match[3].strip().removesuffix("-->").strip())


def _quoted(text: str) -> str:
    """Quote a text as ruff would."""
    return repr(text) if '"' in text else json.dumps(text, ensure_ascii=False)
