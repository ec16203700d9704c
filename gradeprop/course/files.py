"""Files of an assignment that are handed out or sent to the jail."""

from pathlib import Path

from gradeprop.core.errors import CourseError
from gradeprop.core.paths import GIVEN, AssignmentPaths


def read_probes(file: Path) -> bytes:
    """The source of the probes.

    Raises:
        CourseError: the file is missing.
    """
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise CourseError("the file is not there; it calls what students write", file) from None


def given_files(paths: AssignmentPaths, names: tuple[str, ...]) -> dict[str, bytes]:
    """The helpers of source/given that belong to an assignment, by their name in a submission.

    Raises:
        CourseError: one is missing.
    """
    try:
        return {f"{GIVEN}/{name}": (paths.course.given / name).read_bytes() for name in names}
    except FileNotFoundError as error:
        raise CourseError(
            f"given names {Path(str(error.filename)).name}, which is not in source/given", paths.toml
        ) from None
