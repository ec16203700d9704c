"""Known answers of an assignment: the reference, the stub, and every folder of wrong/ and right/.

    wrong/<mistake>/wrong.toml      lost = { lenet = 6 }, message = "…", replace = [["old text", "new text"]]
    right/<variant>/right.toml      replace = […], or a student_code.py in the same folder

A known answer is the reference submission with a change, and must score ``points``, or full points minus ``lost``:

replace   edits the assignment's section of the solution, which begins with a line ``# ------ <assignment>``; each old
          text must occur in it exactly once, so that a known answer never becomes outdated. A text that does not
          occur in the section is replaced in the whole file, where it must also occur exactly once.
remove    deletes files; files next to the toml are added.
unseen_by_public_checks
          gives the reason, for a wrong answer, why no public check shows the mistake to students.
weights   chooses the weights: the reference's, untrained ones, the reference's converted to the answer's own network,
          or none. They are converted by shape and order; if that is not enough, by a convert.py next to the toml,
          whose function ``convert(name, tensors)`` receives the weights of one name by key and returns those that fit.
"""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import CourseError
from gradeprop.core.models import Record
from gradeprop.core.paths import STUDENT_CODE, AssignmentPaths
from gradeprop.course.solutions import strip_python

_RULE = "# " + 64 * "-"  # the section of an assignment in the solution begins with this line
CONVERT = "convert.py"
Weights = Literal["reference", "untrained", "convert", "none"]


class KnownAnswer(Record, frozen=True, kw_only=True):
    """A submission with a known score."""

    name: str
    points: float
    """automatic points that it must get; without it, all of them in right.toml, and all but ``lost`` in wrong.toml"""
    message: str = ""
    """text that the message of some check result must contain"""
    lost: dict[str, float] = {}  # noqa: RUF012  (msgspec copies defaults)
    """question → points that it loses; empty: not compared"""
    replace: tuple[tuple[str, str], ...] = ()
    """edits of the solution, (old text, new text); the old text must occur exactly once"""
    remove: tuple[str, ...] = ()
    """files of the reference submission that are deleted"""
    unseen_by_public_checks: str = ""
    """why students' own checks do not show this mistake"""
    weights: Weights = "reference"
    """trained weights: the reference's, untrained, the reference's converted to this network, or none"""
    folder: str = ""

    @property
    def is_wrong(self) -> bool:
        """True for a folder of wrong/."""
        return self.name.startswith("wrong/")

    @property
    def is_complete(self) -> bool:
        """False for a right answer without some of its files: the public checks rightly fail on it."""
        return self.is_wrong or not (self.remove or self.name == "stub")


def read_known_answers(assignment: Assignment, paths: AssignmentPaths) -> list[KnownAnswer]:
    """Read the known answers: the reference, the stub, then right/ and wrong/.

    Raises:
        CourseError: a folder has no toml, or a toml has an unknown field.
    """
    answers = [
        KnownAnswer(name="reference", points=assignment.points),
        KnownAnswer(name="stub", points=0, weights="none", message="NotImplementedError"),
    ]
    for folder, name in ((paths.right, "right.toml"), (paths.wrong, "wrong.toml")):
        for toml in sorted(folder.glob(f"*/{name}")):
            answers.append(_read(toml, assignment.points))
        for other in sorted(folder.glob("*/")):
            if not (other / name).is_file():
                raise CourseError(f"{name} is missing", other)
    return answers


def _read(toml: Path, full_points: float) -> KnownAnswer:
    try:
        table = tomllib.loads(toml.read_text(encoding="utf-8"))
        if toml.name == "right.toml":
            table = {"points": full_points} | table
        elif "points" not in table and "lost" in table:
            table["points"] = full_points - sum(msgspec.convert(table["lost"], dict[str, float]).values())
        about = {"name": f"{toml.parent.parent.name}/{toml.parent.name}", "folder": str(toml.parent)}
        return msgspec.convert(table | about, KnownAnswer)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CourseError(str(error), toml) from error


def reference_weights(paths: AssignmentPaths, dataset: str) -> Path:
    """Return the folder of the reference's weights and history for a data set; train them if there are none.

    Those in grader_tests/<hw>/reference come first: training ends elsewhere on another processor. New ones go to the
    cache. The folder is empty if the assignment has no reference.py: then nothing is trained.
    """
    if (paths.reference / dataset / "history.json").is_file():
        return paths.reference / dataset
    folder = paths.course.cache / "reference" / paths.name / dataset
    if not (folder / "history.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        if (paths.source / "reference.py").is_file():
            _weights(paths, "train", dataset, folder)
    return folder


def write_answer(answer: KnownAnswer, paths: AssignmentPaths, reference: Path, into: Path) -> Path:
    """Write the submission of a known answer into a new folder.

    Raises:
        CourseError: an old text of ``replace`` does not occur exactly once in the solution.
    """
    into.mkdir(parents=True)
    (into / STUDENT_CODE).write_text(code_of(answer, paths), encoding="utf-8")
    (into / paths.notebook.name).write_bytes(paths.notebook.read_bytes())
    if answer.weights != "none":
        for file in filter(Path.is_file, reference.iterdir()):  # not the folders, which hold benchmark results
            (into / file.name).write_bytes(file.read_bytes())
    for file in Path(answer.folder).iterdir() if answer.folder else ():
        if file.suffix != ".toml" and file.name != CONVERT:
            (into / file.name).write_bytes(file.read_bytes())
    own = Path(answer.folder) / CONVERT
    if answer.weights in ("untrained", "convert"):
        _weights(paths, answer.weights, into, *([own] if answer.folder and own.is_file() else []))
    for name in answer.remove:
        (into / name).unlink()
    return into


def code_of(answer: KnownAnswer, paths: AssignmentPaths) -> str:
    """Return the student_code.py of a known answer.

    Raises:
        CourseError: an old text of ``replace`` does not occur exactly once in the solution.
    """
    text = paths.course.solution.read_text(encoding="utf-8")
    if answer.name == "stub":
        return strip_python(text, paths.course.solution)
    for old, new in answer.replace:
        before, own, after = section(text, paths.name)
        if old not in own:
            before, own, after = "", text, ""
        if (count := own.count(old)) != 1:
            where = Path(answer.folder) / f"{Path(answer.folder).parent.name}.toml"
            message = f"{old!r} occurs {count} times in source/{STUDENT_CODE}; it must occur exactly once"
            raise CourseError(message, where)
        text = before + own.replace(old, new) + after
    return text


def section(text: str, name: str) -> tuple[str, str, str]:
    """Split a solution into the text before, in and after an assignment's section; without a section, all is before."""
    before, heading, rest = text.partition(f"{_RULE} {name}\n")
    own, next_heading, after = rest.partition(_RULE)
    return before, heading + own, next_heading + after


def _weights(paths: AssignmentPaths, verb: str, *arguments: str | Path) -> None:
    """Run reference_weights in a separate process, since it imports solutions and torch."""
    module = "gradeprop.course.reference_weights"
    command = [sys.executable, "-P", "-m", module, str(paths.source), verb, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise CourseError(f"the weights cannot be made ({verb}): {last}", paths.source / "reference.py")
