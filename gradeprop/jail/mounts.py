"""Mount plan: files of this machine that the jail can see; by allow-list: system programs, Python, its libraries."""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gradeprop.core.errors import NoJailError

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store")
_FILES = ("/etc/ld.so.cache", "/etc/alternatives", "/sys/devices/system/cpu")  # torch selects kernels by the last one
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
GUEST = Path(__file__).parents[1] / "guest"


@dataclass(frozen=True, slots=True)
class View:
    """Folders and files that the jail can see, at the same paths."""

    folders: tuple[Path, ...]
    links: dict[str, str]
    """symlinks of the system's layout, such as /bin → usr/bin"""
    hidden: tuple[Path, ...]
    """parts of ``folders`` that must stay invisible"""
    libraries: tuple[str, ...]
    """Python's search path for installed packages"""

    def landlock_paths(self) -> tuple[list[str], list[str]]:
        """Return ``folders`` as Landlock paths (to read, to list only); Landlock cannot exclude a part of a folder."""
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
    """Return the path of the interpreter itself, not of a virtual environment's link to it."""
    return Path(sys.executable).resolve()


def make_view(hide: Iterable[Path]) -> View:
    """Plan the view: everything that Python needs, without the folders in ``hide``.

    Raises:
        NoJailError: Python is installed in a folder that must stay invisible.
    """
    libraries = [entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    prefixes = {Path(sys.base_prefix).resolve(), Path(sys.base_exec_prefix).resolve(), python().parent}
    wanted = (
        [Path(path) for path in _SYSTEM + _FILES] + sorted(prefixes) + [Path(entry).resolve() for entry in libraries]
    )
    links = {str(path): str(path.readlink()) for path in wanted if path.is_symlink() and path.parent == Path("/")}
    folders: list[Path] = []
    for path in wanted:  # a folder inside another is already visible
        if path.exists() and str(path) not in links and not any(path.is_relative_to(other) for other in folders):
            folders.append(path)
    hidden = tuple({path.resolve() for path in hide if any(path.resolve().is_relative_to(f) for f in folders)})
    if bad := next(
        (folder for folder in (*folders, *map(Path, libraries)) for h in hidden if folder.is_relative_to(h)), None
    ):
        raise NoJailError(
            f"Python needs {bad}, which is inside the course; move the course, or Python, to a separate folder."
        )
    if bad := next((folder for folder in folders if len(folder.parts) < 2), None):
        raise NoJailError(
            f"Python is installed in {bad}, so all of this machine would be visible; install it in a separate folder."
        )
    return View(tuple(folders), links, hidden, tuple(str(Path(entry).resolve()) for entry in libraries))


def readable_by_others(view: View) -> bool:
    """Check that a user without rights can read Python at its path; the restricted tier mounts nothing elsewhere."""
    needed = [python(), *map(Path, view.libraries), GUEST]
    return all(os.stat(p).st_mode & 0o005 == 0o005 for path in needed for p in (path, *path.parents))  # noqa: PTH116
