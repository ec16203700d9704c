"""Solution markers: find and strip the regions that students must not see."""

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gradeprop.core.errors import CourseError

_REGIONS = ("SOLUTION", "HIDDEN TESTS", "MARK SCHEME")  # what nbgrader cuts out, from BEGIN … to END …


_MARKER = re.compile(rf"\b(BEGIN|END) ({'|'.join(_REGIONS)})\b[ \t]*(.*)")


@dataclass(frozen=True, slots=True)
class Marker:
    """One ``BEGIN`` or ``END`` in a text; ``line`` is its index in the lines, from 0."""

    line: int
    begins: bool
    region: str
    text: str


def strip_python(text: str, where: Path | str) -> str:
    """The text without its solutions; what remains compiles.

    Raises:
        CourseError: a marker is not closed, is nested, stands alone or names no task; or the rest is not Python.
    """
    lines = text.splitlines(keepends=True)
    kept, start = [], 0
    for begin, end in regions(lines, where, range(1, len(lines) + 1)):
        line = lines[begin.line]
        if begin.region != "SOLUTION" or not begin.text or not line.lstrip().startswith("#"):
            wanted = "on a line of its own, ### BEGIN SOLUTION <what the student has to do>"
            raise CourseError(f"in a Python file, a region begins {wanted}", where, begin.line + 1)
        indent = line[: -len(line.lstrip())]
        kept += [*lines[start : begin.line], f"{indent}raise NotImplementedError({_quoted(begin.text)})\n"]
        start = end.line + 1
    stripped = "".join([*kept, *lines[start:]])
    try:
        ast.parse(stripped)
    except SyntaxError as error:
        message = f"without its solutions this is not Python: {error.msg}, at {(error.text or '').strip()!r}"
        raise CourseError(message, where) from error
    return stripped


def regions(
    lines: Sequence[str], where: Path | str, numbers: Sequence[int], prefix: str = ""
) -> list[tuple[Marker, Marker]]:
    """The marked regions of a text, each as its two markers.

    Args:
        numbers: the line of the file that each line stands on.
        prefix: begins the message of an error.

    Raises:
        CourseError: a marker is not closed, is nested, or stands alone.
    """
    found: list[tuple[Marker, Marker]] = []
    begin: Marker | None = None
    for marker in _markers(lines):
        number = numbers[marker.line]
        if marker.begins and begin is not None:
            raise CourseError(f"{prefix}BEGIN {marker.region} inside BEGIN {begin.region}", where, number)
        if not marker.begins and (begin is None or begin.region != marker.region):
            raise CourseError(f"{prefix}END {marker.region} without its BEGIN before it", where, number)
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
    """As ruff would quote it."""
    return repr(text) if '"' in text else json.dumps(text, ensure_ascii=False)
