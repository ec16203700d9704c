"""Merge two versions of a file of Python code, statement by statement; ``given.bring_forward`` uses it.

Nothing is run: the syntax tree says what a statement defines, and its lines are copied as they are.
"""

import ast
import itertools
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .environment import encoding_problem

FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
ASSIGNED = ast.Assign | ast.AnnAssign
IMPORT = ast.Import | ast.ImportFrom


class UnreadableError(Exception):
    """A file is missing, or Python cannot read it."""


@dataclass(frozen=True)
class Item:
    """One statement of a module or class, as lines ``first`` to ``last`` (exclusive), with the comments above it."""

    node: ast.stmt
    first: int
    last: int
    names: tuple[str, ...]  # that it defines
    indent: str

    @property
    def meaning(self) -> str:
        """The code without comments and layout."""
        return ast.dump(self.node)


@dataclass
class Code:
    """The text of a file, line by line, and its statements."""

    lines: list[str]
    tree: ast.Module

    @classmethod
    def read(cls, file: Path) -> "Code":
        """Read a file in the encoding that it declares."""
        try:
            if problem := encoding_problem(file.read_bytes()):
                raise UnreadableError(f"{file} cannot be read. {problem}")
            with tokenize.open(file) as opened:
                return cls.parse(opened.read())
        except FileNotFoundError:
            raise UnreadableError(f"There is no {file}.") from None
        except SyntaxError as error:
            raise UnreadableError(f"Python cannot read {file}, line {error.lineno}: {error.msg}.") from error
        except (OSError, ValueError) as error:  # ValueError: not text
            raise UnreadableError(f"{file} cannot be read: {error}.") from error

    @classmethod
    def parse(cls, text: str) -> "Code":
        return cls(text.split("\n"), ast.parse(text))

    def items(self, body: Iterable[ast.stmt]) -> list[Item]:
        """Return the statements of a module or class but its docstring."""
        found: list[Item] = []
        for node in body:
            if _is_text(node):
                continue
            first = min(each.lineno for each in (node, *getattr(node, "decorator_list", ()))) - 1
            if found and first < found[-1].last:  # behind a semicolon: its line belongs to the statement before it
                continue
            indent = self.indent(first)
            while first and re.match(rf"{indent}#(?! ---)", self.lines[first - 1]):  # no heading of a section
                first -= 1
            found.append(Item(node, first, node.end_lineno, tuple(_names(node)), indent))
        return found

    def indent(self, line: int) -> str:
        return re.match(r"\s*", self.lines[line])[0]

    def text(self, item: Item, indent: str) -> list[str]:
        """Return the lines of a statement, moved to another indentation."""
        lines = self.lines[item.first : item.last]
        if indent == item.indent:
            return lines
        return [indent + line.removeprefix(item.indent) if line.strip() else line for line in lines]


