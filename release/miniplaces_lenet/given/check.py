"""Run the public checks: ``check("lenet")`` in a notebook, ``python -m given.check lenet`` in a shell.

The checks use the saved files and run in a separate process: nothing in your notebook changes, and an endless loop in
your code is stopped. They find common mistakes; the graded checks test more.

How it works: the process runs pytest on ``public_checks.py``, with this file as a plugin that prints a line per check.
After the first ``check`` in a notebook, a process waits that has imported the slow libraries, and none of your code. On
Linux each further ``check`` runs in a fork of it; elsewhere it runs in that process itself, and another one is started.
The waiting process ends with the notebook.
"""

import argparse
import contextlib
import importlib.util
import io
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

import pytest

from given.explain import explain
from given.live_output import LiveOutput

SECONDS = 60  # the checks are stopped after this time
PASSED = "passed."
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
    print(_other_copy(student_code.__file__, Path("student_code.py").resolve()), end="")


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


def _other_copy(imported: str, checked: Path) -> str:
    """Warn if a notebook has imported another file than the one that is checked; "" if there is none to check."""
    if not imported or not checked.is_file() or checked.resolve() == Path(imported).resolve():
        return ""
    return (
        f"Careful: the notebook uses {imported}, and check and submit use {checked}. Unset PYTHONPATH, "
        "and restart the kernel.\n"
    )


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
    options = ["--assert=plain", f"--rootdir={folder}", "-c", os.devnull, "-W", "ignore"]
    options += ["-p", "given.check", "-p", "no:terminal", "-p", "no:cacheprovider"]
    options += [f"--imported={getattr(sys.modules.get('student_code'), '__file__', None) or ''}"]
    options += ["-p", "no:unraisableexception"]  # it would search all objects at the end, for half a second
    options += [f"--question={question}" for question in questions]
    with tempfile.TemporaryDirectory() as scratch:  # another user may own pytest's default folder
        options += [f"--basetemp={scratch}/checks", "public_checks.py"]
        request = {"folder": str(folder), "options": options, "environment": dict(os.environ) | SETTINGS}
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
        [sys.executable, "-c", f"from given import check; check._serve({list(modules)}, {FORKS})"],
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


def _serve(modules: list[str], forks: bool) -> None:
    """In the waiting process: import, then become pytest, or let a fork do it, for each request."""
    for module in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork() if forks else 0
        if child == 0:
            _become_pytest(request)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        part = Path(request["scratch"], "status.part")
        part.write_text(str(code))
        part.rename(part.with_suffix(""))  # when complete


def _become_pytest(request: dict) -> None:
    """Run pytest as requested, then end the process."""
    for number, name in ((1, "output"), (2, "error")):
        os.dup2(os.open(Path(request["scratch"], name), os.O_WRONLY), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if hasattr(signal, "alarm"):
        signal.alarm(2 * SECONDS)  # in case the notebook itself was killed
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.path.insert(0, request["folder"])
    status = pytest.main(request["options"])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # an orderly exit of torch takes up to a second


# ---------------------------------------------------------------- pytest calls these, in the separate process


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options: the questions to check, and the student_code.py that the notebook has imported."""
    parser.addoption("--question", action="append", default=[])
    parser.addoption("--imported", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "question(name): the question that a check belongs to")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Name the student's file, and import it, so that an error in it is printed once and not for every check."""
    if (found := importlib.util.find_spec("student_code")) and found.origin:
        print(f"Checking {found.origin}")
        print(_other_copy(session.config.getoption("imported"), Path(found.origin)), end="", flush=True)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            importlib.import_module("student_code")
    except BaseException as error:  # SystemExit too: a script may end with exit()
        print(f"✗ {explain(error)}", flush=True)
        pytest.exit("student_code.py cannot be imported", returncode=1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep only the checks of the requested questions."""
    wanted = config.getoption("question")
    questions = {item: item.get_closest_marker("question").args[0] for item in items}
    unknown = [question for question in wanted if question not in questions.values()]
    if unknown:
        known = ", ".join(dict.fromkeys(questions.values()))
        print(f"✗ There is no check for {', '.join(unknown)}. There are checks for: {known}.", flush=True)
        pytest.exit("unknown question", returncode=1)
    items[:] = [item for item in items if not wanted or questions[item] in wanted]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """Print a check as one line, and below it its message and what the student's code printed."""
    report = yield
    line = (item.obj.__doc__ or item.name).splitlines()[0]
    if report.failed:
        print(f"✗ {line}\n    {explain(call.excinfo.value)}", flush=True)
        for printed in report.capstdout.splitlines()[:10]:
            print(f"    your code printed: {printed}", flush=True)
    elif call.when == "call":
        print(f"✓ {line}", flush=True)
    return report


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Print why public_checks.py itself could not be imported."""
    if report.failed:
        print(f"✗ {report.longreprtext}", flush=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Print how many checks passed or failed, and nothing about the grade."""
    count = session.testscollected
    if any(item.get_closest_marker("question").args[0].endswith("accuracy") for item in session.items):
        from given.submit import ON_SAMPLE, trained_on  # an assignment without weights may lack it

        for file in sorted(Path().glob("*.safetensors")):
            if trained_on(file) == "sample":
                print(f"{file}: {ON_SAMPLE}", flush=True)
    if exitstatus == 0:
        print(f"{count} public check{'s' * (count > 1)} {PASSED}", flush=True)
    elif session.testsfailed and count:
        print(f"{session.testsfailed} of {count} public checks failed.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
