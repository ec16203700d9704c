"""A small made-up class, in a course of its own: known answers, right and wrong, and broken and hostile submissions."""

import shutil
from collections.abc import Callable
from pathlib import Path

from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import CourseError
from gradeprop.core.paths import STUDENT_CODE, AssignmentPaths, CoursePaths
from gradeprop.course.bundle import zip_files
from gradeprop.course.known_answers import KnownAnswer, read_known_answers, write_answer

DEMO = "demo"
_MARKER = ".made-by-gradeprop-demo"
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


def demo_course(course: CoursePaths, name: str) -> CoursePaths:
    """Copy a course with one of its assignments to demo/, where grades are nobody's. A former demo is replaced.

    Raises:
        CourseError: there is a folder of that name that we did not make.
    """
    folder = course.root / DEMO
    if folder.exists() and not (folder / _MARKER).is_file():
        raise CourseError("is in the way: the demo makes this folder, and replaces only one that it made", folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / _MARKER).touch()
    demo, caches = CoursePaths(folder), shutil.ignore_patterns("__pycache__")
    shutil.copytree(course.source, demo.source, ignore=caches)
    shutil.copytree(course.assignment(name).tests, demo.assignment(name).tests, ignore=caches)
    if (data := course.root / "data").is_dir():
        (folder / data.name).symlink_to(data)
    for file in (course.stub, course.root / "nbgrader_config.py"):
        if file.is_file():
            shutil.copy(file, folder)
    return demo


def demo_class(assignment: Assignment, paths: AssignmentPaths, reference: Path) -> Path:
    """Write a class of submissions into the course's folder ``submissions``, and return it.

    Args:
        reference: the folder of the reference's weights.
    """
    folder = paths.course.root / "submissions"
    answers = read_known_answers(assignment, paths)
    wrong = sorted((answer for answer in answers if answer.name.startswith("wrong/")), key=lambda answer: answer.points)
    right = [answer for answer in answers if answer.name.startswith("right/")][:1]
    for answer in [*answers[:2], *right, *wrong[:: max(1, len(wrong) // _WRONG)][:_WRONG]]:
        write_answer(answer, paths, reference, folder / answer.name.replace("/", " "))
    for name, spoil in _SPOILED.items():
        spoil(write_answer(KnownAnswer(name=name, points=0), paths, reference, folder / name))
    files = {file.name: file.read_bytes() for file in (folder / "reference").iterdir()}
    (folder / "zipped.zip").write_bytes(zip_files(files))
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
