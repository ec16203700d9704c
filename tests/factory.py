"""Build submissions for the tests, in each form in which they arrive.

RIGHT, WRONG and HANGS are answers to the toy course: 10, 2 and 0 of 10 points.

    submission(folder)                             a folder with student_code.py, which is right
    submission(folder, WRONG, {"a/b.txt": "x"})    another answer, and more files
    submission(folder, "")                         no student_code.py
    class_of(folder, {"ada": RIGHT, "bob": ""})    a folder for each student
    zip_of({"student_code.py": RIGHT})             a zip, as bytes
    zip_file(path, {"student_code.py": RIGHT})     the same zip, written to a file
    exchange(inbound, "ada", "10:00:00")           a folder as nbgrader's exchange stores it
    notebook(cell, ...)                            a notebook, as bytes

canvas_name, moodle_name and blackboard_name name a file as the platform's bulk download does.
"""

import io
import json
import stat
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

RIGHT = "def double(x):\n    return x + x\n"
WRONG = "def double(x):\n    return x\n"
HANGS = "def double(x):\n    while True: pass\n"

LINK = stat.S_IFLNK | 0o777
"""The mode of an entry in a zip that is a symbolic link."""

Content = str | bytes
Files = Mapping[str, Content]
Pairs = Iterable[tuple[str, Content]]


def write_files(folder: Path, files: Files) -> Path:
    """Write files below a folder, which is made if it is not there, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(_bytes(content))
    return folder


def submission(folder: Path, code: Content = RIGHT, files: Mapping[str, Content] = {}) -> Path:
    """Write a submission into a folder and return the folder; without code there is no student_code.py."""
    return write_files(folder, ({"student_code.py": code} if code else {}) | dict(files))


def class_of(folder: Path, codes: Mapping[str, Content]) -> Path:
    """Write a submission for each student into a folder of their name, and return the folder of the class."""
    for student, code in codes.items():
        submission(folder / student, code)
    return folder


def slow(seconds: float, code: str = RIGHT) -> str:
    """Return code whose import takes some seconds."""
    return f"import time\ntime.sleep({seconds})\n{code}"


def zip_of(
    files: Files | Pairs,
    compression: int = zipfile.ZIP_DEFLATED,
    modes: Mapping[str, int] = {},
) -> bytes:
    """Return a zip, the same bytes for the same files.

    Args:
        files: by name; pairs, if a name occurs twice. Names are written as they are, even ``../x``.
        compression: a constant of zipfile, for all entries.
        modes: by name, the mode that the entry claims, such as LINK.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a name that occurs twice
        for name, content in files.items() if isinstance(files, Mapping) else files:
            entry = zipfile.ZipInfo(name)
            entry.compress_type = compression
            if name in modes:
                entry.create_system, entry.external_attr = 3, modes[name] << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def zip_file(path: Path, files: Files | Pairs, **options: Any) -> Path:
    """Write a zip (see zip_of) and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zip_of(files, **options))
    return path


def exchange(inbound: Path, student: str, at: str, code: Content = RIGHT, hw: str = "toy") -> Path:
    """Write a submission as nbgrader's exchange stores it, received on 31 January 2026 at a time such as 10:00:00."""
    when = f"2026-01-31 {at}.123456 UTC"
    return submission(inbound / f"{student}+{hw}+{when}+aB-3_xYz", code, {"timestamp.txt": when})


def canvas_name(student: str, file: str, name: str = "lovelaceada", number: int = 1, late: bool = False) -> str:
    """Name a file as Canvas does; ``student`` is a number or, if grading is anonymous, anon_ and letters."""
    return f"{name}{'_LATE' if late else ''}_{student}_{number}_{file}"


def moodle_name(student: str, file: str, name: str = "Ada Lovelace") -> str:
    """Name a file as Moodle does."""
    return f"{name}_{student}_assignsubmission_file_/{file}"


def blackboard_name(student: str, file: str, when: str = "2026-01-31-12-30-00", title: str = "Lab 1") -> str:
    """Name a file as Blackboard does."""
    return f"{title}_{student}_attempt_{when}_{file}"


def notebook(*cells: Mapping[str, Any]) -> bytes:
    """Return a notebook with these cells, as bytes."""
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).encode()


def _bytes(content: Content) -> bytes:
    return content.encode() if isinstance(content, str) else content
