"""Markdown that tries to act in its reader's browser, and a look at the result."""

import html
import re
from typing import Any

from bs4 import BeautifulSoup
from hypothesis import strategies

JS = "javascript:alert(document.domain)"
DATA = "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=="

LINKS = [
    f"See [my figure]({JS}) for details.",
    f"[x](  {JS}  )",
    f"[x](\n{JS})",
    f"[x](<{JS}>)",
    f'[x]({JS} "title")',
    f"[x]({JS.upper()})",
    "[x](java&#115;cript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](java\\script:alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](%6aavascript:alert(1))",
    f"[x][1]\n\n[1]: {JS}",
    f"[1]\n\n[1]:\n   {JS}",
    f"> [1][]\n>\n> [1]: <{JS}>",
    f"- a\n\n  [a\n  b]: {JS}\n\n[a b]",
    f"[x]({DATA})",
    "[x](vbscript:msgbox)",
    "[x](file:///etc/passwd)",
    "[x](../../../api/terminals)",
    "[x](//spy.example/x)",
    f"<{JS}>",
    f"|a|b|\n|-|-|\n|[x]({JS})|2|\n",
    f"[![p](attachment:there.png)]({JS})",
    f"# [x]({JS})\n",
    f"term\n: [x]({JS})\n",
]
PICTURES = [
    f"![x]({JS})",
    "![a](http://spy.example/x.png)",
    "![a][b]\n\n[b]: http://spy.example/x.png",
    "![b]\n\n[b]: http://spy.example/x.png",
    "![a](attachment:missing.png)",
    "![a](data:image/svg+xml;base64,PHN2Zy8+)",
    "&#33;[x](http://spy.example/t.png)",
    "!\\[x](http://spy.example/t.png)",
]
HTML = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- x --><svg/onload=alert(1)>",
    "<?php x ?>",
    "<a href=javascript:alert(1)>x</a>",
    "<\x00img src=x onerror=alert(1)>",
    "```mermaid\ngraph LR; A[<img src=x onerror=alert(1)>]-->B\n```",
    "```mermaid\n</pre><script>alert(1)</script>\n```",
    '[x](https://a "onmouseover=alert(1) x=")',
    '[x](https://a"onmouseover="alert(1))',
    '# x" onmouseover="alert(1)\n',
    "$$a<img src=x onerror=alert(1)>$$",
    "```html\n<script>alert(1)</script>\n```",
    "`<script>alert(1)</script>`",
    '<form action="https://spy.example"><button>Full credit</button></form>',
    '<input class="score" id="written" value="10">',
    "<style>body{display:none}</style><base href=//spy.example><meta http-equiv=refresh content=0>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
]
FORMULAS = [
    "$\\href{javascript:alert(1)}{x}$",
    "$\\HREF{javascript:alert(1)}{x}$",
    "$\\csname href\\endcsname{javascript:alert(1)}{x}$",
    "$\\let\\b=\\href\\b{javascript:alert(1)}{x}$",
    "$\\require{html}\\style{x}{y}$",
    "$\\bbox[border:1px;background:url(http://spy.example/x)]{x}$",
    "$\\data{x=y}{z}$",
    "$\\texttip{x}{y}$",
]
ATTACKS = [*LINKS, *PICTURES, *HTML, *FORMULAS]

_SCHEMES = ("http:", "https:", "mailto:", "attachment:", "data:image/png;", "#")
_SCHEME = re.compile(r"[\x00-\x20]*[a-z][a-z0-9+.\t\r\n-]*:")  # as browsers read it
_PASSIVE = {"href", "src", "alt", "title", "class", "style", "id", "type", "checked", "disabled", "start"}
_TAGS = {
    *("a", "code", "pre", "em", "strong", "p", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6", "img", "table"),
    *("thead", "tbody", "tr", "th", "td", "del", "hr", "br", "blockquote", "span", "div", "dl", "dt", "dd", "input"),
}


def active(page: str, is_ours: bool = False) -> list[str]:
    """The parts of an HTML page that could act; unless the text is an instructor's, also what loads from elsewhere."""
    found = []
    for tag in BeautifulSoup(page, "html.parser").find_all(True):
        attributes: dict[str, Any] = tag.attrs
        target = html.unescape(str(attributes.get("href", attributes.get("src", "#")))).strip().lower()
        odd = tag.name not in _TAGS or attributes.keys() - _PASSIVE
        odd = odd or (not target.startswith(_SCHEMES) and (not is_ours or _SCHEME.match(target)))
        odd = odd or (tag.name == "img" and not is_ours and not target.startswith("data:image/png;"))
        odd = odd or not re.fullmatch(r"(text-align: ?\w+;?)?", str(attributes.get("style", "")))
        odd = odd or (tag.name == "input" and not is_ours and attributes.get("type") != "checkbox")
        if odd:
            found.append(str(tag)[:200])
    return found


def mixtures() -> strategies.SearchStrategy[str]:
    """Attacks cut to pieces and put together in another way."""
    pieces = sorted({piece for attack in ATTACKS for piece in re.findall(r"\w+|\s+|[^\w\s]", attack)})
    glue = ["[", "]", "(", ")", "![", "](", "]:", "<", ">", "\n\n", "\\", "`", "```", "$$", "> ", "- ", JS, "&lt;", "|"]
    return strategies.lists(strategies.sampled_from([*pieces, *glue, *ATTACKS]), max_size=12).map("".join)
