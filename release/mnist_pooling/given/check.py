"""The checks you can run yourself: ``check("lenet")`` in a notebook, ``python -m given.check lenet`` in a shell.

They run the files as they are saved, in a process of their own: nothing in your notebook changes, and an endless loop
in your code is stopped. They find the likely mistakes; the checks behind the grade look further.

Inside: the process is pytest on ``public_checks.py``, and this file is its plugin, which prints one line per check.
After the first ``check`` in a notebook the next process stands ready: it has imported what takes seconds, none of your
code, and ends with the notebook.
"""

import argparse
import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterable
from pathlib import Path

import pytest

SECONDS = 60  # after which the checks are stopped
PASSED = "passed."
SETTINGS = {"PYTHONUTF8": "1", "MPLBACKEND": "Agg", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
SLOW = ("torch", "torch.utils.data", "matplotlib.pyplot", "pandas")  # modules that take long to import
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
    passed = _run(questions, Path(folder)) == 0
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


def _run(questions: tuple[str, ...] | list[str], folder: Path) -> int:
    """Run pytest in a fresh process, print what it says, and return 0 or 1."""
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
        order = json.dumps({"folder": str(folder), "options": options, "environment": dict(os.environ) | SETTINGS})
        with _take() as process:
            try:
                out, error = process.communicate(order.encode() + b"\n", SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                print(process.communicate()[0].decode(errors="replace"), end="")
                print(f"✗ Stopped after {SECONDS} s in the check that comes next. Is there a loop that does not end?")
                return 1
            except BaseException:  # the notebook's stop button
                process.kill()
                raise
    said = out.decode(errors="replace")
    print(said, end="")
    if process.returncode == 0 and said.rstrip().endswith(PASSED):
        return 0
    if "✗" not in said:
        print(f"✗ The checks ended early, with exit code {process.returncode}.")
        print(error.decode(errors="replace")[-2000:])
    return 1


def _take() -> subprocess.Popen:
    """The process that stands ready; if there is none, or the stop button has ended it as well, a new one."""
    while _ready:
        process = _ready.pop()
        if process.poll() is None:
            return process
        process.communicate()
    return _start()


def _start(modules: Iterable[str] = ()) -> subprocess.Popen:
    """A fresh Python that imports the modules, then does what one line on its standard input orders."""
    home = str(Path(__file__).parents[1])  # holds given/, and in the course's own source also student_code.py
    return subprocess.Popen(
        [sys.executable, "-c", f"from given import check; check._obey({list(modules)})"],
        env=os.environ | SETTINGS | {"PYTHONPATH": os.pathsep.join([home, os.environ.get("PYTHONPATH", "")])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _obey(modules: list[str]) -> None:
    """In that process: import, read the order, be pytest; without an order, the notebook has ended."""
    for module in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    line = sys.stdin.readline()
    if line:
        order = json.loads(line)
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
