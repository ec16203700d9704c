"""Convert the text files of a safe copy to UTF-8, as the editors and shells of every system write them."""

import codecs
import io
import tokenize
from pathlib import Path

_SUFFIXES = (".py", ".ipynb", ".json", ".txt", ".csv", ".md")
_MAX_BYTES = 16 * 2**20
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def to_utf8(file: Path) -> str | None:
    """Convert a text file to UTF-8 without a byte order mark, unless it is so already or is no text.

    Returns:
        How it was read, as the rest of a sentence that begins with its name; empty if there is nothing to say; None if
        the file is unchanged.
    """
    if file.suffix not in _SUFFIXES or file.stat().st_size > _MAX_BYTES:
        return None
    data = file.read_bytes()
    try:
        text, remark = _decode(data, file.suffix)
    except UnicodeDecodeError:
        return None
    if (converted := text.encode()) == data:
        return None
    file.write_bytes(converted)
    return remark


def _decode(data: bytes, suffix: str) -> tuple[str, str]:
    if encoding := _utf_16(data):
        return data.decode(encoding), "is UTF-16 text; it was converted to UTF-8."
    try:
        return data.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        if suffix == ".py" and _declares_encoding(data):
            raise  # Python reads it as it is
        if b"\0" in data:
            raise
        return data.decode("latin-1"), "is not UTF-8 text; it was read as Latin-1. Save it as UTF-8."


def _utf_16(data: bytes) -> str:
    """Name the encoding of UTF-16 text, also without a mark if it begins with two Latin letters; else empty."""
    if data.startswith(_UTF_16):
        return "utf-16"
    even, odd = data[:4:2], data[1:4:2]
    if odd == b"\0\0" and all(even):
        return "utf-16-le"
    return "utf-16-be" if even == b"\0\0" and len(odd) == 2 and all(odd) else ""


def _declares_encoding(code: bytes) -> bool:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(code).readline)
    except SyntaxError:
        return False
    return encoding not in ("utf-8", "utf-8-sig")
