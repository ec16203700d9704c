"""Which submissions hold the same code or weights, or nearly the same code; a reason to look, and no proof of anything.

Code is compared as a string of tokens, one character each: comments, layout and the names that a student chose do not
count. What the stub holds already, function by function, is left out; so is everything when too little is left.
"""

import hashlib
import keyword
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rapidfuzz.distance import Indel
from rapidfuzz.process import cdist

_TOKEN = re.compile(
    r"""(?P<skip>\#[^\n]*|\s+|\\\n)|(?P<text>[rbfu]{0,2}(?:\"{3}.*?(?:\"{3}|\Z)|'{3}.*?(?:'{3}|\Z)|"[^"\n]*"?|'[^'\n]*'?))"""
    r"""|(?P<name>[^\W\d]\w*)|(?P<number>\d[\w.]*)|(?P<sign>\*\*|//|->|[-+*/%@&|^=!<>:]=?|.)""",
    re.IGNORECASE | re.DOTALL,
)
_BLOCK = re.compile(r"^(?=def |class |@)", re.MULTILINE)
_MOST_BYTES = 2**18
_LEAST_TOKENS = 120
"""of two short answers to a small task nothing follows"""
_ALIKE = 0.92


@dataclass(frozen=True, slots=True)
class Same:
    """Students who handed in the same bytes, or the same code but for names and comments."""

    what: str
    students: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Near:
    """Two submissions whose code is nearly the same; ``likeness`` from 0 to 1."""

    one: str
    other: str
    likeness: float


def same_files(files: Mapping[str, Sequence[Path]]) -> list[Same]:
    """By file name: who handed in the same bytes.

    Args:
        files: by student.
    """
    found: dict[tuple[str, bytes], list[str]] = defaultdict(list)
    for student, each in files.items():
        for file in each:
            found[file.name, hashlib.sha256(file.read_bytes()).digest()].append(student)
    return _several({(name, digest): who for (name, digest), who in found.items()})


def same_code(tokens: Mapping[str, Sequence[str]]) -> list[Same]:
    """Who handed in the same code but for names, layout and comments."""
    found: dict[tuple[str, bytes], list[str]] = defaultdict(list)
    for student, each in tokens.items():
        if len(each) >= _LEAST_TOKENS:
            found["code, but for names and comments", hashlib.sha256("\0".join(each).encode()).digest()].append(student)
    return _several(found)


def _several(found: Mapping[tuple[str, bytes], Sequence[str]]) -> list[Same]:
    groups = [Same(what, tuple(who)) for (what, _), who in found.items() if len(who) > 1]
    return sorted(groups, key=lambda group: (-len(group.students), group.what, group.students))


def near_code(tokens: Mapping[str, Sequence[str]], alike: float = _ALIKE) -> list[Near]:
    """Pairs whose code is nearly the same, the most alike first; of those with the same code, the first stands."""
    distinct: dict[tuple[str, ...], str] = {}
    for student, each in tokens.items():
        if len(each) >= _LEAST_TOKENS:
            distinct.setdefault(tuple(each), student)
    letters = _letters(distinct)
    texts = ["".join(letters[token] for token in each) for each in distinct]
    if len(texts) < 2:
        return []
    likeness = cdist(texts, texts, scorer=Indel.normalized_similarity, score_cutoff=alike, dtype=np.float32, workers=-1)
    who = list(distinct.values())
    pairs = np.argwhere(np.triu(likeness, 1) >= alike)
    found = [Near(who[row], who[column], float(likeness[row, column])) for row, column in pairs]
    return sorted(found, key=lambda pair: (-pair.likeness, pair.one, pair.other))


def _letters(distinct: Iterable[Sequence[str]]) -> dict[str, str]:
    """A character for each token, the most frequent first: comparing is quickest within the first 256."""
    counted = Counter(token for each in distinct for token in each)
    return {token: chr(number) for number, (token, _) in enumerate(counted.most_common(0xD000))} | {
        token: "\ufffd" for token, _ in counted.most_common()[0xD000:]
    }


def tokens(code: str, stub: str = "") -> list[str]:
    """What is the student's own, as tokens; whatever the text is, in time that grows with its length."""
    given = {_normal(block, set()) for block in _BLOCK.split(stub)}
    known = set(re.findall(r"\w+", stub))
    blocks = _BLOCK.split(code[:_MOST_BYTES])
    return [token for block in blocks if _normal(block, set()) not in given for token in _normal(block, known)]


def _normal(code: str, known: set[str]) -> tuple[str, ...]:
    """Tokens; a name that is neither known nor an attribute says only that it is a name."""
    found: list[str] = []
    for match in _TOKEN.finditer(code):
        if match.lastgroup == "name":
            attribute = bool(found) and found[-1] == "."
            found.append(match[0] if attribute or match[0] in known or match[0] in _WORDS else "name")
        elif match.lastgroup == "text":
            found.append("text")
        elif match.lastgroup in ("number", "sign"):
            found.append(match[0])
    return tuple(found)


_WORDS = frozenset((*keyword.kwlist, *"self range len zip enumerate sum max min torch nn".split()))  # noqa: SIM905
