"""Show your own code in the notebook, so that its HTML and PDF copies contain it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

HEADING = re.compile(r"# -{10,} (\w+)")
DOCUMENTED = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
FENCE = "`" * 5


def show_code(module: ModuleType, assignment: str) -> None:
    """Display your code for one assignment, with the helpers above the first section, without docstrings."""
    from IPython.display import Markdown, display  # here and not above: outside of notebooks it is not needed

    code = own_code(Path(str(module.__file__)).read_text(encoding="utf-8"), assignment)
    display(Markdown(f"{FENCE}python\n{code}\n{FENCE}"))


def own_code(text: str, assignment: str) -> str:
    """Return the section of an assignment and the helpers above the first one; without sections, all code."""
    lines, tree = text.splitlines(), ast.parse(text)
    sections = {match[1]: number for number, line in enumerate(lines) if (match := HEADING.match(line))}
    ends = [*sections.values(), len(lines)]
    kept = set(range(len(lines)))
    if assignment in sections:
        start = sections[assignment]
        kept = set(range(start, next(end for end in ends if end > start)))
        helpers = (node for node in tree.body if isinstance(node, DOCUMENTED) and node.lineno <= ends[0])
        kept |= {number for node in helpers for number in _lines(node)}
    kept -= set(_docstrings(tree))
    code = "\n".join(line for number, line in enumerate(lines) if number in kept)
    return re.sub(r"\n{4,}", "\n\n\n", code).strip()


def _docstrings(tree: ast.Module) -> Iterator[int]:
    """Yield the lines of each docstring, from 0; one that stands alone in its function stays."""
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED | ast.Module) and ast.get_docstring(node) is not None and len(node.body) > 1:
            yield from _lines(node.body[0])


def _lines(node: ast.stmt) -> range:
    first = min(each.lineno for each in (node, *getattr(node, "decorator_list", ())))
    return range(first - 1, node.end_lineno or first)
