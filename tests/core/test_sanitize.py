"""Each sink gets hostile text; honest text stays as it is."""

import base64

import pytest
from hypothesis import given, settings
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from gradeprop.core import sanitize
from tests.core.markdown import ATTACKS, HTML, LINKS, PICTURES, active, mixtures

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


def rendered(text: str) -> str:
    """What nbconvert makes of it, by itself."""
    attachments = {"there.png": {"image/png": PNG}}
    return str(MarkdownWithMath(renderer=IPythonRenderer(escape=False, attachments=attachments)).render(text))


@pytest.mark.parametrize("text", ATTACKS)
def test_for_markdown_disables_everything_active(text: str) -> None:
    safe = sanitize.for_markdown(text, ["there.png"])
    assert active(rendered(safe)) == []
    assert not any(
        macro in safe.casefold() for macro in ("\\href", "\\csname", "\\require", "\\bbox", "\\data", "tip{")
    )


@settings(max_examples=200, deadline=None)
@given(mixtures())
def test_for_markdown_disables_every_mixture(text: str) -> None:
    assert active(rendered(sanitize.for_markdown(text, ["there.png"]))) == []


@pytest.mark.parametrize("attack", [LINKS[0], HTML[0], PICTURES[1]])
def test_nbconvert_alone_lets_attacks_through(attack: str) -> None:
    assert active(rendered(attack)), "or the tests above prove nothing"


@pytest.mark.parametrize(
    "text",
    [
        "$x < y$ and 2<3",
        "*em* `code` [a link](https://example.org) [mail](mailto:a@b.org) [there](#top) [P](attachment:there.png)",
        "[one] [two][1]\n\n[1]: https://example.org/a?b=c&d=(e)\n[one]: http://example.org",
        "![p](attachment:there.png)",
        "| a | b |\n|---|:-:|\n| $f(x)$ | [x](HTTPS://example.org) |",
        "- [x] done\n\n1. `a[0]`\n\n> \\begin{align} a &< b \\\\ c &= \\frac{1}{2} \\end{align}",
    ],
)
def test_for_markdown_keeps_prose_formulas_links_and_attached_pictures(text: str) -> None:
    safe = sanitize.for_markdown(text, ["there.png"])
    assert safe == text
    assert active(rendered(safe)) == []


@pytest.mark.parametrize(
    "text", ["<https://example.org>", "[x](<https://example.org>)", "[x]\n\n[x]: <https://example.org>"]
)
def test_for_markdown_keeps_links_in_angle_brackets(text: str) -> None:
    assert 'href="https://example.org"' in rendered(sanitize.for_markdown(text))


def test_control_characters_are_replaced() -> None:
    assert sanitize.for_markdown("a\x00b\ud83dc\td\ne") == "a\ufffdb\ufffdc\td\ne"


JPEG = base64.b64encode(b"\xff\xd8\xff" + bytes(20)).decode()
GIF = base64.b64encode(b"GIF89a" + bytes(20)).decode()


