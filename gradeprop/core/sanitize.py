"""Make untrusted text and pictures safe: one function for each sink.

for_terminal        output of the command line
for_markdown        notebook cells
for_markdown_line   one line in a notebook cell
for_csv_cell        tables that a spreadsheet opens
filename            names of files, in any sentence
safe_pictures       PNG and JPEG outputs of a notebook cell
"""

import base64
import binascii
import re
from collections.abc import Collection, Mapping

_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ACTIVE = re.compile(r"\\(href|csname|require|style|class|cssId|mmlToken)\b", re.IGNORECASE)  # MathJax obeys these
_PICTURE = re.compile(r"!\[(?:[^\[\]\n]*\]\(attachment:([\w.-]+)\))?")
_MAGIC = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
_MAX_PICTURE_BYTES = 4 * 2**20
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # some spreadsheets accept the wide forms too


def for_markdown(text: str, attached: Collection[str] = ()) -> str:
    """Remove HTML, active formulas and foreign pictures from Markdown; keep prose and maths.

    nbgrader renders Markdown with all its HTML, in the browser and with the rights of the person who grades. A space
    after ``<`` is enough to disable HTML, while ``&lt;`` would change formulas and code.

    Args:
        text: Markdown that a student wrote.
        attached: names of the pictures that come with the text; nbconvert fails on a missing one.
    """

    def picture(match: re.Match[str]) -> str:
        return match[0] if match[1] in attached else f"! [{match[0][2:]}"

    return _PICTURE.sub(picture, _ACTIVE.sub(r"\\text{\1}", _TAG.sub("< ", text)))


def for_markdown_line(text: str) -> str:
    """Escape text so that Markdown shows it literally, on one line."""
    return re.sub(r"([\\`*_\[\]$!#|~])", r"\\\1", for_markdown(" ".join(text.split())))


def safe_pictures(output: Mapping[str, object]) -> dict[str, str]:
    """Keep the valid PNG and JPEG pictures of a cell output, as base64.

    SVG is dropped, since it may contain scripts; matplotlib draws PNG by default.

    Args:
        output: media type → content.
    """
    safe = {}
    for kind, magic in _MAGIC.items():
        data = output.get(kind)
        text = "".join(data) if isinstance(data, list) and all(isinstance(part, str) for part in data) else data
        if isinstance(text, str) and len(text) <= 2 * _MAX_PICTURE_BYTES:
            try:
                raw = base64.b64decode("".join(text.split()), validate=True)
            except (binascii.Error, ValueError):
                continue
            if raw.startswith(magic) and len(raw) <= _MAX_PICTURE_BYTES:
                safe[kind] = base64.b64encode(raw).decode()
    return safe


def filename(name: str) -> str:
    """Shorten a name for a sentence, and write unprintable characters as escapes."""
    cut = name if len(name) <= 80 else f"{name[:77]}…"
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in cut) or "A file without a name"


def for_csv_cell(text: str) -> str:
    """Prefix text that a spreadsheet would take for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def for_terminal(text: str) -> str:
    """Replace control characters, since students choose names and much of a message."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
