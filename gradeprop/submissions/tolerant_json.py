"""Untrusted JSON: read what Python's json module reads, at a cost that is bounded before anything is decoded.

Python accepts what JSON forbids: NaN, half a surrogate pair, UTF-16. Editors write it. Here it is repaired, and decoded
by msgspec, since the json module needs up to thirty times the memory of its input.
"""

import json
import re
from collections.abc import Iterator
from typing import TypeVar

import msgspec

T = TypeVar("T")

_MAX_MARKS = 300_000
"""strings, escapes and brackets that are looked at"""
_MARK = re.compile(rb'["[\]{}]')
_CONTROL = bytes(range(32))
_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)


class TooMuch(Exception):
    """The text names a limit that was exceeded."""


ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TooMuch)
"""the errors of ``decode``"""


def as_utf8(data: bytes) -> bytes:
    """Return JSON text as UTF-8 without a byte order mark, from any encoding that Python's json module detects."""
    encoding = json.detect_encoding(data)
    if encoding == "utf-8":
        return data
    return data.removeprefix(b"\xef\xbb\xbf") if encoding == "utf-8-sig" else data.decode(encoding, "replace").encode()


def place(data: bytes, message: str) -> tuple[int, int]:
    """Return line and column, from 1, of the byte that a decoder's message names; the end if it names none."""
    at = int(match[1]) if (match := re.search(r"byte (\d+)", message)) else len(data)
    before = data[:at]
    return before.count(b"\n") + 1, len(before.rpartition(b"\n")[2].decode(errors="replace")) + 1


def decode(data: bytes | bytearray | msgspec.Raw, kind: type[T]) -> T:
    """Decode JSON, or what Python's json module takes for it.

    Raises:
        msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TooMuch: see ``ERRORS``.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return msgspec.json.decode(repair(bytes(data)), type=kind)
    except UnicodeDecodeError:
        return msgspec.json.decode(repair(bytes(data).decode(errors="replace").encode()), type=kind)


def repair(data: bytes) -> bytes:
    """Return JSON for UTF-8 text that Python's json module reads beyond JSON; anything else stays as it is.

    Raises:
        TooMuch: there are too many strings and brackets in it.
    """
    parts, at = list[bytes](), 0
    for mark, start, end in _marks(data):
        if mark == b'"':
            parts += [_without_nan(data[at:start]), _SURROGATE.sub(_whole, _without_control(data[start:end]))]
            at = end
    return b"".join([*parts, _without_nan(data[at:])])


def _without_nan(text: bytes) -> bytes:
    for value in (b"NaN", b"-Infinity", b"Infinity"):
        text = text.replace(value, b"null")
    return text


def _without_control(string: bytes) -> bytes:
    return string.replace(b"\n", b"\\n").translate(bytes.maketrans(_CONTROL, b" " * len(_CONTROL)))


def _whole(match: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if match[1] else match[0]


def scan(data: bytes, key: str, around: bytearray) -> Iterator[bytes]:
    """Yield the objects in the list under a key of the outermost object, and blank them in a copy of the data.

    Raises:
        TooMuch: there are too many strings and brackets.
    """
    depth, last, inside, begin = 0, b"", False, -1
    for mark, start, end in _marks(data):
        if mark == b'"':
            if depth == 1:
                last = data[start : min(end, start + 20)]
        elif mark in b"[{":
            if depth == 1:
                inside = mark == b"[" and last == b'"%b"' % key.encode()
            elif depth == 2 and inside and mark == b"{":
                begin = start
            depth += 1
        else:
            depth -= 1
            if depth == 2 and inside and begin >= 0:
                around[begin + 1 : end - 1] = b" " * (end - begin - 2)
                yield data[begin:end]
                begin = -1


def _marks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield each string and bracket outside of strings: its first byte, start and end. A string may lack its end.

    Raises:
        TooMuch: there are too many.
    """
    at, left = 0, _MAX_MARKS
    while match := _MARK.search(data, at):
        start, end = match.span()
        if match[0] == b'"':
            quote = data.find(b'"', end)
            while (escape := data.find(b"\\", end, quote if quote >= 0 else len(data))) >= 0:
                end, left = escape + 2, left - 1
                if 0 <= quote < end:
                    quote = data.find(b'"', end)
                if left < 0:
                    break
            end = quote + 1 if quote >= 0 else len(data)
        yield match[0], start, end
        at, left = end, left - 1
        if left < 0:
            raise TooMuch(f"more than {_MAX_MARKS:,} strings, lists and special characters")
