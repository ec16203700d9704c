"""Find the submissions in the paths that a command is given."""

from collections.abc import Sequence
from pathlib import Path

from gradeprop.core.errors import SubmissionError
from gradeprop.core.paths import student_key
from gradeprop.submissions.intake import student_name


def submissions(paths: Sequence[Path], student: str | None = None) -> list[tuple[Path, str]]:
    """Each submission with its student: a folder or zip is named for one; one folder of those alone is a class.

    Of several paths none is a class: a student who hands in a folder in a folder must not be called as the inner one.

    Raises:
        SubmissionError: a path that is not there, or two submissions of one student: neither may win by chance.
    """
    found = [each for path in paths for each in _class(path, len(paths) == 1)]
    if student is not None and len(found) != 1:
        raise SubmissionError(f"--student names one student, and there are {len(found)} submissions.")
    named = [(path, student or student_name(path)) for path in found]
    seen: dict[str, Path] = {}
    for path, name in named:
        if (first := seen.setdefault(student_key(name), path)) is not path:
            raise SubmissionError(f"{first} and {path} are both of the student {name!r}; keep one of them.")
    return named


def _class(path: Path, alone: bool) -> list[Path]:
    if not path.exists():
        raise SubmissionError(f"{path} is not there.")
    entries = [each for each in sorted(path.iterdir()) if not each.name.startswith(".")] if path.is_dir() else []
    several = [each for each in entries if each.is_dir() or each.suffix.lower() == ".zip"]
    return several if alone and several and several == entries else [path]
