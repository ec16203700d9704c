"""Find the requested files in a safe copy, however the student has packed, named or nested them.

Students upload their folder with its outer folder, a download that the browser has renamed, or the packed zip beside a
report. All of that is clear to a person, and so it is here. Where a person would have to ask, ``Layout.doubt`` says
what was found; nothing is guessed.
"""

import itertools
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from gradeprop.core.paths import GIVEN, PACKER, PUBLIC_CHECKS, STUDENT_CODE
from gradeprop.core.sanitize import filename

_ONLY_ONE = (".py", ".ipynb")
"""kinds of files of which the only one is the requested one, whatever its name"""
_ADDED = (".txt", ".json")
_COPY = re.compile(r"\s*\(\d+\)|^copy of |[\s_-]+(copy|kopie|copie|final|\d+)$", re.IGNORECASE)
_MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class Layout:
    """The place of each file of a safe copy, and what is doubtful about it."""

    names: dict[str, str]
    """name in the copy → name in the submission"""
    notes: tuple[str, ...] = ()
    """sentences for the student: files that were found under another name"""
    doubt: str = ""
    """why a person must look; empty if the layout is clear"""


@dataclass(frozen=True, slots=True)
class _Pick:
    """The file that was chosen for a requested name."""

    name: str = ""
    rivals: tuple[str, ...] = ()
    """different files of which any could be meant"""


def arrange(files: Mapping[str, bytes], wanted: Collection[str], stubs: frozenset[bytes] = frozenset()) -> Layout:
    """Decide the name of each file in the submission.

    Args:
        files: name in the copy → SHA-256.
        wanted: requested files; "a or b" requires one of the two.
        stubs: SHA-256 of the released stub, which is nobody's work if there is another file.
    """
    reserved = {name for names in wanted for name in names.split(" or ")}
    own = {file: digest for file, digest in files.items() if _is_own(file)}
    code = _pick(STUDENT_CODE, own, reserved, stubs=stubs) if STUDENT_CODE in reserved else _Pick()
    root = _folder(code.name) if code.name else _common_folder(files)
    chosen = {STUDENT_CODE: code.name} if code.name else {}
    doubts = [] if code.name or STUDENT_CODE not in reserved else [_no_code(files, code.rivals)]
    for names in wanted:
        if names == STUDENT_CODE:
            continue
        picks = {name: _pick(name, own, reserved, root) for name in names.split(" or ")}
        found = {name: pick.name for name, pick in picks.items() if pick.name}
        exact = {name: file for name, file in found.items() if _base(file) == name}
        chosen |= exact or dict(list(found.items())[:1])
        if not found and (rivals := next((pick.rivals for pick in picks.values() if pick.rivals), ())):
            doubts.append(f"Several files could be {names}: {_list(rivals)}.")
    return Layout(_names(files, root, chosen), tuple(_notes(files, root, chosen, stubs)), " ".join(doubts))


def is_requested(file: str, wanted: Iterable[str]) -> bool:
    """Return True if a file has the name of a requested one, or a similar name."""
    return any(_base(file) == name or _is_similar(_base(file), name) for name in wanted)


def has_code(names: Iterable[str]) -> bool:
    """Return True if a file may be the student's code."""
    return any(_is_own(name) and name.endswith(".py") for name in names)


def _pick(
    name: str,
    own: Mapping[str, bytes],
    reserved: Collection[str],
    root: str | None = None,
    stubs: frozenset[bytes] = frozenset(),
) -> _Pick:
    """Choose the file for a requested name: the one of that name, else of a similar one, else the only one.

    Of several files with such a name, the one in ``root`` counts, else the one in the highest folder; one of a similar
    name above it makes that a question.
    """
    exact = [file for file in own if _base(file) == name]
    other = [file for file in own if _base(file) not in reserved]
    similar = [file for file in other if _is_similar(_base(file), name)]
    work = [file for file in (*exact, *similar) if own[file] not in stubs]
    if work and len(work) < len(exact) + len(similar):  # the stub is beside the work
        return _one_of(work, own)
    if named := exact or similar:
        rank = {file: (_folder(file) != root, file.count("/")) for file in (*exact, *similar)}
        best = min(rank[file] for file in named)
        higher = [file for file in similar if rank[file] < best]  # old/hw.ipynb, and hw (1).ipynb above it
        return _one_of([*(file for file in named if rank[file] == best), *higher], own)
    suffix = PurePosixPath(name).suffix
    return _one_of([file for file in other if suffix in _ONLY_ONE and _kind(file, suffix) == suffix], own)


