"""Junk in place of a value that a probe returned: of every type, and of the right shape with every other content.

JUNK             the same for every value
variants(value)  made from a value: a tensor of the same shape, a list of the same length, a dict of the same keys
"""

import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from gradeprop.core.observations import Dtype, RawTensor

JUNK: tuple[object, ...] = (
    None, True, -1, 10**30, 1.5, "nan", "-inf", "text", "", [], [None] * 3, [[1]], {}, {"a": 1}, {"$type": "Evil"},
    {"$tensor": "no such"}, {"$tensor": 7}, "x" * 5_000, [1.0] * 20_000, "<script>alert(1)</script>",
    {"$tensor": "junk-f32"}, {"$tensor": "junk-nan"}, {"$tensor": "junk-empty"}, {"$tensor": "junk-bool"},
    {"$tensor": "junk-i64"}, {"$tensor": "junk-f16"}, {"$tensor": "junk-scalar"}, {"weight": {"$tensor": "junk-f32"}},
)  # fmt: skip
JUNK_TENSORS = {
    "junk-f32": RawTensor("F32", (2, 3), b"\0" * 24),
    "junk-nan": RawTensor("F32", (2,), b"\xff" * 8),
    "junk-empty": RawTensor("F32", (0, 4), b""),
    "junk-bool": RawTensor("BOOL", (3,), b"\1\0\1"),
    "junk-i64": RawTensor("I64", (2,), b"\x7f" * 16),
    "junk-f16": RawTensor("F16", (2,), b"\0" * 4),
    "junk-scalar": RawTensor("F64", (), b"\0" * 8),
}

_NUMBERS: tuple[object, ...] = (0, -1, 1e308, -1e308, 1e38, 5e-324, 2**53 + 1, 2**63 - 1, -(2**63), "inf", "nan", False)
_TEXTS = (
    "1e999",
    "-1e999\n" * 9,
    "9" * 1_999,
    "²",
    "٣",
    "1_000",
    "0x10",
    "\0",
    "%",
    "{}",
    "\n" * 99,
    "∞",
    "🙂" * 1_999,
)
_ELEMENTS: tuple[object, ...] = (None, True, "x", [], {}, 1e308, {"$type": "Tensor"})
_FILLS: tuple[tuple[str, Dtype, bytes], ...] = (  # a name, the type, and one element of it
    ("zeros", "F32", struct.pack("<f", 0.0)),
    ("largest", "F32", bytes.fromhex("ffff7f7f")),
    ("lowest", "F32", bytes.fromhex("ffff7fff")),
    ("smallest", "F32", struct.pack("<I", 1)),
    ("f64-largest", "F64", struct.pack("<d", 1.7976931348623157e308)),
    ("f64-ones", "F64", struct.pack("<d", 1.0)),
    ("f16-largest", "F16", bytes.fromhex("ff7b")),
    ("bf16-largest", "BF16", bytes.fromhex("7f7f")),
    ("bf16-ones", "BF16", bytes.fromhex("803f")),
    ("bool-true", "BOOL", b"\1"),
    ("bool-false", "BOOL", b"\0"),
    ("u8-largest", "U8", b"\xff"),
    ("i64-zeros", "I64", b"\0" * 8),
    ("i64-largest", "I64", struct.pack("<q", 2**63 - 1)),
    ("i64-lowest", "I64", struct.pack("<q", -(2**63))),
)


def variants(value: object) -> Iterator[object]:
    """Yield values of the same shape as a returned one, with other contents; their tensors are those of ``fills``."""
    if isinstance(value, dict) and isinstance(number := value.get("$tensor"), str):
        yield from ({"$tensor": f"{number}-{name}"} for name, *_ in _FILLS)
        yield {"$type": "Tensor"}  # of complex numbers, for one
    elif isinstance(value, dict):
        yield from _of_dict(value)
    elif isinstance(value, list):
        yield from _of_list(value)
    elif isinstance(value, str):
        yield from _TEXTS
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _NUMBERS


def _of_dict(value: dict[str, Any]) -> Iterator[object]:
    """Change one entry at a time; all at once, if the first stands for the others, as in a dict of tensors."""
    if value and all(isinstance(item, dict) and "$tensor" in item for item in value.values()):
        yield from (
            {key: {"$tensor": f"{item['$tensor']}-{name}"} for key, item in value.items()} for name, *_ in _FILLS
        )
        return
    for key, item in value.items():
        yield {name: other for name, other in value.items() if name != key}
        yield from ({**value, key: junk} for junk in (*_ELEMENTS, *variants(item)))


def _of_list(value: list[Any]) -> Iterator[object]:
    """Change all elements, and the first alone, in the same way."""
    for junk in _ELEMENTS:
        yield [junk] * len(value)
        yield [junk, *value[1:]]
    if not value:
        return
    if isinstance(value[0], dict) and "$tensor" not in value[0]:
        for key, item in value[0].items():
            for junk in (*_ELEMENTS, *variants(item)):
                yield [{**each, key: junk} if isinstance(each, dict) else each for each in value]
                yield [{**value[0], key: junk}, *value[1:]]
        return
    for junk in variants(value[0]):
        yield [junk] * len(value)
        yield [junk, *value[1:]]


def fills(tensors: Mapping[str, RawTensor]) -> dict[str, RawTensor]:
    """Return tensors of the same shapes as the given ones, of every type, with extreme values."""
    return {
        f"{name}-{fill}": RawTensor(dtype, tensor.shape, element * math.prod(tensor.shape))
        for name, tensor in tensors.items()
        for fill, dtype, element in _FILLS
    }


def tensor_names(value: object) -> Iterator[str]:
    """Yield the names of all tensors in a returned value."""
    if isinstance(value, dict) and isinstance(number := value.get("$tensor"), str):
        yield number
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from tensor_names(item)
