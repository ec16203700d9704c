"""Secrets that a test can find again, however they were carried out."""

import base64
import re
import secrets
import struct
from collections.abc import Iterator
from pathlib import Path

from gradeprop.core.observations import unpack

_NUMBERS = {"U8": "B", "I8": "b", "I16": "h", "I32": "i", "I64": "q", "F32": "f", "F64": "d", "F16": "e"}


def canary() -> str:
    """A word that occurs nowhere else; its letters are far enough from hexadecimal."""
    return "kzq" + "".join(secrets.choice("ghijklmnopqrstuvwxyz") for _ in range(13))


def canary_numbers() -> list[float]:
    """Three numbers that nothing computes."""
    return [secrets.randbits(50) / 2**20 for _ in range(3)]


def found(kept: Path, words: dict[str, str], numbers: list[float], *skip: str) -> list[str]:
    """Where each secret stands in the files below ``kept``, in clear or lightly disguised."""
    seen = []
    for file in sorted(path for path in kept.rglob("*") if path.is_file()):
        if file.relative_to(kept).parts[0] in skip:
            continue
        views = list(_views(file))
        for what, word in words.items():
            patterns = _disguises(word)
            seen += [f"{what} in {file.name}" for view in views if any(p.search(view) for p in patterns)]
        for number in numbers:
            forms = [struct.pack("<d", number), struct.pack("<f", number), repr(number).encode()]
            seen += [f"labels in {file.name}" for view in views if any(form in view for form in forms)]
    return seen


def _views(file: Path) -> Iterator[bytes]:
    """The bytes; without all that is no letter; the numbers in the text, and those of tensors, as letters."""
    data = file.read_bytes()
    yield data
    yield re.sub(rb"[^A-Za-z0-9+/=]", b"", data)
    yield re.sub(rb"\\u00([0-9a-f]{2})", lambda match: bytes.fromhex(match[1].decode()), data)
    yield bytes(value for text in re.findall(rb"\d+", data) if (value := int(text[:9])) < 256)
    if file.suffix == ".safetensors":
        for tensor in unpack(data).values():
            kind = _NUMBERS.get(tensor.dtype)
            if kind:
                values = struct.unpack(f"<{len(tensor.data) // struct.calcsize(kind)}{kind}", tensor.data)
                yield bytes(int(value) for value in values if 0 <= value < 256)


def _disguises(word: str) -> list[re.Pattern[bytes]]:
    plain = word.encode()
    forms = [plain, plain.hex().encode(), plain.hex().upper().encode(), word.encode("utf-16-le")]
    forms += [base64.b64encode(b"x" * shift + plain)[4 if shift else 0 : -4] for shift in range(3)]
    forms += [form[::-1] for form in forms[:2]]
    split = [b".".join(re.escape(bytes([c])) for c in form) for form in (plain, plain[::-1])]
    return [re.compile(form, re.DOTALL | re.IGNORECASE) for form in [*map(re.escape, forms), *split]]
