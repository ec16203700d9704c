"""Fingerprints of everything a grade depends on besides the submission.

    ran_with      the student's code met it in the jail: if one differs, the code runs again
    judged_with   the judge used it: if only one of these differs, the stored observations are evaluated again

A fingerprint is a version, or the first 16 digits of a SHA-256. The grade record keeps both dictionaries.
"""

import hashlib
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from gradeprop.core.assignment import Assignment, LatePolicy, Syllabus
from gradeprop.core.paths import AssignmentPaths, tree
from gradeprop.course.config import data_folder

Fingerprints = dict[str, str]
"""by a name that a person knows"""

PACKAGE = Path(__file__).parents[1]
IN_JAIL = ("guest", "jail", "submissions", "core/observations.py")
IN_JUDGE = ("judge", "core", "course", "grading/scoring.py", "check.py")
_NO_CHECKS = ("wrong", "right", "reference", "probes.py", "held_out.py")
_LIBRARIES = ("torch", "torchvision", "numpy")
_VERSIONS = ("python", *_LIBRARIES, "pytest")
_LISTED = 3  # differences in one sentence


def ran_with(assignment: Assignment, paths: AssignmentPaths, dataset: str) -> Fingerprints:
    """Fingerprint the probes, the held-out inputs, the given files, the limits, the jail and the libraries."""
    return {
        "probes.py": of_files([paths.probes]),
        "held_out.py": of_files([paths.held_out]),
        "given": of_files(paths.course.given / name for name in assignment.given),
        "limits": _hash(msgspec.json.encode(assignment.limits)),
        "grader": _hash(msgspec.json.encode(assignment.grader)),
        "data set": data_listing(assignment, dataset),
        "jail": of_files(PACKAGE / name for name in IN_JAIL),
        **library_versions(),
    }


def judged_with(assignment: Assignment, paths: AssignmentPaths) -> Fingerprints:
    """Fingerprint the hidden checks, the solution, the questions, and the part of this package that judges."""
    checks = (file for file in tree(paths.tests) if file.relative_to(paths.tests).parts[0] not in _NO_CHECKS)
    plain = tuple(msgspec.structs.replace(question, rubric=()) for question in assignment.questions)
    questions = msgspec.structs.replace(
        assignment,
        root="",
        limits=type(assignment.limits)(),
        late=LatePolicy(),
        syllabus=Syllabus(),
        shared=(),
        questions=plain,
    )
    return {
        **{str(file.relative_to(paths.tests)): of_files([file]) for file in checks},
        "solution": of_files([paths.course.solution]),
        "assignment.toml": _hash(msgspec.json.encode(questions)),
        "gradeprop": f"{_version('gradeprop')}+{of_files(PACKAGE / name for name in IN_JUDGE)}",
        "pytest": _version("pytest"),
    }


def of_machine(assignment: Assignment, dataset: str) -> Fingerprints:
    """Fingerprint what a machine brings to any course: the whole package, the libraries, the data set."""
    package = f"{_version('gradeprop')}+{of_files([PACKAGE])}"
    return {"gradeprop": package, **library_versions(), "data set": data_listing(assignment, dataset)}


def library_versions() -> Fingerprints:
    """Return the versions of Python, torch, torchvision and NumPy."""
    return {"python": platform.python_version(), **{name: _version(name) for name in _LIBRARIES}}


def data_listing(assignment: Assignment, dataset: str) -> str:
    """Hash the names and sizes in the folder of a data set; its bytes may be gigabytes."""
    folder = data_folder(assignment, dataset)
    entries = sorted(folder.iterdir()) if dataset and folder.is_dir() else []
    sizes = [f"{each.name} {each.stat().st_size if each.is_file() else 'folder'}" for each in entries]
    return _hash("\n".join([dataset, *sizes]).encode())


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """Say which fingerprints differ from the old ones, as a clause; empty if none."""
    if not old:
        return "its fingerprints were not recorded"
    return _listing(_change(name, old.get(name), new.get(name)) for name in _differing(old, new))


def _change(name: str, old: str | None, new: str | None) -> str:
    if old and new and name in _VERSIONS:
        return f"{name} was {old} and is {new}"
    return f"{name} {'is gone' if not new else 'is new' if not old else 'has changed'}"


def mismatches(theirs: Mapping[str, str], ours: Mapping[str, str]) -> str:
    """Say in what another machine differs from this one, as a clause; empty if in nothing."""
    return _listing(_mismatch(name, theirs.get(name), ours.get(name)) for name in _differing(ours, theirs))


def _mismatch(name: str, theirs: str | None, ours: str | None) -> str:
    if name in (*_VERSIONS, "gradeprop"):
        return f"its {name} is {theirs or 'missing'}, here {ours or 'missing'}"
    return f"its {name} differs from the one here"


def _differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    return [name for name in dict.fromkeys((*one, *other)) if one.get(name) != other.get(name)]


def _listing(clauses: Iterable[str]) -> str:
    every = list(clauses)
    more = [f"{len(every) - _LISTED} more"] if len(every) > _LISTED else []
    return ", ".join([*every[:_LISTED], *more])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def of_files(paths: Iterable[Path]) -> str:
    """Hash the names and bytes of files and of all files in folders; the same wherever the folders are."""
    whole = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                name = str(file.relative_to(path.parent)).encode()
                whole.update(b"%d %s %s" % (len(name), name, hashlib.sha256(file.read_bytes()).digest()))
    return whole.hexdigest()[:16]


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
