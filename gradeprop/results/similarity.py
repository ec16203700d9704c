"""Submissions with identical or similar code or weights: a reason to look, not proof of anything.

Code is compared by its runs of tokens, in any order: functions and methods may change places. Comments, layout and the
names that a student chose do not count. Functions and classes that equal those of the stub are left out, and runs that
half of a class has; so is a submission with too little code left.
"""

import hashlib
import keyword
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

_TOKEN = re.compile(
    r"""(?P<skip>\#[^\n]*|\s+|\\\n)|(?P<text>[rbfu]{0,2}(?:\"{3}.*?(?:\"{3}|\Z)|'{3}.*?(?:'{3}|\Z)|"[^"\n]*"?|'[^'\n]*'?))"""
    r"""|(?P<name>[^\W\d]\w*)|(?P<number>\d[\w.]*)|(?P<sign>\*\*|//|->|[-+*/%@&|^=!<>:]=?|.)""",
    re.IGNORECASE | re.DOTALL,
)
_BLOCK = re.compile(r"^(?=def |class |@)", re.MULTILINE)
_COMMON_NAMES = frozenset((*keyword.kwlist, *"self range len zip enumerate sum max min torch nn".split()))  # noqa: SIM905
_MAX_BYTES = 2**18
_MIN_TOKENS = 120
"""short answers to a small task are often equal by chance"""
_MIN_SIMILARITY = 0.8
_RUN = 10
"""tokens in a row that are compared"""
_MIN_RUNS = 60
_CLASS = 20
"""number of students from which on runs that half of them have do not count"""


@dataclass(frozen=True, slots=True)
class IdenticalGroup:
    """Students who submitted the same bytes, or the same code ignoring names and comments."""

    content: str
    """a file name, or a description of what is identical"""
    students: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SimilarPair:
    """Two students with similar code; ``similarity`` is the share of the shorter code that the other has, 0 to 1."""

    first: str
    second: str
    similarity: float


@dataclass(frozen=True, slots=True)
class SimilarGroup:
    """Students of whom each has code similar to that of another."""

    students: tuple[str, ...]
    closest: SimilarPair

    @property
    def similarity(self) -> float:
        """Similarity of the closest pair."""
        return self.closest.similarity


def identical_files(files: Mapping[str, Sequence[Path]]) -> list[IdenticalGroup]:
    """Group the students who submitted the same bytes under the same file name, the largest group first."""
    groups: dict[tuple[str, bytes], list[str]] = defaultdict(list)
    for student, each in files.items():
        for file in each:
            groups[file.name, hashlib.sha256(file.read_bytes()).digest()].append(student)
    return _shared(groups)


def identical_code(tokens: Mapping[str, Sequence[str]]) -> list[IdenticalGroup]:
    """Group the students whose code is the same except for names, layout and comments.

    Args:
        tokens: the result of ``tokenize`` for each student.
    """
    groups: dict[tuple[str, bytes], list[str]] = defaultdict(list)
    for student, each in tokens.items():
        if len(each) >= _MIN_TOKENS:
            digest = hashlib.sha256("\0".join(each).encode()).digest()
            groups["code, ignoring names and comments", digest].append(student)
    return _shared(groups)


def _shared(students: Mapping[tuple[str, bytes], Sequence[str]]) -> list[IdenticalGroup]:
    groups = [IdenticalGroup(content, tuple(names)) for (content, _), names in students.items() if len(names) > 1]
    return sorted(groups, key=lambda group: (-len(group.students), group.content, group.students))


def similar_code(tokens: Mapping[str, Sequence[str]], min_similarity: float = _MIN_SIMILARITY) -> list[SimilarPair]:
    """Find pairs with similar code, the most similar first; of students with identical code, only the first counts.

    Args:
        tokens: the result of ``tokenize`` for each student.
        min_similarity: from 0 to 1.
    """
    distinct: dict[tuple[str, ...], str] = {}
    for student, each in tokens.items():
        if len(each) >= _MIN_TOKENS:
            distinct.setdefault(tuple(each), student)
    if len(distinct) < 2:
        return []
    has = _has_run(list(distinct))
    size = has.sum(axis=1)
    shared = sparse.triu(has @ has.T, k=1).tocoo()
    similarity = shared.data / np.maximum(1, np.minimum(size[shared.row], size[shared.col]))
    chosen = (similarity >= min_similarity) & (np.minimum(size[shared.row], size[shared.col]) >= _MIN_RUNS)
    students = list(distinct.values())
    places = zip(shared.row[chosen], shared.col[chosen], similarity[chosen], strict=True)
    pairs = [SimilarPair(students[row], students[column], float(share)) for row, column, share in places]
    return sorted(pairs, key=lambda pair: (-pair.similarity, pair.first, pair.second))


