"""How a check ended → its CheckResult: passed, failed with a message, or broken by the instructor's error."""

import traceback
from pathlib import Path

from gradeprop.core.errors import CourseError
from gradeprop.core.models import CheckResult
from gradeprop.judge.assertions import BrokenCheck, CheckFailed, Show
from gradeprop.judge.protocol import Check

_PACKAGE = Path(__file__).parents[1]
_MAX_TRACE = 4_000


def passed(check: Check, show: Show) -> CheckResult:
    """Award all points."""
    return _result(check, show, "passed", check.points, show.message)


def failed(check: Check, error: AssertionError, show: Show) -> CheckResult:
    """Award the points that the error carries, which are none for a plain ``assert``."""
    if isinstance(error, CheckFailed):
        points = max(0.0, min(float(error.points), check.points))
        return _result(check, show, error.verdict, points, str(error) or show.message)
    return _result(check, show, "failed", 0.0, str(error).strip() or "This check does not hold.")


def _result(check: Check, show: Show, verdict: str, points: float, message: str) -> CheckResult:
    return CheckResult(
        check=check.name,
        question=check.question,
        line=check.line,
        verdict=verdict,  # type: ignore[arg-type]
        points=points,
        possible=check.points,
        message=message,
        exhibits=tuple(show.exhibits),
        flag=show.flagged,
    )


def broken(check: Check, message: str) -> CheckResult:
    """Report an error of the check itself; ``message`` names file and line for the instructor."""
    return _result(check, Show(), "broken", 0.0, message)


def flaw(name: str, message: str) -> CheckResult:
    """Report an error of the course that belongs to no single check, such as a file that cannot be loaded."""
    return broken(Check(name=name, question="", points=0.0, line=name), message)


def describe(error: BaseException, root: Path, probes: Path | None = None) -> str:
    """Name file and line of the course where the error was raised, and the error.

    Args:
        probes: the path of probes.py, whose code knows only its name.
    """
    if isinstance(error, CourseError):
        return str(error)
    if isinstance(error, SyntaxError):
        return f"{_path(str(error.filename), probes)}:{error.lineno}: {type(error).__name__}: {error.msg}"
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_ours(frame, root, probes)]
    ours = [frame for frame in ours if not Path(frame.filename).is_relative_to(_PACKAGE)] or ours
    place = f"{_path(ours[-1].filename, probes)}:{ours[-1].lineno}" if ours else str(root)
    return f"{place}: {error}" if isinstance(error, BrokenCheck) else f"{place}: {type(error).__name__}: {error}"


def trace(error: BaseException, root: Path) -> str:
    """Format the traceback of a check's error: the frames of the course and of this package."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_ours(frame, root, None)]
    lines = [*traceback.format_list(frames), *traceback.format_exception_only(error)]
    return "".join(["Traceback (most recent call last):\n", *lines])[-_MAX_TRACE:]


def _is_ours(frame: traceback.FrameSummary, root: Path, probes: Path | None) -> bool:
    path = Path(_path(frame.filename, probes))
    return path.is_relative_to(root) and "site-packages" not in path.parts


def _path(file: str, probes: Path | None) -> str:
    return str(probes) if probes and file == probes.name else file
