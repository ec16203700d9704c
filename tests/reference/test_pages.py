"""Pages agree with the code: links lead somewhere, commands exist, and messages that a page explains are real."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.reference.commands import documented, parses

ROOT = REPOSITORY.root
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
MIN_CHARACTERS = 8
"""a shorter part of a message would be found anywhere"""
NBGRADERS = "Cannot add or remove cells … because there are submissions"
"""a message of nbgrader itself"""


def links(page: Path) -> Iterator[Path]:
    """Yield the files that a page links to or shows; anchors are checked by make site."""
    text = re.sub(r"`[^`]*`", "", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            yield page.parent / target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_to_a_file(page: Path) -> None:
    found = list(links(page))
    assert [str(target) for target in found if not target.exists()] == []
    if page.is_relative_to(DOCS):  # the site has only what is there
        assert [str(target) for target in found if not target.resolve().is_relative_to(DOCS)] == []


def test_the_site_lists_every_page_but_notes_and_results() -> None:
    listed = re.findall(r'"([\w/-]+\.md)"', str(tomllib.loads((ROOT / "zensical.toml").read_text())).replace("'", '"'))
    pages = {str(page.relative_to(DOCS)) for page in PAGES[1:]}
    assert sorted(listed) == sorted(page for page in pages if not page.startswith(("decisions/", "results/")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    lines = re.findall(r"^ +(?:\$ )?(gradeprop [a-z].*)$", text, re.MULTILINE)
    assert [line for line in lines if "[OPTIONS]" not in line and not parses(re.sub(r"\s+#.*", "", line))] == []
    assert set(re.findall(r"`gradeprop ([a-z-]+)", text)) <= documented()


def texts(folder: Path) -> Iterator[str]:
    """Yield all texts of the code in a folder; a value that is filled in becomes a line break."""
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "\n" for part in node.values)
                yield "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def messages() -> list[str]:
    """Return the messages in the first column of the tables of the page."""
    page = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    return [message for row in re.findall(r"^\| (`.*?) \| ", page, re.M) for message in re.findall(r"`([^`]+)`", row)]


def test_the_messages_that_are_explained_are_those_of_the_code() -> None:
    known = [*texts(ROOT / "gradeprop"), *texts(REPOSITORY.given), (ROOT / "Makefile").read_text()]
    explained = [message for message in messages() if message != NBGRADERS]
    assert len(explained) > 50
    lost = []
    for message in explained:
        parts = [part.strip() for part in message.split("…")]
        if max(map(len, parts)) < MIN_CHARACTERS or not all(any(part in text for text in known) for part in parts):
            lost.append(message)
    assert lost == []
