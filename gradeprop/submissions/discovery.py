"""Discovery of submissions in the paths that a command receives."""

from collections.abc import Sequence
from pathlib import Path

from gradeprop.core.errors import SubmissionError
from gradeprop.core.paths import student_key
from gradeprop.submissions.intake import student_name


def find_submissions(paths: Sequence[Path], student: str | None = None) -> list[tuple[Path, str]]:
    """Find the submissions in some paths: (path, student) pairs.

    A folder or zip is named after its student; a single folder that contains only folders and zips is a class. If
    there are several paths, none is a class: the inner folder of a submission must not be taken for a student.

    Raises:
        SubmissionError: a path does not exist, or two submissions belong to one student: neither may win by chance.
    """
    found = [each for path in paths for each in _expand(path, alone=len(paths) == 1)]
    if student is not None and len(found) != 1:
        raise SubmissionError(f"--student names one student, but there are {len(found)} submissions.")
    submissions = [(path, student or student_name(path)) for path in found]
    seen: dict[str, Path] = {}
    for path, name in submissions:
        if (first := seen.setdefault(student_key(name), path)) is not path:
            raise SubmissionError(f"{first} and {path} both belong to the student {name!r}; remove one of them.")
    return submissions


def _expand(path: Path, alone: bool) -> list[Path]:
    """Return the submissions in a class folder; any other path is itself a submission."""
    if not path.exists():
        raise SubmissionError(f"{path} does not exist.")
    entries = [each for each in sorted(path.iterdir()) if not each.name.startswith(".")] if path.is_dir() else []
    is_class = alone and entries and all(each.is_dir() or each.suffix.lower() == ".zip" for each in entries)
    return entries if is_class else [path]
