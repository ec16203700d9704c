"""Text and pictures of a student, made harmless for pages that others open: formgrader's and the feedback's.

nbgrader renders Markdown with whatever HTML stands in it, in the browser and with the rights of who grades.
"""

import base64
import binascii
import re
from collections.abc import Collection, Mapping

_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ACTIVE = re.compile(r"\\(href|csname|require|style|class|cssId|mmlToken)\b", re.IGNORECASE)  # MathJax obeys these
_PICTURE = re.compile(r"!\[(?:[^\[\]\n]*\]\(attachment:([\w.-]+)\))?")
_MAGIC = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
_PICTURE_BYTES = 4 * 2**20


def markdown(text: str, attached: Collection[str] = ()) -> str:
    """Markdown in which no HTML, no active formula and no picture from elsewhere is left; prose and maths stay.

    A blank after ``<`` is enough for HTML, where ``&lt;`` would change formulas and code.

    Args:
        attached: names of the pictures that come with it; nbconvert breaks off at one that is not there.
    """

    def picture(match: re.Match[str]) -> str:
        return match[0] if match[1] in attached else f"! [{match[0][2:]}"

    return _PICTURE.sub(picture, _ACTIVE.sub(r"\\text{\1}", _TAG.sub("< ", text)))


def plain(text: str) -> str:
    """Text that Markdown shows as it stands, on one line."""
    return re.sub(r"([\\`*_\[\]$!#|~])", r"\\\1", markdown(" ".join(text.split())))


def pictures(bundle: Mapping[str, object]) -> dict[str, str]:
    """The PNG and JPEG in a bundle of media types, as base64; nothing else of it, and none that is no such picture.

    An SVG may hold scripts: it is dropped, and matplotlib draws PNG unless told otherwise.
    """
    kept = {}
    for kind, magic in _MAGIC.items():
        data = bundle.get(kind)
        text = "".join(data) if isinstance(data, list) and all(isinstance(part, str) for part in data) else data
        if isinstance(text, str) and len(text) <= 2 * _PICTURE_BYTES:
            try:
                raw = base64.b64decode("".join(text.split()), validate=True)
            except (binascii.Error, ValueError):
                continue
            if raw.startswith(magic) and len(raw) <= _PICTURE_BYTES:
                kept[kind] = base64.b64encode(raw).decode()
    return kept
