"""The judge's pytest plugin: collects the checks with their points, offers the fixtures, runs one check.

The fixtures read everything from the ``CheckContext`` of the check that runs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest
import torch
from _pytest.runner import runtestprotocol
from torch import Tensor

from gradeprop.core.assignment import DatasetRequirements
from gradeprop.core.models import CheckResult
from gradeprop.judge import results
from gradeprop.judge.assertions import Points, Show
from gradeprop.judge.observed import Expected, Observed
from gradeprop.judge.protocol import Check
from gradeprop.judge.reference import ReferenceRun


@dataclass(frozen=True)
class CheckContext:
    """The input of one run of a check, and its output."""

    observed: Observed
    reference: ReferenceRun
    requirements: DatasetRequirements
    show: Show = field(default_factory=Show)
    errors: list[BaseException] = field(default_factory=list)
    """exceptions that it raised, pytest's own for a skip included"""

    def trace(self, root: Path) -> str:
        """Return the traceback of the last exception; empty without one."""
        return results.trace(self.errors[-1], root) if self.errors else ""


CONTEXT = pytest.StashKey[CheckContext]()
CHECK = pytest.StashKey[Check]()
FLAWS = pytest.StashKey[list[CheckResult]]()

# ---- collection


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "points(n, question): what the check is worth, and for which question")
    config.stash[FLAWS] = []


def pytest_exception_interact(
    node: pytest.Item | pytest.Collector, call: pytest.CallInfo[None], report: object
) -> None:
    """Report a file of checks that cannot be loaded as a flaw of the course."""
    if isinstance(report, pytest.CollectReport) and call.excinfo is not None:
        error = call.excinfo.value.__cause__ or call.excinfo.value
        flaw = results.flaw(node.nodeid, results.describe(error, node.config.rootpath))
        node.config.stash[FLAWS].append(flaw)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the checks that have a question and points; each of the others is a flaw of the course."""
    for item in items:
        marker = item.get_closest_marker("points")
        question = marker.kwargs.get("question") if marker else None
        if marker is None or question is None or not _are_points(marker.args):
            message = f"{place(item)}: {item.name} has no points: mark it with @pytest.mark.points(n, question=…)"
            config.stash[FLAWS].append(results.flaw(item.nodeid, message))
        else:
            points = float(marker.args[0])
            about = {"name": item.nodeid, "question": question, "points": points}
            item.stash[CHECK] = Check(**about, line=_first_line(item), place=place(item))
    items[:] = [item for item in items if CHECK in item.stash]


def _are_points(given: tuple[object, ...]) -> bool:
    return len(given) == 1 and isinstance(given[0], int | float) and given[0] > 0


def _first_line(item: pytest.Item) -> str:
    doc = getattr(getattr(item, "obj", None), "__doc__", None) or item.name.replace("_", " ")
    return str(doc).strip().splitlines()[0]


def place(item: pytest.Item) -> str:
    """Return file and line of a check."""
    return f"{item.path}:{(item.location[1] or 0) + 1}"


# ---- one check


def run_check(item: pytest.Item, context: CheckContext) -> CheckResult:
    """Run one check by pytest's own protocol; an exception that is no AssertionError breaks the check."""
    torch.default_generator.manual_seed(0)  # torch.manual_seed looks for devices, and takes longer than most checks
    item.stash[CONTEXT], check = context, item.stash[CHECK]
    reports = runtestprotocol(item, log=False, nextitem=None)
    error = context.errors[-1] if context.errors else None
    if isinstance(error, AssertionError):
        return results.failed(check, error, context.show)
    if error is not None:
        return results.broken(check, results.describe(error, item.config.rootpath))
    if not all(report.passed for report in reports):
        return results.broken(check, f"{place(item)}: the check was skipped")
    return results.passed(check, context.show)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    if call.excinfo is not None:
        item.stash[CONTEXT].errors.append(call.excinfo.value)
    return (yield)


# ---- fixtures


@pytest.fixture
def observed(request: pytest.FixtureRequest) -> Observed:
    """Call it with the name of a probe; it returns a gradeprop.check.Seen."""
    return _context(request).observed


@pytest.fixture
def expected(request: pytest.FixtureRequest) -> Expected:
    """The same as ``observed``, for the reference solution with the same draws."""
    return _context(request).reference.expected


@pytest.fixture
def reference(request: pytest.FixtureRequest) -> ModuleType:
    """The reference solution, as a module."""
    return _context(request).reference.solution


@pytest.fixture
def answers(request: pytest.FixtureRequest) -> dict[str, Tensor]:
    """The part of the held-out data that never enters the jail: labels."""
    return _context(request).reference.answers


@pytest.fixture
def requirements(request: pytest.FixtureRequest) -> DatasetRequirements:
    """Everything that assignment.toml asks on this data set: bars, bands and caps."""
    return _context(request).requirements


@pytest.fixture
def bars(request: pytest.FixtureRequest) -> dict[str, tuple[float, float]]:
    """Accuracy bars in percent, by name of the weights: (pass, full)."""
    return _context(request).requirements.bars


@pytest.fixture
def points() -> Points:
    """Lets a check award a part of its points."""
    return Points()


@pytest.fixture
def show(request: pytest.FixtureRequest) -> Show:
    """Puts tables and curves on the feedback page."""
    return _context(request).show


def _context(request: pytest.FixtureRequest) -> CheckContext:
    item: pytest.Item = request.node
    return item.stash[CONTEXT]
