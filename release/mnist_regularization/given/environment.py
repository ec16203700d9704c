"""Compare your code with the Python that grades it: your own modules, imports that it lacks, and newer syntax.

given/grader.json says which Python and which modules run your code. This needs only Python's standard library.
"""

import ast
import contextlib
import importlib.metadata
import io
import json
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

CODE = "student_code.py"
GRADER = Path(__file__).with_name("grader.json")
HERE = sys.version_info[:2]
_PROVIDED = ("given", "public_checks")  # part of the assignment, so not of a submission
_IMPORT = re.compile(r"\b(?:from|import|import_module|__import__)[\s\\('\"]+([\w., \t]+)")
_MAX_BYTES = 2**18  # of a file; what is imported after it is not found


def grader() -> dict:
    """Read given/grader.json: {"python": "3.11", "modules": {name: version}}; {} if there is none."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads(GRADER.read_bytes())
    return {}


def own_modules(folder: Path) -> list[str]:
    """Find the files that student_code.py imports, directly or through one another; the grader finds the same ones.

    Every word of a statement with ``import`` or ``from`` counts, whatever surrounds it.
    """
    found, left, seen = [], [CODE], {Path(CODE).stem, *_PROVIDED}
    while left:
        try:
            with (folder / left.pop()).open("rb") as file:
                text = file.read(_MAX_BYTES).decode(errors="replace")
        except OSError:
            continue
        for words in _IMPORT.findall(text):
            for name in set(re.findall(r"\w+", words)) - seen:
                seen.add(name)
                left += (new := _files(folder, name))
                found += new
    return sorted(found)


def _files(folder: Path, module: str) -> list[str]:
    """List module.py and all Python files of a package."""
    if not module.isidentifier() or module == "__pycache__":
        return []
    files = [folder / f"{module}.py", *(folder / module).rglob("*.py")]
    names = [file.relative_to(folder).as_posix() for file in files if file.is_file()]
    parts = {name: name[: -len(".py")].split("/") for name in names}
    return [name for name in names if all(part.isidentifier() and part != "__pycache__" for part in parts[name])]


def encoding_problem(data: bytes) -> str:
    """Name the first line that is not in the encoding of the file; "" if there is none."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return f"Line {line} is not {encoding.upper()}, which Python expects: save the file with the encoding UTF-8."
    except SyntaxError as error:  # an unknown encoding, or not UTF-8 in the first two lines
        return f"Its encoding is not what Python expects ({error.msg}): save the file with the encoding UTF-8."
    return ""


def newer_syntax(data: bytes) -> str:
    """Name the first place that this Python accepts and the older one of the grader does not; "" if there is none."""
    told = grader().get("python", "")
    if not told or (version := tuple(map(int, told.split(".")))) >= HERE:
        return ""
    line = None
    try:
        ast.parse(data, feature_version=version)
        line = _nested_f_string(data) if version < (3, 12) <= HERE else None
    except SyntaxError as error:
        line = error.lineno
    return f"The code that ends in line {line} needs a newer Python than {told}, which grades it." if line else ""


def _nested_f_string(data: bytes) -> int | None:
    """Return the first line of an f-string that Python 3.11 cannot read; ``feature_version`` accepts all of them.

    Between the braces it allows no backslash, no comment, and no quotes of the kind that surround the string.
    """
    strings: list[str] = []  # quotes of the f-strings around the current token
    for token in tokenize.tokenize(io.BytesIO(data).readline):
        name = tokenize.tok_name[token.type]
        text = token.string.lstrip("rRbBuUfF") if name in ("STRING", "FSTRING_START") else ""
        escapes = "\\" in token.string and (name == "STRING" or (name == "FSTRING_MIDDLE" and len(strings) > 1))
        newline = name == "NL" and any(len(quotes) == 1 for quotes in strings)
        if strings and (escapes or newline or name == "COMMENT" or any(quotes in text for quotes in strings)):
            return token.start[0]
        if name == "FSTRING_START":
            strings.append(token.string.lstrip("rRfF"))
        elif name == "FSTRING_END":
            strings.pop()
    return None


def missing_modules(names: set[str], folder: Path) -> list[str]:
    """Return those of the modules that the grader lacks, as far as given/grader.json says it."""
    known = {*grader().get("modules", names), *sys.stdlib_module_names, *_PROVIDED}
    return [name for name in sorted(names - known) if not any((folder / n).exists() for n in (f"{name}.py", name))]


def installed() -> str:
    """List the modules that the grader has."""
    return f"Installed are {', '.join(grader()['modules'])}; see given/grader.json."


def imports(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Return the modules that a file imports at once, and those that it imports later, in functions.

    Imports below ``try`` and ``if`` are left out: they may be for another machine.
    """
    at_once = _imported(tree.body)
    return at_once, _imported(_inner(tree)) - at_once


def _inner(node: ast.AST) -> Iterator[ast.AST]:
    """Yield everything in a file that is not below ``try`` or ``if``."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.Try | ast.If):
            yield from _inner(child)


def _imported(nodes: Iterable[ast.AST]) -> set[str]:
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def version_note() -> str:
    """Say which versions differ from those of the grader, as a remark; "" if none does."""
    told = grader()
    pairs = [("Python", "{}.{}".format(*HERE), told.get("python"))]
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        pairs.append(("torch", importlib.metadata.version("torch"), told.get("modules", {}).get("torch")))
    differing = [(name, ours, theirs) for name, ours, theirs in pairs if theirs and _short(ours) != _short(theirs)]
    if not differing:
        return ""
    here, there = (" and ".join(f"{name} {version}" for name, version in each) for each in (
        [(name, ours) for name, ours, _ in differing], [(name, theirs) for name, _, theirs in differing],
    ))  # fmt: skip
    return f"Here runs {here}; your code is graded with {there} (given/grader.json)."


def _short(version: str) -> list[str]:
    return version.split(".")[:2]
