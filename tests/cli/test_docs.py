"""The documentation, read by ``gradeprop docs``: of a clone, and as installed with the package."""

import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradeprop.cli import docs
from gradeprop.cli.main import main

ROOT = Path(__file__).parents[2]


def test_pages_are_listed_with_their_titles_and_shown_by_name() -> None:
    listed = CliRunner().invoke(main, ["docs"]).output
    assert re.search(r"^lms +Grades and feedback on your platform$", listed, re.MULTILINE)
    for name in ("lms", "docs/lms.md"):  # as listed, or as a page names another
        shown = CliRunner().invoke(main, ["docs", name])
        assert shown.output.strip() == (ROOT / "docs" / "lms.md").read_text(encoding="utf-8").strip()


def test_every_page_that_a_message_names_exists() -> None:
    code = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "gradeprop").rglob("*.py"))
    named = set(re.findall(r"gradeprop docs ([a-z][\w/.-]*\w)", code)) - {"lists"}
    assert {"lms", "gradescope", "reference/reports.schema.json"} <= named <= docs.find_pages().keys()


def test_an_installed_package_has_the_pages_of_the_clone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data_files = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["data-files"]
    for folder, patterns in data_files.items():
        for file in (file for pattern in patterns for file in ROOT.glob(pattern)):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / file.name).write_bytes(file.read_bytes())
    installed = tmp_path / docs._INSTALLED
    assert installed.is_file()
    pages = docs.find_pages()
    monkeypatch.setattr(docs, "_CLONE", tmp_path / "docs")
    monkeypatch.setattr(docs, "_installed", lambda: installed.parent)
    assert docs.find_pages().keys() == pages.keys()
