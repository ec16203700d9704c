"""The process in which ``check`` runs pytest on public_checks.py, and the plugin that prints a line per check."""

import contextlib
import importlib.util
import io
import json
import os
import signal
import sys
from pathlib import Path
from types import ModuleType

import pytest

from given.explain import explain
from given.first_look import heading
from given.live_output import PASSED


class _LazyDynamo(ModuleType):
    """Stands for torch._dynamo, which optimizers import and do not need: importing it takes as long as PyTorch itself.

    It is imported when something asks for more than an optimizer does.
    """

    graph_break = staticmethod(lambda *_, **__: None)
    disable = staticmethod(lambda fn, *_, **__: fn)

    def __getattr__(self, name: str):
        if name.startswith("__") and name != "__path__":  # the import system asks any module for these
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def _import_when_used(name: str) -> None:
    with contextlib.suppress(ImportError):
        if name not in sys.modules and (spec := importlib.util.find_spec(name)) and spec.loader:
            spec.loader = importlib.util.LazyLoader(spec.loader)
            sys.modules[name] = module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)


def serve(modules: list[str], forks: bool) -> None:
    """In the waiting process: import, then become pytest, or let a fork do it, for each request."""
    sys.modules.setdefault("torch._dynamo", _LazyDynamo("torch._dynamo"))
    os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")  # compiling takes minutes; what is compiled computes the same
    for module in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    if not modules:  # for one request: what it does not use is not worth half a second
        _import_when_used("pandas")
        _import_when_used("matplotlib.pyplot")
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
        signal.alarm(2 * request["seconds"])  # in case the notebook itself was killed
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.path.insert(0, request["folder"])
    status = pytest.main(request["options"])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # an orderly exit of torch takes up to a second


# ---------------------------------------------------------------- pytest calls these


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
        print(heading(Path(found.origin), session.config.getoption("imported")), end="", flush=True)
    if found is None:
        others = sorted(file.name for file in Path().glob("*.py*") if file.name != "public_checks.py")
        there = f" Rename yours; the Python files there are: {', '.join(others)}." if others else ""
        print(f"✗ student_code.py is not in {Path.cwd()}.{there}", flush=True)
        pytest.exit("there is no student_code.py", returncode=1)
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
