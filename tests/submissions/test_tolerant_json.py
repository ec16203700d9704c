"""JSON of strangers: what Python's json module reads is read, whatever it is, and at a bounded cost."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from gradeprop.submissions import tolerant_json
from gradeprop.submissions.tolerant_json import TooMuch, as_utf8, decode, repair, scan

LETTERS = some.text(some.characters(), max_size=5)  # halves of surrogate pairs, too
VALUES = some.recursive(
    some.none() | some.booleans() | some.integers(-5, 5) | some.floats() | LETTERS | some.just("NaN \\ud83d \\"),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(LETTERS, inner, max_size=3),
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": NaN, "b": [Infinity, -Infinity]}', {"a": None, "b": [None, None]}),
        ('"NaN \\" Infinity"', 'NaN " Infinity'),
        ('"half: \\ud83d, other half: \\ude00, whole: \\ud83d\\ude00"', "half: \ufffd, other half: \ufffd, whole: 😀"),
        ('"a backslash and letters: \\\\ud83d"', "a backslash and letters: \\ud83d"),
        ('"control: \x01\t, line\nline"', "control:   , line\nline"),
        ('{"\\ud83d": 1}', {"\ufffd": 1}),
    ],
)
def test_what_json_forbids_and_python_reads_is_repaired(text: str, value: Any) -> None:
    assert decode(text.encode(), Any) == value


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert decode(b'"gr\xfcn"', Any) == "gr\ufffdn"


def whole(value: Any) -> Any:
    """The value with each half of a surrogate pair replaced."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {whole(key): whole(inner) for key, inner in value.items()}
    return [whole(inner) for inner in value] if isinstance(value, list) else value


@given(VALUES)
def test_everything_that_python_writes_is_read(value: Any) -> None:
    text = json.dumps(value)
    assert decode(text.encode(), Any) == whole(json.loads(text, parse_constant=lambda _: None))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_every_encoding_of_json_is_read(encoding: str) -> None:
    assert json.loads(as_utf8('{"a": "grün"}'.encode(encoding))) == {"a": "grün"}


@pytest.mark.parametrize("text", [b"", b"{", b'"', b'"\\', b"[1 2]", b"[" * 10**5, b'{"a": nan}', b"<<<<<<< HEAD\n{}"])
def test_what_is_no_json_stays_an_error(text: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, RecursionError)):
        decode(text, Any)


@pytest.mark.parametrize(
    "text",
    [
        b'{"cells": [{"a": "}]"}, {"b": [{}]}], "x": [{}]}',
        b'{"x": {"cells": [{}]}, "cells": [1, {"a": "}]"}, [{}], {"b": [{}]}, null]}',
        b'{"x": "\\"cells\\": [{}]", "cells": [{"a": "}]"}, {"b": [{}]}',
        b'{"cells": [{"a": "}]"}\n<<<<<<< HEAD\n, {"b": [{}]},{"c": "',
    ],
)
def test_the_objects_of_a_list_are_found_in_good_and_damaged_text(text: bytes) -> None:
    around = bytearray(text)
    assert [*scan(text, "cells", around)] == [b'{"a": "}]"}', b'{"b": [{}]}']
    assert len(around) == len(text)


@pytest.mark.parametrize(
    "text",
    [b'{"a":[' + b"[]," * 400_000, b'["' + b'\\"' * 600_000, b"[" + b'"a",' * 600_000, b"[" * 600_000],
    ids=["lists", "escapes", "strings", "depth"],
)
def test_no_more_is_looked_at_than_is_allowed(text: bytes) -> None:
    with pytest.raises(TooMuch, match="more than 300,000 strings"):
        repair(text)


def test_the_place_of_an_error_is_counted_in_characters() -> None:
    assert tolerant_json.place('{"ü": 1,\n "ä" 2}'.encode(), "…: byte 16") == (2, 6)
