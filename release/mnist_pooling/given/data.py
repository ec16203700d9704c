"""Find the folder of a data set. The grader looks in the same places, so it measures on the data that you train on.

    data_folder("mnist", ["t10k-labels-idx1-ubyte.gz"])

A data set is looked for in three places, and the first that has it is used:

1. ``$GRADEPROP_DATA/<name>``, if that variable is set
2. ``data/<name>`` in the folder of the course, or beside your notebook if you have only the assignment
3. ``cache()/<name>``, which downloads go to

Relative paths start at the folder of the course, wherever your notebook runs.
"""

import os
from collections.abc import Sequence
from pathlib import Path


def course_folder() -> Path:
    """Return the folder of the course; for those who have only the assignment, the folder that ``given/`` is in."""
    here = Path(__file__).absolute()
    courses = (folder for folder in here.parents if (folder / "source" / "course.toml").is_file())
    return next(courses, here.parents[1])


def cache() -> Path:
    """Return the folder for data that can be downloaded or computed again."""
    return course_folder() / (os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gradeprop"


def data_folder(name: str, files: Sequence[str] = ()) -> Path:
    """Return the folder of a data set: the first of the three places that has it, or else the last.

    Args:
        files: a place has the data set if it holds one of these files; without any, if it exists.
    """
    given = os.environ.get("GRADEPROP_DATA")
    places = [course_folder() / given / name] if given else []
    places += [course_folder() / "data" / name, cache() / name]
    return next((place for place in places if holds_any(place, files)), places[-1])


def holds_any(folder: Path, files: Sequence[str]) -> bool:
    """Return True if one of the files is in the folder, or if no file is named and the folder exists."""
    return any(os.path.exists(folder / file) for file in files or ("",))  # noqa: PTH110  (unreadable: False)
