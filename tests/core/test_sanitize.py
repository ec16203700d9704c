"""Each sink gets hostile text; honest text stays as it is."""

import base64

import pytest

from gradeprop.core import sanitize

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()
CONTROL = ["\x1b[2J", "\x1b]0;title\x07", "\r", "\n", "\x00", "\x9b31m", "\u202e", "\u2066"]


@pytest.mark.parametrize("text", CONTROL)
def test_for_terminal_replaces_every_control_character(text: str) -> None:
    safe = sanitize.for_terminal(f"a{text}b")
    assert safe.isprintable()
    assert safe[0] + safe[-1] == "ab"


@pytest.mark.parametrize("text", ["Zoë O'Neil", "李雷", "50 % → 60 %"])
def test_for_terminal_keeps_other_text(text: str) -> None:
    assert sanitize.for_terminal(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<!-- x --><svg/onload=alert(1)>",
        "<?php x ?>",
        "![a](http://spy.example/x.png)",
        "![a][b]\n\n[b]: http://spy.example/x.png",
        "![a](attachment:missing.png)",
        "$\\href{javascript:alert(1)}{x}$",
        "$\\HREF{javascript:alert(1)}{x}$",
        "$\\csname href\\endcsname{javascript:alert(1)}{x}$",
        "$\\require{html}\\style{x}{y}$",
    ],
)
def test_for_markdown_disables_everything_active(text: str) -> None:
    safe = sanitize.for_markdown(text, ["there.png"]).casefold()
    assert not any(active in safe for active in ("<s", "<i", "<!", "<?", "</", "![", "\\href", "\\csname", "\\require"))


@pytest.mark.parametrize(
    "text", ["$x < y$ and 2<3", "*em* `code` [a link](https://example.org)", "![p](attachment:there.png)"]
)
def test_for_markdown_keeps_prose_formulas_and_attached_pictures(text: str) -> None:
    assert sanitize.for_markdown(text, ["there.png"]) == text


def test_for_markdown_line_shows_markdown_literally_on_one_line() -> None:
    assert sanitize.for_markdown_line("a *b* <i> [c](d)\n# e") == "a \\*b\\* < i> \\[c\\](d) \\# e"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "＠x"])
def test_for_csv_cell_prefixes_formulas(text: str) -> None:
    assert sanitize.for_csv_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["ada", "a=1", "", "99 %", 'say "hi"'])
def test_for_csv_cell_keeps_other_text(text: str) -> None:
    assert sanitize.for_csv_cell(text) == text


@pytest.mark.parametrize("name", ["a\nb.py", "a\x1b[31m.py", "a\u202eyp.exe", "x" * 1000, ""])
def test_filename_is_short_and_printable(name: str) -> None:
    safe = sanitize.filename(name)
    assert safe.isprintable()
    assert 0 < len(safe) <= 100


def test_filename_keeps_ordinary_names() -> None:
    assert sanitize.filename("Übung 1/student_code.py") == "Übung 1/student_code.py"


def test_safe_pictures_keep_only_real_pictures() -> None:
    output = {"image/png": PNG, "image/jpeg": PNG, "image/svg+xml": "<svg/>", "text/html": "<b>"}
    assert sanitize.safe_pictures(output) == {"image/png": PNG}
    assert sanitize.safe_pictures({"image/png": [PNG[:8], PNG[8:]]}) == {"image/png": PNG}
    assert sanitize.safe_pictures({"image/png": "no base64!"}) == sanitize.safe_pictures({"image/png": 7}) == {}
    large = base64.b64encode(base64.b64decode(PNG) + bytes(5 * 2**20)).decode()
    assert sanitize.safe_pictures({"image/png": large}) == {}
