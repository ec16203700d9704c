"""Student-facing tracebacks: errors in the student's own code, without our code or hidden checks."""

import linecache
import re
import traceback
from pathlib import Path
from types import ModuleType
from typing import Literal

from . import hints

Status = Literal["error", "absent"]

LIMIT = 4096  # characters
GIVEN = "given"
_STARTERS = ("/multiprocessing/", "/subprocess.py")


def explain(error: BaseException, student: ModuleType | None, submission: Path) -> tuple[Status, str]:
    """Explain an error: ("error" or "absent", a sentence with the line of the student's own files that raised it)."""
    try:
        absent = _absent(error, submission, student)
        text = absent or _text(error)
        text = text.replace(f"{submission}/", "").replace(f"{submission.parent}/", "~/")
        lines = [
            re.sub(r" at 0x[0-9a-f]{6,}", "", text),  # addresses differ in every run
            _line(error, submission),
            "" if absent else hints.hint(error, submission),
        ]
    except BaseException:  # an exception class of the student's can do anything when it is formatted
        absent, lines = "", ["The code raised an exception that cannot be shown."]
    message = "\n".join(filter(None, lines))[:LIMIT].encode(errors="replace").decode()
    return "absent" if absent else "error", message


def _absent(error: BaseException, submission: Path, student: ModuleType | None) -> str:
    """Name the part of the submission that is missing; "" if the error has another cause."""
    if isinstance(error, AttributeError) and student is not None and error.obj is student:
        return f"student_code.py has no {error.name}."
    if isinstance(error, FileNotFoundError):
        # safetensors names the file only in the text
        name = str(error.filename or str(error).split()[-1].strip("\"'"))
        file = submission / name
        if file.is_relative_to(submission) and ".." not in file.parts:
            return f"{file.relative_to(submission)} is not there."
    return ""


def _text(error: BaseException) -> str:
    if isinstance(error, SyntaxError):  # its text would repeat file and line
        return f"{type(error).__name__}: {error.msg}"
    if isinstance(error, PermissionError) and error.filename is None and _through(error, *_STARTERS):
        return "Processes cannot be started during grading; in a DataLoader use num_workers=0."
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    return hints.explanation(text) or text


def _through(error: BaseException, *files: str) -> bool:
    """Check if an error passed through one of these files."""
    return any(
        file in frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__) for file in files
    )


def _line(error: BaseException, submission: Path) -> str:
    if isinstance(error, SyntaxError) and error.filename and _own(error.filename, submission):
        return _cite(error.filename, error.lineno or 0, error.text or "", submission)
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    for file, line in reversed(frames):
        if _own(file, submission):
            return _cite(file, line, linecache.getline(file, line), submission)
    return ""


def _own(file: str, submission: Path) -> bool:
    path = Path(file)
    return path.is_relative_to(submission) and not path.is_relative_to(submission / GIVEN)


def _cite(file: str, line: int, source: str, submission: Path) -> str:
    where = f"{Path(file).relative_to(submission)}, line {line}"
    return f"{where}: {source.strip()[:200]}" if source.strip() else where