@dataclass
class Merge:
    """Collects the changes of a file, and what to tell about them."""

    old: Code
    new: Code
    edits: list[tuple[int, int, list[str]]] = field(default_factory=list)
    carried: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def merge(
        self, old_body: Sequence[ast.stmt], new_body: Sequence[ast.stmt], inside: str = "", indent: str = ""
    ) -> None:
        """Merge the statements of a module, or of a class of the name ``inside``."""
        ours = self.new.items(new_body)
        by_name = {name: item for item in ours for name in item.names}
        by_meaning = {item.meaning: item for item in ours}
        own: list[Item] = []
        seen: list[Item] = []
        for item in _last_definitions(self.old.items(old_body)):
            if isinstance(item.node, IMPORT) and not inside:
                continue
            same = by_meaning.get(item.meaning) or next((by_name[name] for name in item.names if name in by_name), None)
            if same is None or same in seen:  # in both files once, and here another time: f = decorate(f)
                own.append(item)
                continue
            seen.append(same)
            self._insert(same.first, own, inside, indent)
            own = []
            if same.meaning != item.meaning:
                self._decide(item, same, inside)
        end = max((node.end_lineno for node in new_body), default=0)
        self._insert(end, own, inside, indent, after=True)

    def _insert(self, line: int, items: Sequence[Item], inside: str, indent: str, after: bool = False) -> None:
        """Insert statements that only the old file has."""
        gap = [""] if inside else ["", ""]
        for item in items:
            text = self.old.text(item, indent)
            self.edits.append((line, line, [*gap, *text] if after else [*text, *gap]))
            self.added.append(inside + (".".join(item.names) or self.old.lines[item.node.lineno - 1].strip()))

    def _decide(self, theirs: Item, ours: Item, inside: str) -> None:
        """Choose between two different statements of the same name."""
        there, here, name = theirs.node, ours.node, f"{inside}{ours.names[0]}"
        if isinstance(there, ast.ClassDef) and isinstance(here, ast.ClassDef) and _header(there) == _header(here):
            self.merge(there.body, here.body, f"{name}.", self.new.indent(here.body[-1].lineno - 1))
        elif is_stub(there):
            return
        elif is_stub(here):
            self.edits.append((ours.first, ours.last, self.old.text(theirs, ours.indent)))
            self.carried.append(name)
        else:
            self.kept.append(f"{name} (there in line {there.lineno})")

    def add_imports(self) -> None:
        """Add the imports that only the old file has, below those at the top."""
        known = {name for item in _imports(self.new.tree) for name in _imported(item)}
        top = list(itertools.takewhile(lambda node: _is_text(node) or isinstance(node, IMPORT), self.new.tree.body))
        ends = {_is_text(node): node.end_lineno for node in top}  # of the docstring, and of the last import
        for node in _imports(self.old.tree):
            if missing := [alias for alias, name in zip(node.names, _imported(node), strict=True) if name not in known]:
                node.names = missing
                first = isinstance(node, ast.ImportFrom) and node.module == "__future__"
                line = ends.get(True, 0) if first else max(ends.values(), default=0)
                self.edits.append((line, -1, [ast.unparse(node)]))
                self.added.append(ast.unparse(node))

    def result(self) -> str:
        """Return the text of the new file with all changes."""
        lines = list(self.new.lines)
        ordered = sorted(enumerate(self.edits), key=lambda edit: (edit[1][:2], edit[0]))
        for _, (first, last, text) in reversed(ordered):  # from the end to the top
            lines[first : max(first, last)] = text
        return "\n".join(lines)


def is_stub(node: ast.stmt) -> bool:
    """Return True if a function does nothing but raise NotImplementedError, or a class has only such functions."""
    if isinstance(node, ast.ClassDef):
        functions = [each for each in node.body if isinstance(each, FUNCTION)]
        return bool(functions) and all(map(is_stub, functions))
    if not isinstance(node, FUNCTION):
        return False
    rest = [each for each in node.body if not _is_text(each) and ast.unparse(each) != "super().__init__()"]
    return len(rest) == 1 and ast.unparse(rest[0]).startswith("raise NotImplementedError")


def _last_definitions(items: Sequence[Item]) -> list[Item]:
    """Leave out functions and classes that are defined again further below."""
    defined = {item.names: item for item in items if isinstance(item.node, FUNCTION | ast.ClassDef)}
    last = {names: item for names, item in defined.items() if not item.node.decorator_list}  # not a property's setter
    return [
        item for item in items if item.names not in last or item is last[item.names] or isinstance(item.node, ASSIGNED)
    ]


def _names(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, FUNCTION | ast.ClassDef):
        yield node.name
    elif isinstance(node, ASSIGNED):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            yield from (each.id for each in getattr(target, "elts", [target]) if isinstance(each, ast.Name))


def _header(node: ast.ClassDef) -> str:
    """The line of a class; a class on one line equals no other."""
    parts = [*node.bases, *node.keywords, *node.decorator_list]
    return " ".join(map(ast.dump, parts)) if node.body[0].lineno > node.lineno else f"{node.lineno} {ast.dump(node)}"


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imports(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    return [node for node in tree.body if isinstance(node, IMPORT)]


def _imported(node: ast.Import | ast.ImportFrom) -> list[tuple]:
    """One value for each name that a statement imports."""
    module = (node.level, node.module) if isinstance(node, ast.ImportFrom) else ()
    return [(*module, alias.name, alias.asname) for alias in node.names]
