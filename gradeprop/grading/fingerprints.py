"""What a record stands on besides the submission, each part under a name that a person knows; and what has changed.

    ran with      what the student's code met in the jail; where a part differs, the code must run again
    judged with   what judged the answers; where only that differs, the kept observations are judged again

A part is a version, or the start of a SHA-256 of bytes. Both are kept in the record.
"""

import hashlib
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import msgspec

from gradeprop.core.models import Assignment
from gradeprop.core.paths import AssignmentPaths, tree
from gradeprop.course.config import data_folder

Need = Literal["nothing", "checks", "all"]
"""What is to be done for one submission: keep its record, judge what was kept, or run it."""

Parts = dict[str, str]

_PACKAGE = Path(__file__).parents[1]
_NO_JUDGES = ("wrong", "right", "probes.py", "held_out.py")
_IN_JAIL = ("guest", "jail", "submissions")


def ran_with(assignment: Assignment, paths: AssignmentPaths, dataset: str) -> Parts:
    """What meets the code in the jail: probes, held-out inputs, helpers, limits, the jail itself, torch."""
    return {
        "probes.py": _files([paths.probes]),
        "held_out.py": _files([paths.held_out]),
        "given": _files(paths.course.given / name for name in assignment.given),
        "limits": _digest(msgspec.json.encode(assignment.limits)),
        "data set": listing(dataset, data_folder(assignment, dataset)),
        "jail": _files(_PACKAGE / name for name in _IN_JAIL),
        **versions(),
    }


def judged_with(assignment: Assignment, paths: AssignmentPaths) -> Parts:
    """What judges: every file of hidden checks, what they may import, the questions, the whole package."""
    checks = (file for file in tree(paths.tests) if file.relative_to(paths.tests).parts[0] not in _NO_JUDGES)
    questions = msgspec.structs.replace(assignment, root="", limits=type(assignment.limits)())
    return {
        **{str(file.relative_to(paths.tests)): _files([file]) for file in checks},
        "solution": _files([paths.course.solution]),
        "assignment.toml": _digest(msgspec.json.encode(questions)),
        "gradeprop": _package(),
        "pytest": _version("pytest"),
    }


def of_machine() -> Parts:
    """What a machine brings to any course: this package, and what computes."""
    return {"gradeprop": _package(), **versions()}


def _package() -> str:
    return f"{_version('gradeprop')}+{_files([_PACKAGE])}"


def versions() -> Parts:
    """Of what computes."""
    found = {name: _version(name) for name in ("torch", "torchvision", "numpy")}
    return {"python": platform.python_version(), **found}


def differing(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """Which parts are not as they were, as the start of a sentence; nothing if none."""
    if not old:
        return "no note was kept of what it was graded with"
    said = []
    for name in dict.fromkeys((*old, *new)):
        was, now = old.get(name), new.get(name)
        if was == now:
            continue
        if was and now and _is_version(name):
            said.append(f"{name} was {was} and is {now}")
        else:
            said.append(f"{name} {'is gone' if not now else 'is new' if not was else 'has changed'}")
    return ", ".join([*said[:3], *([f"{len(said) - 3} more"] if len(said) > 3 else [])])


def others(theirs: Mapping[str, str], ours: Mapping[str, str]) -> str:
    """What somebody else has otherwise than we, as the end of a sentence; nothing if nothing."""
    said = []
    for name in (name for name in dict.fromkeys((*ours, *theirs)) if theirs.get(name) != ours.get(name)):
        known = _is_version(name) or name == "gradeprop"
        versions = f"is {theirs.get(name, 'not there')}, here {ours.get(name, 'not there')}"
        said.append(f"its {name} {versions if known else 'is another than here'}")
    return ", ".join([*said[:3], *([f"{len(said) - 3} more"] if len(said) > 3 else [])])


def _is_version(name: str) -> bool:
    return name in ("python", "torch", "torchvision", "numpy", "pytest")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _files(places: Iterable[Path]) -> str:
    """Of names and bytes of files, and of all files of folders; the same wherever they lie."""
    whole = hashlib.sha256()
    for place in places:
        found = sorted(place.rglob("*")) if place.is_dir() else [place]
        for file in found:
            if file.is_file() and "__pycache__" not in file.parts:
                name = str(file.relative_to(place.parent)).encode()
                whole.update(b"%d %s %s" % (len(name), name, hashlib.sha256(file.read_bytes()).digest()))
    return whole.hexdigest()[:16]


def listing(dataset: str, folder: Path) -> str:
    """Of names and sizes in the folder of a data set: its bytes may be gigabytes."""
    entries = sorted(folder.iterdir()) if dataset and folder.is_dir() else []
    sizes = [f"{each.name} {each.stat().st_size if each.is_file() else 'folder'}" for each in entries]
    return _digest("\n".join([dataset, *sizes]).encode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
