"""Docstrings of gradeprop/ name the thing or say what to do; modules and classes stay small (see docs/developer.md)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY.root / "gradeprop"
MODULES = [file for file in sorted(PACKAGE.rglob("*.py")) if "templates" not in file.parts]
RELATIVE_CLAUSE = re.compile(r"(What|Whose|Who|Where|Whether|Of)\b")
MAX_SHARE = 0.01
MAX_MODULE_LINES = 300
MAX_CLASS_LINES = 150


def docstrings(file: Path) -> Iterator[tuple[str, str]]:
    """Yield the place and the text of each docstring of a module."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            place = f"{file.relative_to(PACKAGE.parent)}:{getattr(node, 'lineno', 1)}"
            if text := ast.get_docstring(node):
                yield place, text


def sizes() -> Iterator[tuple[str, int, int]]:
    """Yield name, number of lines and maximum of each module and class."""
    for file in MODULES:
        text, name = file.read_text(), str(file.relative_to(PACKAGE))
        yield name, len(text.splitlines()), MAX_MODULE_LINES
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef) and node.end_lineno:
                yield f"{name}: class {node.name}", node.end_lineno - node.lineno + 1, MAX_CLASS_LINES


def test_docstrings_do_not_start_with_a_relative_clause() -> None:
    found = [each for file in MODULES for each in docstrings(file)]
    offenders = [f"{place}: {text.splitlines()[0]}" for place, text in found if RELATIVE_CLAUSE.match(text)]
    assert len(offenders) <= MAX_SHARE * len(found), f"{len(offenders)} of {len(found)}:\n" + "\n".join(offenders)


def test_modules_and_classes_are_small() -> None:
    large = [f"{name}: {lines} lines, at most {most}" for name, lines, most in sizes() if lines > most]
    assert not large, "\n".join(large)
