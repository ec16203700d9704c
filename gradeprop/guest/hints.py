"""Explanations of errors that are due to where code is graded: its Python, its modules, no GPU.

They name the modules in given/grader.json, which students have, too.
"""

import json
import re
import sys
from pathlib import Path

GRADER = "given/grader.json"
_NEWER_SYNTAX = (  # message and source line → first version that accepts it
    (re.compile(r"^f-string"), re.compile(""), "3.12"),
    (re.compile(""), re.compile(r"\br?f([\"'])((?!\1).)*\{((?!\1)[^}])*\1", re.IGNORECASE), "3.12"),
    (re.compile(""), re.compile(r"^\s*((async\s+)?def|class)\s+\w+\["), "3.12"),
    (re.compile("^invalid syntax"), re.compile(r"^\s*type\s+\w+\s*(\[.*\])?\s*="), "3.12"),
    (re.compile("^multiple exception types"), re.compile(""), "3.14"),
    (re.compile("^invalid syntax"), re.compile(r"\b(t|tr|rt)[\"']", re.IGNORECASE), "3.14"),
)
_DEVICE = "Use the device of the model, as in x.to(next(model.parameters()).device)."
EXPLANATIONS = {
    r"CUDA in forked subprocess|compiled with CUDA enabled|No CUDA GPUs|no NVIDIA driver|CUDA error|CUDA unknown": (
        f"There is no GPU where this is graded. {_DEVICE}"
    ),
    r"support for mps|support for the 'mps'|MPS backend": f"There is no Apple GPU where this is graded. {_DEVICE}",
    r"name 'get_ipython' is not defined|'NoneType' object has no attribute 'run_(line|cell)_magic'": (
        "get_ipython() exists in notebooks only: remove it from student_code.py. "
        "A notebook's lines that begin with % or ! become such calls."
    ),
}
"""pattern of an error's type and text → what the student reads"""


def explanation(error: str) -> str:
    """Return the explanation of an error, given as "its type: its text"; "" if there is none."""
    return next((text for pattern, text in EXPLANATIONS.items() if re.search(pattern, error)), "")


def hint(error: BaseException, submission: Path) -> str:
    """Return a sentence that helps with this error; "" if there is none."""
    if isinstance(error, ModuleNotFoundError):
        return _missing_module((error.name or "").partition(".")[0], submission)
    if isinstance(error, SyntaxError):
        return _syntax(error.msg or "", error.text or "")
    if isinstance(error, ImportError) and (error.name or "").partition(".")[0] in sys.stdlib_module_names:
        return f"This is graded with Python {_version()}; a newer one may have it."
    if isinstance(error, SystemExit):
        return 'The code ended itself, by exit() or sys.exit(): keep such calls below if __name__ == "__main__".'
    return ""


def _missing_module(name: str, submission: Path) -> str:
    if not name or name in sys.modules:  # a part of a module that is there
        return ""
    sentence = f"{name} is not installed where this is graded, and is not among your files."
    try:
        modules = ", ".join(json.loads((submission / GRADER).read_bytes())["modules"])
    except (OSError, ValueError, KeyError, TypeError):  # the course does not say it, or student code was here
        return sentence
    return f"{sentence} Installed are {modules}; see {GRADER}."


def _syntax(message: str, line: str) -> str:
    if "codec can't decode" in message or message.startswith("Non-UTF-8"):
        return "Save the file with the encoding UTF-8."
    here = f"This is graded with Python {_version()}"
    for expected, source, first in _NEWER_SYNTAX:
        if expected.search(message) and source.search(line) and sys.version_info < tuple(map(int, first.split("."))):
            return f"{here}; Python {first} and newer may accept this line."
    return f"{here}."


def _version() -> str:
    return "{}.{}".format(*sys.version_info)
