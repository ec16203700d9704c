"""The reference for check writers, made from docstrings: ``draw``, the fixtures, and ``gradeprop.check``."""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from gradeprop import check
from gradeprop.guest import networks
from gradeprop.guest.draw import Draw
from gradeprop.judge import accessors, assertions, observed, plugin

_HEAD = """\
# Checks and probes

<!-- written by make reference-docs -->

A probe receives `student`, the submission's `student_code`, and `draw`; it can import nothing else of ours. A check
asks for fixtures by name, and imports from `gradeprop.check` alone. [check-writer.md](../check-writer.md) shows both.
"""
_SECTION = re.compile(r"^(Args|Raises|Returns|Attributes|Yields):$", re.MULTILINE)
_GROUPS = {"assertions": "verdicts", "draw": "drawn weights"}  # other modules: their name
_ACCESSORS = {accessors.Seen: "seen", assertions.Points: "points", assertions.Show: "show"}


def page() -> str:
    """Return the page as Markdown."""
    parts = [
        _HEAD,
        "## `draw`, the second argument of a probe\n",
        *_tables(_draw()),
        "## Fixtures of a check\n",
        _table("fixture", _fixtures()),
        "## Methods of what fixtures return\n",
        *(_table(f"`{name}`", _methods(kind, name)) for kind, name in _ACCESSORS.items()),
        "## `gradeprop.check`\n",
        *_tables(_check()),
    ]
    return "\n".join(parts)


def _draw() -> Iterator[tuple[str, str, str]]:
    """Group, call and text of each member of Draw; the comments in its source name the groups."""
    group, about = "", inspect.getdoc(Draw) or ""
    for name, text in re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", about, re.MULTILINE):
        yield "attributes", f"draw.{name}", _plain(text)
    for line in inspect.getsource(Draw).splitlines():
        if title := re.match(r"    # ---- (.+)", line):
            group = title[1]
        elif group and (name := re.match(r"    (?:def )?([a-z]\w*)(?:\(| = )", line)):
            member = inspect.getattr_static(Draw, name[1])
            if isinstance(member, property):
                yield group, f"draw.{name[1]}", _text(member)
            else:
                member = networks.Trace if member is networks.Trace else getattr(Draw, name[1])
                yield group, _call(f"draw.{name[1]}", member), _text(member)


def _fixtures() -> Iterator[tuple[str, str]]:
    for node in ast.parse(inspect.getsource(plugin)).body:
        if isinstance(node, ast.FunctionDef) and any("fixture" in ast.unparse(each) for each in node.decorator_list):
            yield f"`{node.name}`", _cell(ast.get_docstring(node) or "")


def _methods(kind: type, name: str) -> Iterator[tuple[str, str]]:
    for method, function in vars(kind).items():
        if inspect.isfunction(function) and not method.startswith("_"):
            yield f"`{_call(f'{name}.{method}', function)}`", _text(function)


def _check() -> Iterator[tuple[str, str, str]]:
    for name in check.__all__:
        member = getattr(check, name)
        if member in _ACCESSORS or member is observed.Observed:  # described above
            continue
        module = member.__module__.rpartition(".")[2]
        group = _GROUPS.get(module, module.replace("_", " "))
        yield group, _call(name, member), _text(member)


def _tables(rows: Iterator[tuple[str, str, str]]) -> Iterator[str]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for group, call, text in rows:
        groups.setdefault(group, []).append((f"`{call}`", text))
    yield from (_table(group, iter(members)) for group, members in groups.items())


def _table(title: str, rows: Iterator[tuple[str, str]]) -> str:
    return "\n".join([f"| {title} | |", "|---|---|", *(f"| {call} | {text} |" for call, text in rows), ""])


def _call(name: str, member: Callable[..., Any]) -> str:
    if isinstance(member, type) and issubclass(member, Exception):
        return name
    parameters = list(inspect.signature(member).parameters.values())
    shown = (each.replace(annotation=inspect.Parameter.empty) for each in parameters if each.name != "self")
    return f"{name}({', '.join(map(str, shown))})"


def _text(member: object) -> str:
    return _cell(inspect.getdoc(member) or "")


def _cell(doc: str) -> str:
    """A docstring as one cell: its text, then each argument and exception."""
    text, *sections = _SECTION.split(inspect.cleandoc(doc))
    parts = [_plain(text)]
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        entries = re.split(r"\n(?=\S)", inspect.cleandoc(body))
        named = [re.sub(r"^(\w+):", r"`\1`:", _plain(entry)) for entry in entries]
        parts.append(f"{title}: {' '.join(named)}" if title in ("Returns", "Raises") else " ".join(named))
    return " ".join(parts)


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")
