"""Errors of the instructor's that show on the reference solution, before any submission is judged.

a probe that fails for the reference         every check that uses it is broken
a limit that the reference exceeds           the same: every submission would exceed it, too
a check that the reference does not pass     is broken
a check that needs submitted files           must not break; the reference has none, so it need not pass
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from gradeprop.core.assignment import Limits
from gradeprop.core.models import CheckResult, ProbeResult, ProbeStatus
from gradeprop.core.paths import AssignmentPaths
from gradeprop.course.config import read_assignment
from gradeprop.guest import draw, runner
from gradeprop.judge import results
from gradeprop.judge.protocol import Check, CheckFinished

_RUNNING = "probe"


def load_flaws(paths: AssignmentPaths) -> list[CheckResult]:
    """Return the error that keeps probes.py from loading, as a list of no or one flaw."""
    try:
        runner.load_probes(paths.probes.read_bytes())
    except Exception as error:
        return [results.flaw(paths.probes.name, results.describe(error, paths.course.root, paths.probes))]
    return []


def begin(name: str, home: Path) -> None:
    """Note which probe runs, for ``unfinished``."""
    (home / _RUNNING).write_text(name)


def unfinished(home: Path, wall_s: int) -> str:
    """Say which probe ended the process that ran the reference."""
    note = home / _RUNNING
    name = f"probe_{note.read_text()}" if note.is_file() else "the first probe"
    return f"{name} crashed for the reference solution, or all probes together ran longer than {wall_s} s"


def catching(probe: runner.Probe, caught: list[BaseException]) -> runner.Probe:
    """Return a probe that notes the exception it raises."""

    def run(student: ModuleType, source: draw.Draw) -> dict[str, Any]:
        try:
            return probe(student, source)
        except BaseException as error:
            caught.append(error)
            raise

    return run


def exceeded(limits: Limits, probe_s: float, wall_s: float) -> str:
    """Say which limit is too low for the reference, by its processor time, which other programs do not lengthen.

    Args:
        limits: of a submission.
        probe_s: seconds of one probe.
        wall_s: seconds of all probes so far.
    """
    for name, limit, seconds, what in (
        ("probe-s", limits.probe_s, probe_s, "it takes"),
        ("wall-s", limits.wall_s, wall_s, "it ends after"),
    ):
        if seconds > limit:
            return f"{what} {seconds:.2g} s for the reference solution; {name} in [limits] is {limit:g}"
    return ""


def probe_result(
    name: str, status: ProbeStatus, message: str, caught: Iterable[BaseException], paths: AssignmentPaths
) -> ProbeResult:
    """Return the result of a probe of the reference: its message is for the instructor.

    Args:
        status: of the probe; "absent" if a file of the submission is missing, or a function of the solution.
        message: for a student.
        caught: the exception that the probe raised, if it did.
    """
    if status == "ok":
        return ProbeResult(name=name, status=status)
    error = next(iter(caught), None)
    if error is None:  # what it returned could not be sent
        return ProbeResult(name=name, status="error", message=f"{paths.probes}: probe_{name}: {message}")
    if status == "absent" and isinstance(error, FileNotFoundError):
        file = message.split()[0]
        if file in read_assignment(paths.course, paths.name).asked_files:
            return ProbeResult(name=name, status="absent", message=message)
        error = FileNotFoundError(f"{file} is not among the files that [submission] in assignment.toml lists")
        error.__traceback__ = next(iter(caught)).__traceback__
    return ProbeResult(name=name, status="error", message=results.describe(error, paths.course.root, paths.probes))


def find_broken(
    finished: Iterable[CheckFinished], absent: frozenset[str], place: Callable[[str], str]
) -> dict[str, CheckFinished]:
    """Return the checks that are broken, by name, from the run of all checks on the reference.

    Args:
        absent: the probes that need submitted files.
        place: returns file and line of a check.
    """
    broken = {}
    for each in finished:
        result = each.result
        if result.verdict not in ("passed", "broken") and not absent & set(each.used):
            check = Check(name=result.check, question=result.question, points=result.possible, line=result.line)
            message = f"{place(result.check)}: the reference solution does not pass this check: {result.message}"
            broken[result.check] = CheckFinished(result=results.broken(check, message), used=each.used)
        elif result.verdict == "broken":
            broken[result.check] = each
    return broken
