"""A second wall around Markdown: formgrader and nbgrader's feedback render it through an allow-list of HTML.

The first wall is ``core/sanitize.py``, which disables everything active in a student's text. nbconvert's own
``sanitize_html`` is of no use here: nbgrader's templates ignore it for Markdown, and it shows the tags of paragraphs.
"""

import re
from typing import Any

import bleach
from bleach.css_sanitizer import CSSSanitizer
from jinja2 import pass_context
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

_TAGS = frozenset({
    *("a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "details", "div", "dl", "dt", "em", "figcaption"),
    *("figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "input", "kbd", "li", "mark", "ol", "p", "pre"),
    *("s", "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr"),
    *("u", "ul"),
})  # fmt: skip
_ATTRIBUTES = {
    "*": ["title"],
    "a": ["href"],
    **{tag: ["class"] for tag in ("code", "div", "li", "pre", "span")},
    "img": ["src", "alt", "width", "height"],
    "input": ["type", "checked", "disabled"],
    "ol": ["start"],
    "td": ["style", "colspan", "rowspan"],
    "th": ["style", "colspan", "rowspan"],
}
_PROTOCOLS = frozenset({"http", "https", "mailto", "attachment", "data"})
_PICTURE = re.compile(r"data:image/(png|jpeg|gif);base64,")
_STYLES = CSSSanitizer(allowed_css_properties=["text-align"])


@pass_context
def markdown2html(context: Any, source: str) -> str:
    """Render the Markdown of a notebook cell; the ``c.HTMLExporter.filters["markdown2html"]``."""
    attachments = context.get("cell", {}).get("attachments", {})
    renderer = _Renderer(escape=False, attachments=attachments, exclude_anchor_links=True)
    html = MarkdownWithMath(renderer=renderer).render(source)
    return str(bleach.clean(html, _TAGS, _is_allowed, _PROTOCOLS, css_sanitizer=_STYLES))


def _is_allowed(tag: str, name: str, value: str) -> bool:
    """Allow ``data`` for pictures alone; an id could replace one of formgrader's own fields."""
    if value.lstrip().lower().startswith("data:") and not (tag == "img" and _PICTURE.match(value)):
        return False
    return name in _ATTRIBUTES["*"] or name in _ATTRIBUTES.get(tag, ())


class _Renderer(IPythonRenderer):  # type: ignore[misc]
    """Renders a diagram as the code that it is: nbconvert would hand it to a program unescaped."""

    def block_mermaidjs(self, code: str) -> str:
        return str(self.block_code(code))
