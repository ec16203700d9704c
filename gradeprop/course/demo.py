"""A small sample class: known answers, right and wrong, next to broken and hostile submissions."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from gradeprop.core.assignment import Assignment
from gradeprop.core.paths import STUDENT_CODE, AssignmentPaths
from gradeprop.course.known_answers import KnownAnswer, read_known_answers, reference_weights, write_answer

_WRONG = 4

_HOSTILE = """
import os, pathlib, socket, sys

class Right:
    "Equal to whatever it is compared with, and any attribute one asks for."
    def __eq__(self, other): return True
    def __hash__(self): return 0
    def __getattr__(self, name): return self
    def __call__(self, *args, **kwargs): return self

for path in ("/etc/shadow", "/root", "/home", "../grader_tests", "/proc/1/environ"):
    try:
        print("stolen:", path, pathlib.Path(path).read_text())
    except OSError as error:
        print(error)
try:
    socket.create_connection(("192.0.2.1", 80), timeout=1)
except OSError as error:
    print(error)
sys.modules[__name__] = Right()
"""


def demo_class(assignment: Assignment, paths: AssignmentPaths, dataset: str) -> Path:
    """Write a class of submissions into the course's cache, and return its folder."""
    reference = reference_weights(paths, dataset)
    folder = paths.course.cache / "demo" / paths.name
    shutil.rmtree(folder, ignore_errors=True)
    answers = read_known_answers(assignment, paths)
    wrong = sorted((answer for answer in answers if answer.name.startswith("wrong/")), key=lambda answer: answer.points)
    right = [answer for answer in answers if answer.name.startswith("right/")][:1]
    for answer in [*answers[:2], *right, *wrong[:: max(1, len(wrong) // _WRONG)][:_WRONG]]:
        write_answer(answer, paths, reference, folder / answer.name.replace("/", " "))
    for name, spoil in _SPOILED.items():
        spoil(write_answer(KnownAnswer(name=name, points=0), paths, reference, folder / name))
    _zip(folder / "reference", folder / "zipped.zip")
    return folder


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def _syntax(folder: Path) -> None:
    code = folder / STUDENT_CODE
    code.write_text(code.read_text().replace("def __init__(self", "def __init__(self self", 1))


def _hostile(folder: Path) -> None:
    _empty(folder)
    (folder / STUDENT_CODE).write_text(_HOSTILE)


def _pickle(folder: Path) -> None:
    for file in folder.glob("*.safetensors"):
        file.write_bytes(b"PK\x03\x04 what torch.save writes, with a payload")


_SPOILED: dict[str, Callable[[Path], None]] = {
    "empty folder": _empty,
    "syntax error": _syntax,
    "hostile": _hostile,
    "pickled weights": _pickle,
}


def _zip(folder: Path, file: Path) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in sorted(folder.iterdir()):
            archive.write(each, each.name)
