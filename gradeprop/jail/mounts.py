"""Mount plan: files of this machine that the jail can see; an allow-list, by name, of what Python needs."""

import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gradeprop.core.errors import NoJailError
from gradeprop.core.warm import GUEST, PACKAGES, libraries, python
from gradeprop.guest.bootstrap import ENVIRONMENT

_DATA = (
    "/bin/sh",
    "/etc/ld.so.cache",
    "/sys/devices/system/cpu",  # torch selects kernels by it
    "/usr/lib/locale/C.utf8",
    "/usr/share/zoneinfo",
)
_PROGRAMS = ("sh", "env", "cat", "cp", "echo", "ls", "mkdir", "mv", "rm", "sleep", "touch", "uname")  # for os.system
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_BY_NAME = ("libgcc_s.so.1", "libnss_files.so.2")  # the C library loads them by name, when they are needed
_OF_MKL = ("libmkl_*.so*", "libiomp5.so")  # so does MKL
_EXTENSION = re.compile(r"\.so(\.[\d.]+)?$")
_WITHOUT_EXTENSIONS = {"tests", "test", "include", "share", "static", "node_modules", "__pycache__", *PACKAGES}
_FOUND = re.compile(r"^\t(?:\S+ => )?(/.+) \(0x[0-9a-f]+\)$", re.MULTILINE)
_AT_ONCE = 60  # extensions in one question to the loader, which compares each with all others


@dataclass(frozen=True, slots=True)
class View:
    """Folders and files that the jail can see, at the same paths."""

    paths: tuple[Path, ...]
    links: dict[str, str]
    """symlinks on the way to ``paths``, such as /bin → usr/bin"""
    hidden: tuple[Path, ...]
    """parts of ``paths`` that must stay invisible"""
    libraries: tuple[str, ...]
    """Python's search path for installed packages"""

    def landlock_paths(self) -> tuple[list[str], list[str]]:
        """Return ``paths`` as Landlock paths (to read, to list only); Landlock cannot exclude a part of a folder."""
        read: list[str] = []
        names: list[str] = []
        waiting = [*self.paths, *map(Path, _DEVICES)]
        while waiting:
            path = waiting.pop().resolve()
            if any(hidden.is_relative_to(path) for hidden in self.hidden):
                names += [] if path in self.hidden else [str(path)]
                waiting += [] if path in self.hidden else list(path.iterdir())
            elif path.exists():
                read.append(str(path))
        return sorted(set(read)), sorted(set(names))


def make_view(hide: Iterable[Path]) -> View:
    """Plan the view: what Python needs, without the folders in ``hide``.

    Raises:
        NoJailError: Python needs a folder that must stay invisible.
    """
    links: dict[str, str] = {}
    packages = [_follow(Path(entry), links) for entry in libraries()]
    dynamic = [Path(entry) for entry in sys.path if Path(entry).name == "lib-dynload"]
    folders = [_follow(folder, links) for folder in (Path(os.__file__).parent, *dynamic, *packages) if folder.is_dir()]
    programs = [Path(found) for name in _PROGRAMS if (found := shutil.which(name, path=ENVIRONMENT["PATH"]))]
    folders += [_follow(entry, links) for folder in folders for entry in folder.iterdir() if _is_linked_package(entry)]
    files = {python(), *programs, *map(Path, (*_shared_libraries(tuple(folders), tuple(programs)), *_DATA))}
    wanted = sorted({*folders, *(_follow(file, links) for file in files if file.exists())})
    paths = tuple(path for path in wanted if not any(path != one and path.is_relative_to(one) for one in folders))
    hidden = {path.resolve() for path in hide}
    hidden = {path for path in hidden if any(path.is_relative_to(shown) for shown in paths)}
    if bad := next((path for path in wanted if any(path.is_relative_to(folder) for folder in hidden)), None):
        raise NoJailError(
            f"Python needs {bad}, which is inside the course; move the course, or Python, to a separate folder."
        )
    links = {link: to for link, to in links.items() if not any(Path(link).is_relative_to(folder) for folder in folders)}
    return View(paths, links, tuple(hidden), tuple(map(str, packages)))


def _is_linked_package(entry: Path) -> bool:
    """Check for a link to a package that is elsewhere, as Nix makes them."""
    return entry.is_symlink() and (entry / "__init__.py").exists()


def _follow(path: Path, links: dict[str, str]) -> Path:
    """Return the path of a file without symlinks; add those on the way to ``links``."""
    at, waiting = Path("/"), [*reversed(path.parts[1:])]
    while waiting:
        part = waiting.pop()
        at = at.parent if part == ".." else at / part
        if at.is_symlink():
            to = links[str(at)] = str(at.readlink())
            waiting += [part for part in reversed(Path(to).parts) if part != "/"]
            at = Path("/") if to.startswith("/") else at.parent
    return at


@functools.cache
def _shared_libraries(folders: tuple[Path, ...], programs: tuple[Path, ...]) -> frozenset[str]:
    """Ask the dynamic loader which libraries outside of ``folders`` Python, extensions in them, and programs load."""
    answers = [_trace(program, "/") for program in programs] + [_trace(python(), "/", _BY_NAME)]
    for folder in folders:
        extensions = list(_extensions(folder))
        for first in range(0, len(extensions), _AT_ONCE):
            answers.append(_trace(python(), folder, extensions[first : first + _AT_ONCE]))
    inside = tuple(f"{folder}/" for folder in folders)
    found = {path for answer in answers for path in _FOUND.findall(answer) if not path.startswith(inside)}
    mkl = {Path(path).parent for path in found if "/libmkl_" in path}
    return frozenset(found) | {str(path) for folder in mkl for pattern in _OF_MKL for path in folder.glob(pattern)}


def _trace(program: Path, folder: Path | str, libraries: Sequence[str] = ()) -> str:
    environment = {"LD_TRACE_LOADED_OBJECTS": "1", "LD_PRELOAD": ":".join(libraries)}
    command = [str(program), *(["-ISc", ""] if libraries else [])]  # not run, except for a program that has no loader
    null = subprocess.DEVNULL
    answer = subprocess.run(command, env=environment, cwd=folder, stdin=null, stderr=null, stdout=subprocess.PIPE)
    return answer.stdout.decode(errors="replace")


def _extensions(folder: Path) -> Iterator[str]:
    """Yield the extension modules, and other shared libraries, below a folder, relative to it."""
    for parent, inner, files in os.walk(folder):
        inner[:] = [name for name in inner if name not in _WITHOUT_EXTENSIONS and not name.endswith(".dist-info")]
        yield from (f".{parent.removeprefix(str(folder))}/{name}" for name in files if _EXTENSION.search(name))


def is_open_to_others(folder: Path) -> bool:
    """Check that a user without rights can enter a folder."""
    folder = folder.resolve()
    return folder.exists() and bool(folder.stat().st_mode & 0o001) and _can_be_reached(folder)


def _can_be_reached(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.parents)


def readable_by_others(view: View) -> bool:
    """Check that a user without rights can read Python at its path; the restricted tier mounts nothing elsewhere."""
    needed = [python(), *map(Path, view.libraries), GUEST]
    return all(path.stat().st_mode & 0o005 == 0o005 and _can_be_reached(path) for path in needed)
