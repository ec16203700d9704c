"""What of this machine's files the jail may see: the system's programs, Python and its libraries; nothing else."""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gradeprop.core.errors import NoJailError

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store")
_FILES = ("/etc/ld.so.cache", "/etc/alternatives", "/sys/devices/system/cpu")  # the last: torch picks its kernels by it
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
GUEST = Path(__file__).parents[1] / "guest"


@dataclass(frozen=True, slots=True)
class View:
    """Folders and files, by where they are seen."""

    folders: tuple[Path, ...]
    links: dict[str, str]
    """symlinks of the system's own layout, /bin → usr/bin"""
    hidden: tuple[Path, ...]
    """what lies in ``folders`` and must not be seen all the same"""
    libraries: tuple[str, ...]
    """Python's search path for what is installed"""

    def opened(self) -> tuple[list[str], list[str]]:
        """(to read, to list only): ``folders`` as Landlock rules, which can allow but not take away again."""
        read: list[str] = []
        names: list[str] = []
        waiting = [*self.folders, *map(Path, _DEVICES)]
        while waiting:
            path = waiting.pop().resolve()
            if any(hidden.is_relative_to(path) for hidden in self.hidden):
                names += [] if path in self.hidden else [str(path)]
                waiting += [] if path in self.hidden else list(path.iterdir())
            elif path.exists():
                read.append(str(path))
        return sorted(set(read)), sorted(set(names))


def python() -> Path:
    """The interpreter itself, not a virtual environment's link to it."""
    return Path(sys.executable).resolve()


def make_view(hide: Iterable[Path]) -> View:
    """What Python needs, without ``hide``.

    Raises:
        NoJailError: Python itself lies in a folder that must not be seen.
    """
    libraries = [entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    prefixes = {Path(sys.base_prefix).resolve(), Path(sys.base_exec_prefix).resolve(), python().parent}
    wanted = (
        [Path(path) for path in _SYSTEM + _FILES] + sorted(prefixes) + [Path(entry).resolve() for entry in libraries]
    )
    links = {str(path): str(path.readlink()) for path in wanted if path.is_symlink() and path.parent == Path("/")}
    folders: list[Path] = []
    for path in wanted:  # a folder inside another is seen with it
        if path.exists() and str(path) not in links and not any(path.is_relative_to(other) for other in folders):
            folders.append(path)
    hidden = tuple({path.resolve() for path in hide if any(path.resolve().is_relative_to(f) for f in folders)})
    if bad := next(
        (folder for folder in (*folders, *map(Path, libraries)) for h in hidden if folder.is_relative_to(h)), None
    ):
        raise NoJailError(
            f"Python needs {bad}, which is where the course lies; put the course, or Python, into a folder of its own."
        )
    if bad := next((folder for folder in folders if len(folder.parts) < 2), None):
        raise NoJailError(
            f"Python is installed in {bad}: all of this machine would be seen; install it in a folder of its own."
        )
    return View(tuple(folders), links, hidden, tuple(str(Path(entry).resolve()) for entry in libraries))


def readable_by_others(view: View) -> bool:
    """Whether a user of no rights reaches Python where it lies (in the restricted tier nothing is bound elsewhere)."""
    needed = [python(), *map(Path, view.libraries), GUEST]
    return all(os.stat(p).st_mode & 0o005 == 0o005 for path in needed for p in (path, *path.parents))  # noqa: PTH116
