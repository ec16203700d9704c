"""The second wall: what formgrader and feedback make of Markdown passes an allow-list, even without the first wall."""

from typing import Any

import pytest
from hypothesis import given, settings
from nbconvert.exporters import HTMLExporter
from nbformat import v4 as nbf
from traitlets.config import PyFileConfigLoader

from gradeprop.integrations.nbgrader.rendering import markdown2html
from tests.conftest import REPOSITORY
from tests.core.markdown import ATTACKS, active, mixtures
from tests.core.test_sanitize import PNG

CONTEXT = {"cell": {"attachments": {"there.png": {"image/png": PNG}, "missing.png": {"image/png": PNG}}}}


def rendered(text: str) -> str:
    return markdown2html(CONTEXT, text)


@pytest.mark.parametrize("text", ATTACKS)
def test_no_attack_is_left(text: str) -> None:
    assert active(rendered(text), is_ours=True) == []


@settings(max_examples=200, deadline=None)
@given(mixtures())
def test_no_mixture_of_attacks_is_left(text: str) -> None:
    assert active(rendered(text), is_ours=True) == []


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("# A\n\nb *c* **d** `e`", "<h1>A</h1>\n<p>b <em>c</em> <strong>d</strong> <code>e</code></p>\n"),
        ("$x < y$", "<p>$x &lt; y$</p>\n"),
        ("![p](attachment:there.png)", f'<p><img src="data:image/png;base64,{PNG}" alt="p"></p>\n'),
        ("[x](https://a.org/?b=c&d)", '<p><a href="https://a.org/?b=c&amp;d">x</a></p>\n'),
        ('<img src="images/plot.png" width="300">', '<img src="images/plot.png" width="300">'),
        ("<details><summary>a</summary>b</details>\n", "<details><summary>a</summary>b</details>\n"),
        ("```mermaid\na-->b\n```", "<pre><code>a--&gt;b\n</code></pre>\n"),
    ],
)
def test_an_instructors_text_is_rendered(text: str, page: str) -> None:
    assert rendered(text).strip() == page.strip()


def test_tables_code_and_lists_are_rendered() -> None:
    page = rendered("|a|b|\n|-|:-:|\n|1|2|\n\n```python\nx = 1\n```\n\n- [x] done\n\n\n1. one\n")
    for part in ("<table>", "<th", 'style="text-align:center;"', '<span class="n">x</span>', "checked", "<ol>"):
        assert part in page


def test_a_heading_cannot_take_the_id_of_a_field() -> None:
    assert "id=" not in rendered("# written\n\n<input id=written class=score>")


def test_the_configuration_of_nbgrader_names_it() -> None:
    config = PyFileConfigLoader("nbgrader_config.py", path=str(REPOSITORY.root)).load_config()
    exporter: Any = HTMLExporter(config=config)
    page, _ = exporter.from_notebook_node(nbf.new_notebook(cells=[nbf.new_markdown_cell("[x](javascript:alert(1))")]))
    assert "javascript:alert" not in page
    assert "<a>x</a>" in page