def _one_of(candidates: Sequence[str], files: Mapping[str, bytes]) -> _Pick:
    """Choose the only candidate, or any if all have the same content."""
    if len({files[candidate] for candidate in candidates}) == 1:
        return _Pick(min(candidates, key=lambda name: (name.count("/"), name)))
    return _Pick(rivals=tuple(candidates))


def _is_own(file: str) -> bool:
    """Return True unless a file is one that we hand out, or hidden."""
    parts = PurePosixPath(file).parts
    hidden = any(part.startswith(".") for part in parts)
    return not hidden and GIVEN not in parts[:-1] and parts[-1] not in (PUBLIC_CHECKS, PACKER)


def _is_similar(file: str, name: str) -> bool:
    """Return True if a name is the requested one as browsers, editors and students change it."""
    wanted = PurePosixPath(name.lower())
    file = _without_added_suffix(file.lower(), wanted.suffix)
    stem, suffix = PurePosixPath(file).stem, PurePosixPath(file).suffix
    if suffix != wanted.suffix:
        return False
    if _letters(_COPY.sub("", stem)) == _letters(wanted.stem):
        return True
    return suffix in _ONLY_ONE and stem.startswith(tuple(f"{wanted.stem}{mark}" for mark in "_- "))


def _kind(file: str, suffix: str) -> str:
    return PurePosixPath(_without_added_suffix(file.lower(), suffix)).suffix


def _without_added_suffix(file: str, suffix: str) -> str:
    """Remove what a browser or mail program adds to a name: hw.ipynb.json, student_code.py.txt."""
    return next((file.removesuffix(added) for added in _ADDED if file.endswith(f"{suffix}{added}")), file)


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text)


def _names(files: Mapping[str, bytes], root: str, chosen: Mapping[str, str]) -> dict[str, str]:
    """Name the chosen files as requested, those beside the code relative to it, and the rest relative to the top."""
    names = {file: name for name, file in chosen.items()}
    taken, outer = set(names.values()), _common_folder(files)
    above = {str(parent) for name in taken for parent in PurePosixPath(name).parents}
    inside = [file for file in files if file.startswith(root)]
    rest = [file for file in files if not file.startswith(root)]
    for file, name in [*((file, file[len(root) :]) for file in inside), *((file, file[len(outer) :]) for file in rest)]:
        folders = {str(parent) for parent in PurePosixPath(name).parents}
        if file not in names and name not in taken | above and not folders & taken:  # no file is also a folder
            names[file] = name
            taken.add(name)
            above |= folders
    return names


def _common_folder(files: Iterable[str]) -> str:
    """Return the folder that contains all files, with a slash at its end."""
    folders = [PurePosixPath(file).parts[:-1] for file in files]
    shared = itertools.takewhile(lambda parts: len(set(parts)) == 1, zip(*folders, strict=False))
    return "".join(f"{parts[0]}/" for parts in shared)


def _notes(files: Mapping[str, bytes], root: str, chosen: Mapping[str, str], stubs: frozenset[bytes]) -> Iterable[str]:
    for name, file in chosen.items():
        base = _base(file)
        stub = next((other for other in files if files[other] in stubs and other != file), "")
        if name == STUDENT_CODE and stub and files[file] not in stubs:
            yield f"{filename(stub)} is the unchanged stub, so {filename(file)} is graded."
        elif base != name:
            yield f"{filename(base)} is graded as {name}."
        elif not file.startswith(root):
            yield f"{name} was found in {filename(_folder(file).rstrip('/') or 'the top folder')}."
    if STUDENT_CODE not in chosen:
        return
    known = {*stubs, files[chosen[STUDENT_CODE]]}
    beside = [file[len(root) :] for file in files if file.startswith(root) and files[file] not in known]
    if unused := [name for name in beside if "/" not in name and _is_own(name) and _is_similar(name, STUDENT_CODE)]:
        yield f"{_list(unused)} looks like another version of {STUDENT_CODE}; it is not graded."


def _no_code(files: Mapping[str, bytes], rivals: Sequence[str]) -> str:
    if rivals:
        return f"Several files could be {STUDENT_CODE}: {_list(rivals)}."
    if not files:
        return "The submission contains no file that can be used."
    return f"There is no {STUDENT_CODE} and no other Python file. The submission contains {_list(sorted(files))}."


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(map(filename, names[:_MAX_NAMED])) + more


def _base(file: str) -> str:
    return PurePosixPath(file).name


def _folder(file: str) -> str:
    """Return the folder of a file with a slash at its end; empty at the top."""
    return file[: file.rfind("/") + 1]
