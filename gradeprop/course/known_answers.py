"""The proven answers of an assignment: the reference, the stub, and every folder of wrong/ and right/.

    wrong/<mistake>/wrong.toml      lost = { lenet = 6 }, message = "…", replace = [["old text", "new text"]]
    right/<variant>/right.toml      replace = […], or a student_code.py beside it

A case gets the points that it does not lose, or ``points``. It is the reference submission with a change: ``replace``
edits the assignment's section of the solution, which begins with a line ``# ------ <assignment>`` (each old text must
stand in it exactly once, so a case never goes stale; one that does not stand there at all, in the whole file), files
beside the toml are added, ``remove`` takes files away, and ``weights`` says which weights lie in it: the reference's,
untrained ones, the reference's converted, or none. They are converted by shape and order, or by a convert.py beside
the toml where that is not enough: its function ``convert(name, tensors)`` gets the weights of one name by key and
returns those that fit the case's own network.
"""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from gradeprop.core.errors import CourseError
from gradeprop.core.models import Assignment, Record
from gradeprop.core.paths import STUDENT_CODE, AssignmentPaths
from gradeprop.course.solutions import strip_python

_RULE = "# " + 64 * "-"  # begins the section of an assignment in the solution
CONVERT = "convert.py"
Weights = Literal["reference", "untrained", "convert", "none"]


class Case(Record, frozen=True, kw_only=True):
    """One proven answer and what it must get."""

    name: str
    points: float
    message: str = ""
    """must stand in the message of some outcome"""
    lost: dict[str, float] = {}  # noqa: RUF012  (msgspec copies defaults)
    """points lost by question; empty: not looked at"""
    replace: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()
    weights: Weights = "reference"
    folder: str = ""


def read_cases(assignment: Assignment, paths: AssignmentPaths) -> list[Case]:
    """The reference, the stub, and every case of right/ and wrong/, in this order.

    Raises:
        CourseError: a folder without its toml, or a toml that says something unknown.
    """
    cases = [
        Case(name="reference", points=assignment.points),
        Case(name="stub", points=0, weights="none", message="NotImplementedError"),
    ]
    for folder, name in ((paths.right, "right.toml"), (paths.wrong, "wrong.toml")):
        for toml in sorted(folder.glob(f"*/{name}")):
            cases.append(_read(toml, assignment.points))
        for other in sorted(folder.glob("*/")):
            if not (other / name).is_file():
                raise CourseError(f"{name} is missing", other)
    return cases


def _read(toml: Path, most: float) -> Case:
    try:
        table = tomllib.loads(toml.read_text(encoding="utf-8"))
        if toml.name == "right.toml":
            table = {"points": most} | table
        elif "points" not in table and "lost" in table:
            table["points"] = most - sum(msgspec.convert(table["lost"], dict[str, float]).values())
        about = {"name": f"{toml.parent.parent.name}/{toml.parent.name}", "folder": str(toml.parent)}
        return msgspec.convert(table | about, Case)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CourseError(str(error), toml) from error


def reference_weights(paths: AssignmentPaths, dataset: str) -> Path:
    """The folder of the reference's weights and history for a data set, trained once and kept in the cache.

    It is empty where the assignment has no reference.py: nothing is trained for it.
    """
    folder = paths.course.cache / "reference" / paths.name / dataset
    if not (folder / "history.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        if (paths.source / "reference.py").is_file():
            _weights(paths, "train", dataset, folder)
    return folder


def make(case: Case, paths: AssignmentPaths, reference: Path, into: Path) -> Path:
    """Write the submission of a case into an empty folder.

    Raises:
        CourseError: an old text that does not stand in the solution exactly once.
    """
    into.mkdir(parents=True)
    (into / STUDENT_CODE).write_text(_code(case, paths), encoding="utf-8")
    (into / paths.notebook.name).write_bytes(paths.notebook.read_bytes())
    if case.weights != "none":
        for file in filter(Path.is_file, reference.iterdir()):  # beside them lie the rows of a benchmark
            (into / file.name).write_bytes(file.read_bytes())
    for file in Path(case.folder).iterdir() if case.folder else ():
        if file.suffix != ".toml" and file.name != CONVERT:
            (into / file.name).write_bytes(file.read_bytes())
    own = Path(case.folder) / CONVERT
    if case.weights in ("untrained", "convert"):
        _weights(paths, case.weights, into, *([own] if case.folder and own.is_file() else []))
    for name in case.remove:
        (into / name).unlink()
    return into


def _code(case: Case, paths: AssignmentPaths) -> str:
    text = paths.course.solution.read_text(encoding="utf-8")
    if case.name == "stub":
        return strip_python(text, paths.course.solution)
    for old, new in case.replace:
        before, own, after = section(text, paths.name)
        if old not in own:
            before, own, after = "", text, ""
        if (found := own.count(old)) != 1:
            where = Path(case.folder) / f"{Path(case.folder).parent.name}.toml"
            raise CourseError(f"{old!r} stands {found} times in source/{STUDENT_CODE}; it must stand there once", where)
        text = before + own.replace(old, new) + after
    return text


def section(text: str, name: str) -> tuple[str, str, str]:
    """What stands before, in and after the assignment's section; without such a section, all is before."""
    before, heading, rest = text.partition(f"{_RULE} {name}\n")
    own, next_heading, after = rest.partition(_RULE)
    return before, heading + own, next_heading + after


def _weights(paths: AssignmentPaths, verb: str, *arguments: str | Path) -> None:
    """Run reference_weights in a process of its own: it imports answers, ours alone, and torch."""
    module = "gradeprop.course.reference_weights"
    command = [sys.executable, "-P", "-m", module, str(paths.source), verb, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise CourseError(f"the weights ({verb}) cannot be made: {last}", paths.source / "reference.py")
