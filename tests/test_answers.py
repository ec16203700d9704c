"""What of a student's notebook counts, and what is made harmless."""

import base64

import pytest

from gradeprop import harmless

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<!-- x --><svg/onload=alert(1)>",
        "![a](http://spy.example/x.png)",
        "![a][b]\n\n[b]: http://spy.example/x.png",
        "![a](attachment:missing.png)",
        "$\\href{javascript:alert(1)}{x}$",
        "$\\csname href\\endcsname{javascript:alert(1)}{x}$",
    ],
)
def test_cannot_run_or_load_anything(text: str) -> None:
    safe = harmless.markdown(text, ["there.png"])
    assert not any(active in safe for active in ("<s", "<i", "<!", "</", "![", "\\href", "\\csname"))


@pytest.mark.parametrize(
    "text", ["$x < y$ and 2<3", "*em* `code` [a link](https://example.org)", "![p](attachment:there.png)"]
)
def test_prose_formulas_and_attached_pictures_stay(text: str) -> None:
    assert harmless.markdown(text, ["there.png"]) == text


def test_plain_text_shows_as_it_stands() -> None:
    assert harmless.plain("a *b* <i> [c](d)\n# e") == "a \\*b\\* < i> \\[c\\](d) \\# e"


def test_only_pictures_that_are_some_are_kept() -> None:
    bundle = {"image/png": PNG, "image/jpeg": PNG, "image/svg+xml": "<svg/>", "text/html": "<b>"}
    assert harmless.pictures(bundle) == {"image/png": PNG}
    assert harmless.pictures({"image/png": [PNG[:8], PNG[8:]]}) == {"image/png": PNG}
    assert harmless.pictures({"image/png": "no base64!"}) == harmless.pictures({"image/png": 7}) == {}