@pytest.mark.parametrize(
    ("text", "attached"),
    [
        ("![p](attachment:p.png)", {"p.png": PNG}),
        ("![p](attachment:Bild 1.png)", {"Bild 1.png": PNG}),
        ("![p](<attachment:Bild 1.png>)", {"Bild 1.png": PNG}),
        ("![p](attachment:Bild%201.png)", {"Bild 1.png": PNG}),
        ("![p](attachment:Bild%201.png)", {"Bild%201.png": PNG}),
        ("![p](attachment:Übung.png)", {"Übung.png": PNG}),
        ("![p](attachment:%C3%9Cbung.png)", {"Übung.png": PNG}),
        ("![p](attachment:a(1)[x].png)", {"a(1)[x].png": PNG}),
        (r"![p](attachment:a\(1\).png)", {"a(1).png": PNG}),
        ('![p](attachment:p.png "title")', {"p.png": PNG}),
        ("![a [b] c](attachment:p.png)", {"p.png": PNG}),
        ("![p](attachment:p.png)![q](attachment:p)", {"p": GIF, "p.png": PNG}),
        ('<img src="attachment:p.png" width="300">', {"p.png": PNG}),
        ("![p][1]\n\n[1]: attachment:p.png", {"p.png": PNG}),
        ("![p]\n\n[P]: <attachment:p.png>", {"p.png": PNG}),
        ("No reference to it.", {"p.png": PNG}),
        ("A wrong type.", {"p.svg": JPEG}),
        (f"![](data:image/png;base64,{PNG})", {}),
        (f"![](data:image/jpeg;base64,{JPEG}) ![](data:image/gif;base64,{GIF})", {}),
        (f"![](data:image/png;name=x.png;base64,{PNG.replace('=', '%3D')})", {}),
        (f"![x][image1]\n\n[image1]: <data:image/png;base64,{PNG}>", {}),
        (f"<img src='data:image/png;base64,{PNG}'/>", {}),
    ],
)
def test_every_picture_is_shown(text: str, attached: dict[str, str]) -> None:
    found = sanitize.with_pictures(text, {name: {"image/png": data} for name, data in attached.items()}, 1000)
    inside = {data for data in (PNG, JPEG, GIF) if data in text.replace("%3D", "=")}
    assert {data for output in found.pictures.values() for data in output.values()} == {*attached.values()} | inside
    for name in found.pictures:
        assert f"](attachment:{name})" in found.text
    renderer = IPythonRenderer(escape=False, attachments=found.pictures)
    assert MarkdownWithMath(renderer=renderer).render(found.text).count("<img ") == len(found.pictures)


@pytest.mark.parametrize(
    ("text", "attached"),
    [
        ("![a](data:image/svg+xml;base64,PHN2Zy8+)", {}),
        ("![a](attachment:a.svg)", {"a.svg": {"image/svg+xml": "<svg/>"}}),
        ("![a](attachment:a.png)", {"a.png": {"image/png": "no base64!"}}),
        ("![a](attachment:a.png)", {"a.png": {}}),
        ("![a](data:image/png;base64,)", {}),
    ],
)
def test_a_picture_that_is_not_shown_is_announced(text: str, attached: dict[str, dict[str, object]]) -> None:
    found = sanitize.with_pictures(text, attached, 1000)
    assert found.pictures == {}
    assert "are only in the submitted notebook" in found.text
    assert "<img" not in rendered(found.text)


def test_only_so_many_pictures_are_shown() -> None:
    text = " ".join(f"![](data:image/gif;base64,{base64.b64encode(b'GIF8%d' % i).decode()})" for i in range(60))
    found = sanitize.with_pictures(text, {}, 10_000)
    assert len(found.pictures) == 50
    assert "or more than 50, are only in the submitted notebook" in found.text


def test_pictures_do_not_count_as_text_and_what_is_cut_is_counted() -> None:
    picture = f"![p](data:image/png;base64,{base64.b64encode(b'GIF89a' + bytes(10**6)).decode()})"
    found = sanitize.with_pictures(f"{picture}\n{'x' * 100}", {}, 100)
    assert len(found.pictures) == 1
    assert found.text.startswith("![p](attachment:picture-")
    assert 0 < found.cut < 100
    assert found.text.count("x") + found.cut == 100


def test_for_markdown_line_shows_markdown_literally_on_one_line() -> None:
    assert sanitize.for_markdown_line("a *b* <i> [c](d)\n# e") == "a \\*b\\* < i> \\[c\\](d) \\# e"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "＠x"])
def test_for_csv_cell_prefixes_formulas(text: str) -> None:
    assert sanitize.for_csv_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["\x1b[2J", "\x9b31m", "a\u202eb", "\u2067c", "\x07"])
def test_for_csv_cell_keeps_nothing_that_a_terminal_obeys(text: str) -> None:
    assert "\ufffd" in sanitize.for_csv_cell(text)
    assert not {*sanitize.for_csv_cell(text)} & {*"\x1b\x9b\u202e\u2067\x07"}


@pytest.mark.parametrize("text", ["ada", "a=1", "", "99 %", 'say "hi"', "می\u200cخواهم"])
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
