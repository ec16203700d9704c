"""Run the public checks: ``check("lenet")`` in a notebook, ``python -m given.check lenet`` in a shell.

The checks use the saved files and run in a separate process: nothing in your notebook changes, and an endless loop in
your code is stopped. They find common mistakes; the graded checks test more.

How it works: what the text of the files tells is said at once (``first_look``). For the rest, the process runs pytest
on ``public_checks.py`` (``check_process``). After the first ``check`` in a notebook, a process waits that has imported
the slow libraries, and none of your code. On Linux each further ``check`` runs in a fork of it; elsewhere it runs in
that process itself, and another one is started. The waiting process ends with the notebook.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from given.first_look import first_look, heading, other_copy
from given.live_output import PASSED, LiveOutput

SECONDS = 60  # the checks are stopped after this time
SETTINGS = {"PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8", "MPLBACKEND": "Agg"}
SETTINGS |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
SLOW = ("torch", "torch.utils.data", "matplotlib.pyplot", "pandas")  # modules that take long to import
FORKS = sys.platform == "linux"  # forking a process that has imported them is safe
_ready: list[subprocess.Popen] = []  # at most one, which has imported them and waits for a request


class PublicChecksFailed(Exception):
    """Raised so that "Run All" stops at the question that needs work."""

    def _render_traceback_(self) -> list[str]:  # Jupyter shows only the sentence
        return [str(self)]


def imported(student_code: ModuleType) -> None:
    """Say which file your notebook has imported, and warn if ``check`` and ``submit`` take another one."""
    print(f"Your code: {student_code.__file__}")
    print(other_copy(student_code.__file__, Path("student_code.py").resolve()), end="")


def check(*questions: str, folder: str | Path = ".") -> None:
    """Run the public checks of these questions, or of all, on the ``student_code.py`` in the folder.

    Raises:
        PublicChecksFailed: a check failed; its message is printed.
    """
    passed = _run(questions, Path(folder), SLOW) == 0
    if not _ready:
        with contextlib.suppress(OSError):  # no more processes allowed: the next check only takes longer
            _ready.append(_start(SLOW))
    if not passed:
        raise PublicChecksFailed("Fix student_code.py, save it, and run this cell again.")


def main(arguments: list[str] | None = None) -> int:
    """Do the same from a shell; return 0 if the public checks passed, else 1."""
    parser = argparse.ArgumentParser(prog="python -m given.check", description="Run the public checks on your code.")
    parser.add_argument("questions", nargs="*", help="questions to check, such as lenet (default: all)")
    parser.add_argument(
        "--folder", type=Path, default=Path(), help="folder of the assignment (default: the current one)"
    )
    options = parser.parse_args(arguments)
    return _run(options.questions, options.folder)


def _run(questions: tuple[str, ...] | list[str], folder: Path, modules: Iterable[str] = ()) -> int:
    """Run pytest in a separate process, print its output, and return 0 or 1."""
    folder = folder.resolve()
    output = LiveOutput()
    if not (folder / "public_checks.py").is_file():
        output.write(f"✗ public_checks.py is not in {folder}. Is this the folder of the assignment?\n")
        return 1
    own = getattr(sys.modules.get("student_code"), "__file__", None) or ""
    if answer := first_look(folder, questions):
        output.write(heading(folder / "student_code.py", own) + answer)
        return 1
    options = ["--assert=plain", "--rootdir=.", "-c", os.devnull, "-W", "ignore"]
    options += ["-p", "given.check_process", "-p", "no:terminal", "-p", "no:cacheprovider"]
    options += [f"--imported={own}"]
    options += ["-p", "no:unraisableexception"]  # it would search all objects at the end, for half a second
    options += [f"--question={question}" for question in questions]
    with tempfile.TemporaryDirectory() as scratch:  # another user may own pytest's default folder
        options += [f"--basetemp={scratch}/checks", "public_checks.py"]
        request = {"folder": str(folder), "options": options, "environment": dict(os.environ) | SETTINGS}
        request["seconds"] = SECONDS
        process = _waiting_process(modules)
        try:
            status, error = _run_request(process, Path(scratch), request, output)
        except BaseException:  # the notebook's stop button
            _end(process)
            raise
        if status is not None and process.poll() is None:
            _ready.append(process)
        else:
            error += _end(process)
    if status is None:
        output.write(f"✗ Stopped after {SECONDS} s, in the check after the last one above. Is there an endless loop?\n")
        return 1
    if status == 0 and output.text.rstrip().endswith(PASSED):
        return 0
    if "✗" not in output.text:
        output.write(f"✗ The checks ended before they were complete, with exit code {status}.\n{error[-2000:]}\n")
    return 1


def _waiting_process(modules: Iterable[str]) -> subprocess.Popen:
    """Return the process that waits; if there is none, or it has ended, start a new one."""
    while _ready:
        process = _ready.pop()
        if process.poll() is None:
            return process
        _end(process)
    return _start(modules)


def _start(modules: Iterable[str]) -> subprocess.Popen:
    """Start a Python that imports the modules, then serves requests, one per line of its standard input."""
    home = str(Path(__file__).parents[1])  # contains given/, and in the course's own source also student_code.py
    return subprocess.Popen(
        [sys.executable, "-c", f"from given import check_process; check_process.serve({list(modules)}, {FORKS})"],
        env=os.environ | SETTINGS | {"PYTHONPATH": os.pathsep.join([home, os.environ.get("PYTHONPATH", "")])},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,  # it and its forks end together
    )


def _end(process: subprocess.Popen) -> str:
    """Stop a process and its forks at once, if it still runs; return what it wrote to stderr."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
    return process.communicate()[1].decode(errors="replace")


def _run_request(process: subprocess.Popen, scratch: Path, request: dict, shown: LiveOutput) -> tuple[int | None, str]:
    """Run pytest in the process and show its output as it comes; return (exit status, errors).

    The exit status is None if pytest still ran after ``SECONDS``.
    """
    output, error, status = (scratch / name for name in ("output", "error", "status"))
    for file in (output, error):
        file.touch()
    with contextlib.suppress(BrokenPipeError):  # it has ended, which the loop below notices
        process.stdin.write(json.dumps(request | {"scratch": str(scratch)}).encode() + b"\n")
        process.stdin.flush()
    late = time.monotonic() + SECONDS
    with output.open(encoding="utf-8", errors="replace") as lines:
        while True:
            ended = process.poll() is not None or status.exists() or time.monotonic() > late
            if new := lines.read():
                shown.write(new)
            if ended:
                break
            time.sleep(0.02)
    code = int(status.read_text()) if status.exists() else process.poll()
    return code, error.read_text(encoding="utf-8", errors="replace")


if __name__ == "__main__":
    sys.exit(main())