def _has_run(codes: Sequence[Sequence[str]]) -> sparse.csr_array:
    """Return 1 for each code (row) and each run of tokens (column) in it; without the runs that half of a class has."""
    runs = [np.unique([hash(run) for run in zip(*(code[i:] for i in range(_RUN)), strict=False)]) for code in codes]
    rows = np.repeat(np.arange(len(runs)), [len(each) for each in runs])
    _, columns, count = np.unique(np.concatenate(runs), return_inverse=True, return_counts=True)
    has = sparse.csr_array((np.ones(len(rows), dtype=np.int32), (rows, columns)))
    return has[:, count <= len(codes) / 2] if len(codes) >= _CLASS else has


def merge(groups: Iterable[IdenticalGroup]) -> list[IdenticalGroup]:
    """Merge the groups of the same students into one that names everything that is identical."""
    contents: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for each in groups:
        contents[each.students].append(each.content)
    merged = [IdenticalGroup("; ".join(names), students) for students, names in contents.items()]
    return sorted(merged, key=lambda each: (-len(each.students), each.content, each.students))


def group(pairs: Sequence[SimilarPair]) -> list[SimilarGroup]:
    """Join the pairs that share a student, so that each student is in one group; the most similar group first."""
    students = sorted({name for pair in pairs for name in (pair.first, pair.second)})
    places = [(students.index(pair.first), students.index(pair.second)) for pair in pairs]
    edges = sparse.coo_array((np.ones(len(pairs)), np.array(places, int).reshape(-1, 2).T), shape=2 * (len(students),))
    _, labels = sparse.csgraph.connected_components(edges, directed=False)
    members: dict[int, list[str]] = defaultdict(list)
    for student, label in zip(students, labels, strict=True):
        members[label].append(student)
    closest: dict[int, SimilarPair] = {}
    for pair, (first, _) in sorted(zip(pairs, places, strict=True), key=lambda both: -both[0].similarity):
        closest.setdefault(labels[first], pair)
    found = [SimilarGroup(tuple(names), closest[label]) for label, names in members.items()]
    return sorted(found, key=lambda each: (-each.similarity, each.students))


def tokenize(code: str, stub: str = "") -> list[str]:
    """Return the tokens of the code that is not in the stub, for any text, in time that grows with its length."""
    given = {_normalized(block, set()) for block in _BLOCK.split(stub)}
    known = set(re.findall(r"\w+", stub))
    blocks = _BLOCK.split(code[:_MAX_BYTES])
    return [token for block in blocks if _normalized(block, set()) not in given for token in _normalized(block, known)]


def tokenize_files(texts: Iterable[str], stub: str = "") -> list[str]:
    """Return the tokens of several files, in an order that does not depend on their names; of too much code, a part."""
    found, left = [], _MAX_BYTES
    for text in texts:
        found.append(tokenize(text[:left], stub))
        left -= len(text[:left])
    return [token for tokens in sorted(found) for token in tokens]


def _normalized(code: str, known: set[str]) -> tuple[str, ...]:
    """Return the tokens; a name that is neither known nor an attribute becomes ``name``, a string ``text``."""
    tokens: list[str] = []
    for match in _TOKEN.finditer(code):
        if match.lastgroup == "name":
            attribute = bool(tokens) and tokens[-1] == "."
            tokens.append(match[0] if attribute or match[0] in known or match[0] in _COMMON_NAMES else "name")
        elif match.lastgroup == "text":
            tokens.append("text")
        elif match.lastgroup in ("number", "sign"):
            tokens.append(match[0])
    return tuple(tokens)
