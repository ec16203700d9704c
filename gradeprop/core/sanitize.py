"""Make untrusted text and pictures safe: one function for each sink.

for_terminal        output of the command line
for_markdown        notebook cells
for_markdown_line   one line in a notebook cell
for_csv_cell        tables that a spreadsheet opens
without_formula     tables that go back to the platform they came from
filename            names of files, in any sentence
with_pictures       notebook cells, with the pictures in them
safe_pictures       PNG, JPEG and GIF outputs of a notebook cell
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import quote, unquote

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_IN_TABLES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""also what turns the letters after it round; joiners stay, since some scripts need them"""
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_BRACKETED = re.compile(r"<((?:https?://|mailto:)[^\s<>]+)>", re.IGNORECASE)
_ACTIVE = re.compile(
    r"\\(href|csname|require|style|class|cssId|mmlToken|bbox|data|action|toggle|\w*tip)\b", re.IGNORECASE
)
"""macros that MathJax obeys"""
_PICTURE = re.compile(r"!\[(?:[^\[\]\n]*\]\(attachment:([\w.-]+)\))?")
_UNSAFE_LINK = re.compile(r"\](?=[(:])(?![(:]\s*(?:https?://|mailto:|attachment:|\#))", re.IGNORECASE)
"""the end of a link's text or label before any other target: a scheme, a relative path, or an encoding of one"""

_DATA_URI = re.compile(r"data:image/[\w.+-]{1,40}(?:;[\w.=-]{1,40})?;base64,([\w+/=%-]*)", re.ASCII | re.IGNORECASE)
_IMAGE_TAG = re.compile(r"<img\b[^<>]{0,2000}?\bsrc\s*=\s*[\"']?(attachment:[\w.-]+)[^<>]{0,2000}>", re.IGNORECASE)
_LABEL = re.compile(r"\[([^\[\]\n]{1,200})\]:[ \t]*<?(attachment:[\w.-]+)>?")
_LABELLED = re.compile(r"!\[([^\[\]\n]{0,200})\](?:\[([^\[\]\n]{0,200})\]|(?!\())")
_MAGIC = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff", "image/gif": b"GIF8"}
_MAX_PICTURE_BYTES = 4 * 2**20
_MAX_PICTURES = 50
_NOT_SHOWN = "picture-not-shown"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # some spreadsheets accept the wide forms too


def for_markdown(text: str, attached: Collection[str] = ()) -> str:
    """Disable HTML, active formulas, foreign pictures and unusual links in a student's Markdown; keep prose and maths.

    nbgrader renders Markdown with all its HTML, in the browser and with the rights of the person who grades. A space
    is enough to disable HTML, a picture or a link, while ``&lt;`` would change formulas and code.

    Args:
        attached: names of the pictures that come with the text; nbconvert fails on a missing one.
    """

    def picture(match: re.Match[str]) -> str:
        return match[0] if match[1] in attached else f"! [{match[0][2:]}"

    return _UNSAFE_LINK.sub("] ", _PICTURE.sub(picture, _disarm(_BRACKETED.sub(r"\1", text))))


def _disarm(text: str) -> str:
    return _ACTIVE.sub(r"\\text{\1}", _TAG.sub("< ", without_control(text)))


def without_control(text: str) -> str:
    """Replace control characters and halves of surrogate pairs."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


@dataclass(frozen=True, slots=True)
class Markdown:
    """Safe Markdown."""

    text: str
    pictures: dict[str, dict[str, str]]
    """its attachments: name → media type → base64"""
    cut: int
    """number of characters that were cut off"""


def with_pictures(text: str, attachments: Mapping[str, Mapping[str, object]], max_characters: int) -> Markdown:
    """Return safe Markdown with its valid pictures as attachments, under names that need no quoting.

    A picture may be an attachment of any name, or a data URI, and stand in inline, reference or HTML form; one in yet
    another form is shown at the end. Pictures do not count as text.

    Args:
        attachments: name → media type → base64, unchecked.
    """
    pictures: dict[str, dict[str, str]] = {}

    def keep(output: Mapping[str, object]) -> str:
        if len(pictures) == _MAX_PICTURES:
            return _NOT_SHOWN
        for content in output.values():
            for kind, data in safe_pictures(dict.fromkeys(_MAGIC, content)).items():  # whatever type it claims
                name = f"picture-{hashlib.sha256(data.encode()).hexdigest()[:12]}.{kind[6:]}"
                pictures[name] = {kind: data}
                return name
        return _NOT_SHOWN

    def embedded(match: re.Match[str]) -> str:
        return f"attachment:{keep({'': unquote(match[1])})}"

    def labelled(match: re.Match[str]) -> str:
        target = labels.get((match[2] or match[1]).casefold())
        return f"![{match[1]}]({target})" if target else match[0]

    whole = _DATA_URI.sub(embedded, text, count=4 * _MAX_PICTURES)
    text = whole[:max_characters]
    spellings = {
        form: new for name, output in attachments.items() for new in [keep(output)] for form in _spellings(name)
    }
    if spellings:
        forms = "|".join(re.escape(form) for form in sorted(spellings, key=len, reverse=True))
        text = re.sub(f"attachment:({forms})", lambda match: f"attachment:{spellings[match[1]]}", text)
    text = re.sub(r"<(attachment:[\w.-]+)>", r"\1", _IMAGE_TAG.sub(r"![](\1)", text))
    labels = {label.casefold(): target for label, target in _LABEL.findall(text)}
    text = for_markdown(_LABELLED.sub(labelled, text), pictures)
    shown = set(_PICTURE.findall(text))
    notes = [f"![](attachment:{name})" for name in pictures if name not in shown]
    if _NOT_SHOWN in text:
        limits = f"larger than {_MAX_PICTURE_BYTES >> 20} MiB, or more than {_MAX_PICTURES}"
        notes.append(f"*Pictures that are not PNG, JPEG or GIF, {limits}, are only in the submitted notebook.*")
    return Markdown("\n\n".join([text, *notes]), pictures, max(0, len(whole) - max_characters))


def _spellings(name: str) -> set[str]:
    """Return the ways in which Markdown may refer to an attachment."""
    escaped = re.sub(r"([\\()\[\]<>_*])", r"\\\1", name)
    spaced = name.replace(" ", "%20")
    return {name, unquote(name), quote(name), quote(name, safe="()!*'"), spaced, escaped, escape(name)}


def for_markdown_line(text: str) -> str:
    """Escape text so that Markdown shows it literally, on one line."""
    return re.sub(r"([\\`*_\[\]$!#|~])", r"\\\1", _disarm(" ".join(text.split())))


def safe_pictures(output: Mapping[str, object]) -> dict[str, str]:
    """Keep the valid PNG, JPEG and GIF pictures of a cell output, as base64.

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
    """Prefix text that a spreadsheet would take for a formula; replace what a terminal obeys."""
    return without_formula(_IN_TABLES.sub("\N{REPLACEMENT CHARACTER}", text))


def without_formula(text: str) -> str:
    """Prefix text that a spreadsheet would take for a formula, and keep the rest: a platform must know it again."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def for_terminal(text: str) -> str:
    """Replace control characters, since students choose names and much of a message."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
