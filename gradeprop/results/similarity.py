"""Submissions with identical or similar code or weights: a reason to look, not proof of anything.

Code is compared as a string of tokens, one character each. Comments, layout and the names that a student chose do not
count. Functions and classes that equal those of the stub are left out; so is a submission with too little code left.
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
_COMMON_NAMES = frozenset((*keyword.kwlist, *"self range len zip enumerate sum max min torch nn".split()))  # noqa: SIM905
_MAX_BYTES = 2**18
_MIN_TOKENS = 120
"""short answers to a small task are often equal by chance"""
_MIN_SIMILARITY = 0.92
_MAX_LETTERS = 0xD000


@dataclass(frozen=True, slots=True)
class IdenticalGroup:
    """Students who submitted the same bytes, or the same code ignoring names and comments."""

    content: str
    """a file name, or a description of what is identical"""
    students: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SimilarPair:
    """Two students with similar code; ``similarity`` from 0 to 1."""

    first: str
    second: str
    similarity: float


@dataclass(frozen=True, slots=True)
class SimilarGroup:
    """Students of whom each has code similar to that of another; ``similarity`` is that of the closest pair."""

    students: tuple[str, ...]
    similarity: float


def identical_files(files: Mapping[str, Sequence[Path]]) -> list[IdenticalGroup]:
    """Group the students who submitted the same bytes under the same file name, the largest group first.

    Args:
        files: the files of each student.
    """
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
    letters = _letters(distinct)
    texts = ["".join(letters[token] for token in each) for each in distinct]
    if len(texts) < 2:
        return []
    scorer = Indel.normalized_similarity
    similarity = cdist(texts, texts, scorer=scorer, score_cutoff=min_similarity, dtype=np.float32, workers=-1)
    students = list(distinct.values())
    places = np.argwhere(np.triu(similarity, 1) >= min_similarity)
    pairs = [SimilarPair(students[row], students[column], float(similarity[row, column])) for row, column in places]
    return sorted(pairs, key=lambda pair: (-pair.similarity, pair.first, pair.second))


def merge(groups: Iterable[IdenticalGroup]) -> list[IdenticalGroup]:
    """Merge the groups of the same students into one that names everything that is identical."""
    contents: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for each in groups:
        contents[each.students].append(each.content)
    merged = [IdenticalGroup("; ".join(names), students) for students, names in contents.items()]
    return sorted(merged, key=lambda each: (-len(each.students), each.content, each.students))


def group(pairs: Sequence[SimilarPair]) -> list[SimilarGroup]:
    """Join the pairs that share a student, so that each student is in one group; the most similar group first."""
    leaders: dict[str, str] = {}

    def leader(student: str) -> str:
        while (above := leaders.setdefault(student, student)) != student:
            leaders[student] = student = leaders[above]
        return student

    for pair in pairs:
        leaders[leader(pair.second)] = leader(pair.first)
    students: dict[str, list[str]] = defaultdict(list)
    closest: dict[str, float] = defaultdict(float)
    for student in sorted(leaders):
        students[leader(student)].append(student)
    for pair in pairs:
        closest[leader(pair.first)] = max(pair.similarity, closest[leader(pair.first)])
    found = [SimilarGroup(tuple(names), closest[first]) for first, names in students.items()]
    return sorted(found, key=lambda each: (-each.similarity, each.students))


def _letters(distinct: Iterable[Sequence[str]]) -> dict[str, str]:
    """Assign a character to each token, the most frequent first: comparing is fastest among the first 256."""
    common = [token for token, _ in Counter(token for each in distinct for token in each).most_common()]
    letters = {token: chr(number) for number, token in enumerate(common[:_MAX_LETTERS])}
    return letters | dict.fromkeys(common[_MAX_LETTERS:], "\ufffd")


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
