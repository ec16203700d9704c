"""Compare ``[grader]`` of course.toml, which students are told, with the Python that runs this.

Correct code would fail where a promised module is missing or Python is older, so nothing is graded there. Another
version of a module, or a newer Python, is only worth a remark.
"""

import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

from gradeprop.core.assignment import GraderEnvironment
from gradeprop.core.errors import CourseError


def require(grader: GraderEnvironment, where: Path) -> None:
    """Refuse to grade with a Python that lacks what students were promised.

    Args:
        where: the file that promises it.

    Raises:
        CourseError: a module is missing, or this Python is older.
    """
    if lacking := list(missing(grader)):
        raise CourseError(
            f"[grader] tells students that there is {', '.join(lacking)}, which this machine lacks; install it, or "
            "correct [grader] and write the releases again (gradeprop release)",
            where,
        )


def missing(grader: GraderEnvironment) -> Iterator[str]:
    """Yield what this Python lacks: the Python version if it is older, and modules."""
    if grader.python and _version(grader.python) > sys.version_info[:2]:
        yield f"Python {grader.python}"
    yield from (name for name in grader.modules if importlib.util.find_spec(name) is None)


def differences(grader: GraderEnvironment) -> Iterator[str]:
    """Yield a clause for each version that differs from what students are told; only major and minor count."""
    here = "{}.{}".format(*sys.version_info)
    if grader.python and grader.python != here:
        yield f"Python is {here}, and students are told {grader.python}"
    packages = importlib.metadata.packages_distributions()
    for module, told in grader.modules.items():
        if module in packages and _version(found := importlib.metadata.version(packages[module][0])) != _version(told):
            yield f"{module} is {found}, and students are told {told}"


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdecimal())
