"""A student's own modules: the files of a submission that student_code.py imports, directly or through one another.

Nothing is parsed, since a parser can be crashed: every word of a statement with ``import`` or ``from`` counts. It may
find a module that is not run, but misses none that is imported by its name, except by a very long file.
source/given/environment.py finds the same ones.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from gradeprop.core.paths import GIVEN, PUBLIC_CHECKS, STUDENT_CODE

_IMPORT = re.compile(r"\b(?:from|import|import_module|__import__)[\s\\('\"]+([\w., \t]+)")
_WORD = re.compile(r"\w+")
_MAX_BYTES = 2**18
"""of a file; what is imported after it is not found"""


def own_modules(folder: Path, files: Iterable[str]) -> set[str]:
    """Return the names of the student's own modules.

    Args:
        folder: the safe copy.
        files: relative names of regular files in ``folder``.
    """
    places: dict[str, list[str]] = {}
    for name in filter(_is_module, files):
        places.setdefault(name.removesuffix(".py").partition("/")[0], []).append(name)
    found, left = set[str](), [name for name in places.pop(Path(STUDENT_CODE).stem, ()) if name == STUDENT_CODE]
    while left:
        with (folder / left.pop()).open("rb") as file:
            text = file.read(_MAX_BYTES).decode(errors="replace")
        for words in _IMPORT.findall(text):
            for name in places.keys() & set(_WORD.findall(words)):
                left += places[name]
                found.update(places.pop(name))
    return found


def _is_module(name: str) -> bool:
    parts = name.removesuffix(".py").split("/")
    if not name.endswith(".py") or parts[0] == GIVEN or name == PUBLIC_CHECKS:
        return False
    return all(part.isidentifier() and part != "__pycache__" for part in parts)
