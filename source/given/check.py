"""The checks you can run yourself: ``check("lenet")`` in a notebook, ``python -m given.check lenet`` in a shell.

They run the files as they are saved, in a process of their own: nothing in your notebook changes, and an endless loop
in your code is stopped. They find the likely mistakes; the checks behind the grade look further.

Inside: the process is pytest on ``public_checks.py``, and this file is its plugin, which prints one line per check.
After the first ``check`` in a notebook a process stands ready that has imported what takes seconds, and none of your
code. On Linux each further ``check`` runs in a fork of it; elsewhere it runs in that process itself, and the next one
is started. What stands ready ends with the notebook.
"""

import argparse
import contextlib
import importlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable
from pathlib import Path

import pytest

SECONDS = 60  # after which the checks are stopped
PASSED = "passed."
SETTINGS = {"PYTHONUTF8": "1", "MPLBACKEND": "Agg", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
SLOW = ("torch", "torch.utils.data", "matplotlib.pyplot", "pandas")  # modules that take long to import
FORKS = sys.platform == "linux"  # where a process that has imported them can safely be doubled
_ready: list[subprocess.Popen] = []  # at most one, which has imported them and waits for its order


class PublicChecksFailed(Exception):
    """Stops "Run All" at the question that needs work."""

    def _render_traceback_(self) -> list[str]:  # what Jupyter shows: the sentence alone
        return [str(self)]


def check(*questions: str, folder: str | Path = ".") -> None:
    """Run the public checks of these questions, or of all, on the ``student_code.py`` in the folder.

    Raises:
        PublicChecksFailed: a check did not pass; what it found is printed.
    """
    passed = _run(questions, Path(folder), SLOW) == 0
    if not _ready:
        with contextlib.suppress(OSError):  # no room for one more process: the next check takes longer, that is all
            _ready.append(_start(SLOW))
    if not passed:
        raise PublicChecksFailed("Mend student_code.py, save it, and run this cell again.")


def main(arguments: list[str] | None = None) -> int:
    """The same from a shell: 0 if the public checks passed, else 1."""
    parser = argparse.ArgumentParser(prog="python -m given.check", description="Run the public checks on your code.")
    parser.add_argument("questions", nargs="*", help="such as lenet; without any, all are checked")
    parser.add_argument("--folder", type=Path, default=Path(), help="where public_checks.py is (default: here)")
    options = parser.parse_args(arguments)
    return _run(options.questions, options.folder)


def _run(questions: tuple[str, ...] | list[str], folder: Path, modules: Iterable[str] = ()) -> int:
    """Run pytest in a process of its own, print what it says, and return 0 or 1."""
    folder = folder.resolve()
    if not (folder / "public_checks.py").is_file():
        print(f"✗ There is no public_checks.py in {folder}: is this the folder of the assignment?")
        return 1
    options = ["--assert=plain", f"--rootdir={folder}", "-c", os.devnull, "-W", "ignore"]
    options += ["-p", "given.check", "-p", "no:terminal", "-p", "no:cacheprovider"]
    options += ["-p", "no:unraisableexception"]  # it would look through all objects at the end, for half a second
    options += [f"--question={question}" for question in questions]
    with tempfile.TemporaryDirectory() as scratch:  # pytest's own place can be taken by others of the machine
        options += [f"--basetemp={scratch}/checks", "public_checks.py"]
        order = {"folder": str(folder), "options": options, "environment": dict(os.environ) | SETTINGS}
        process = _take(modules)
        try:
            status, said, error = _follow(process, Path(scratch), order)
        except BaseException:  # the notebook's stop button
            _end(process)
            raise
        if status is not None and process.poll() is None:
            _ready.append(process)
        else:
            error += _end(process)
    if status is None:
        print(f"✗ Stopped after {SECONDS} s in the check that comes next. Is there a loop that does not end?")
        return 1
    if status == 0 and said.rstrip().endswith(PASSED):
        return 0
    if "✗" not in said:
        print(f"✗ The checks ended early, with exit code {status}.")
        print(error[-2000:])
    return 1


def _take(modules: Iterable[str]) -> subprocess.Popen:
    """The process that stands ready; if there is none, or something has ended it, a new one."""
    while _ready:
        process = _ready.pop()
        if process.poll() is None:
            return process
        _end(process)
    return _start(modules)


def _start(modules: Iterable[str]) -> subprocess.Popen:
    """A fresh Python that imports the modules, then does what lines on its standard input order."""
    home = str(Path(__file__).parents[1])  # holds given/, and in the course's own source also student_code.py
    return subprocess.Popen(
        [sys.executable, "-c", f"from given import check; check._obey({list(modules)}, {FORKS})"],
        env=os.environ | SETTINGS | {"PYTHONPATH": os.pathsep.join([home, os.environ.get("PYTHONPATH", "")])},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,  # it and its forks end together
    )


def _end(process: subprocess.Popen) -> str:
    """Stop a process if it still runs, and what it has forked, at once; what it complained of."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
    return process.communicate()[1].decode(errors="replace")


def _follow(process: subprocess.Popen, scratch: Path, order: dict) -> tuple[int | None, str, str]:
    """Have it run pytest, print what that says as it says it: (exit status, what was said, errors).

    No exit status, None, if it had to be left after ``SECONDS``.
    """
    said, error, status = (scratch / name for name in ("said", "error", "status"))
    for file in (said, error):
        file.touch()
    with contextlib.suppress(BrokenPipeError):  # it has ended, which is seen below
        process.stdin.write(json.dumps(order | {"scratch": str(scratch)}).encode() + b"\n")
        process.stdin.flush()
    text, late = "", time.monotonic() + SECONDS
    with said.open(encoding="utf-8", errors="replace") as lines:
        while True:
            ended = process.poll() is not None or status.exists() or time.monotonic() > late
            if new := lines.read():
                print(new, end="", flush=True)
                text += new
            if ended:
                break
            time.sleep(0.02)
    code = int(status.read_text()) if status.exists() else process.poll()
    return code, text, error.read_text(encoding="utf-8", errors="replace")


def _obey(modules: list[str], forks: bool) -> None:
    """In that process: import, then be pytest, or have a fork be it, for each order; they end with the notebook."""
    for module in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork() if forks else 0
        if child == 0:
            _be_pytest(order)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        part = Path(order["scratch"], "status.part")
        part.write_text(str(code))
        part.rename(part.with_suffix(""))  # when whole


def _be_pytest(order: dict) -> None:
    """Run pytest as ordered, and end."""
    for number, name in ((1, "said"), (2, "error")):
        os.dup2(os.open(Path(order["scratch"], name), os.O_WRONLY), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if hasattr(signal, "alarm"):
        signal.alarm(2 * SECONDS)  # should the notebook itself have been killed
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.path.insert(0, order["folder"])
    status = pytest.main(order["options"])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # taking torch down in good order takes up to a second


def explain(error: BaseException) -> str:
    """What went wrong, in a sentence, with the line of student_code.py it comes from."""
    if isinstance(error, SyntaxError):
        file = Path(error.filename or "student_code.py").name
        return f"Python cannot read {file}, line {error.lineno}, `{(error.text or '').strip()}`: {error.msg}."
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).name == "student_code.py"]
    where = f"student_code.py, line {own[-1].lineno}" if own else ""
    if isinstance(error, NotImplementedError) and own:
        return f"Still to do: {str(error) or own[-1].name} ({where})."
    if isinstance(error, AssertionError) and (not own or own[-1] is not frames[-1]):
        return str(error)
    return f"{type(error).__name__}: {error}" + (f" ({where}: `{own[-1].line}`)" if own else "")


# ---------------------------------------------------------------- pytest calls these, in the fresh process


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a question be chosen."""
    parser.addoption("--question", action="append", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Tell pytest of the marker."""
    config.addinivalue_line("markers", "question(name): the question that a check belongs to")


def pytest_sessionstart() -> None:
    """Import the student's code once, so that what stops Python from reading it is said once."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            importlib.import_module("student_code")
    except BaseException as error:  # SystemExit too: a script may end with exit()
        print(f"✗ {explain(error)}", flush=True)
        pytest.exit("student_code.py cannot be imported", returncode=1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the checks of the questions asked for."""
    wanted = config.getoption("question")
    questions = {item: item.get_closest_marker("question").args[0] for item in items}
    unknown = [question for question in wanted if question not in questions.values()]
    if unknown:
        known = ", ".join(dict.fromkeys(questions.values()))
        print(f"✗ There is no check for {', '.join(unknown)}; there are checks for {known}.", flush=True)
        pytest.exit("unknown question", returncode=1)
    items[:] = [item for item in items if not wanted or questions[item] in wanted]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """Print a check as one line, and below it what was found and what the student's code printed."""
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
    """Show why public_checks.py itself could not be read."""
    if report.failed:
        print(f"✗ {report.longreprtext}", flush=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Say how it ended, and promise nothing."""
    count = session.testscollected
    if exitstatus == 0:
        print(f"{count} public check{'s' * (count > 1)} {PASSED}", flush=True)
    elif session.testsfailed and count:
        print(f"{session.testsfailed} of {count} public checks failed.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
