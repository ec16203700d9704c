"""Control groups for jobs, if this machine allows them: the kernel counts all memory and processes.

Without one, RLIMIT_AS bounds each process, and the supervisor checks their sum ten times a second.
"""

import contextlib
import os
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

from gradeprop.core.assignment import Limits
from gradeprop.core.errors import JailError

MIB = 1 << 20
SPARE_MIB = 256  # for page tables, socket buffers, and pages of the zygote that a job writes to


@dataclass(slots=True)
class Group:
    """A control group, reused by one job after the other, since creating one costs as much as a fork."""

    homes: tuple[Path, ...]
    """its folders: one in version 2; one for each controller in version 1"""
    limits: Limits | None = None

    def add(self, pidfd: int, limits: Limits) -> None:
        """Put a process, and all that it will start, under the limits.

        Raises:
            JailError: the process or the group no longer exists.
        """
        try:
            self._add(pidfd, limits)
        except (OSError, StopIteration) as error:
            raise JailError(f"the job could not be put into its control group: {error}") from error

    def _add(self, pidfd: int, limits: Limits) -> None:
        if limits != self.limits:
            for name, value in _settings(limits):
                for file in (home / name for home in self.homes if (home / name).exists()):
                    file.write_text(str(value))
            self.limits = limits
        pid = next(line for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines() if "Pid:" in line)
        for home in self.homes:
            (home / "cgroup.procs").write_text(pid.split()[1])

    def remove(self) -> None:
        """Remove the group, if it is empty."""
        for home in self.homes:
            with contextlib.suppress(OSError):
                home.rmdir()


def _settings(limits: Limits) -> list[tuple[str, int]]:
    """List the files to write, for both versions, in order: version 1 forbids memory above memory and swap together."""
    memory = (limits.memory_mib + limits.disk_mib + 2 * limits.answer_mib + SPARE_MIB) * MIB
    return [
        ("pids.max", limits.processes + 2),  # for the supervisor and the runner
        ("memory.max", memory),
        ("memory.swap.max", 0),
        ("memory.memsw.limit_in_bytes", -1),
        ("memory.limit_in_bytes", memory),
        ("memory.memsw.limit_in_bytes", memory),
    ]


def make_group() -> Group | None:
    """Make a control group; None if this machine allows none that counts memory and processes."""
    home = _make("", "memory.max", "pids.max")  # version 2: one folder for all controllers
    homes = [home] if home else [_make("memory", "memory.limit_in_bytes"), _make("pids", "pids.max")]
    group = Group(tuple(home for home in homes if home))
    if len(group.homes) == len(homes) and _works(group):
        return group
    group.remove()
    return None


def _works(group: Group) -> bool:
    """Check that we may move a process into the group, by moving one."""
    with subprocess.Popen(["sleep", "60"]) as process:
        pidfd = os.pidfd_open(process.pid)
        try:
            group.add(pidfd, Limits())
            return True
        except JailError:
            return False
        finally:
            os.close(pidfd)
            process.kill()


def _make(controller: str, *files: str) -> Path | None:
    """Make a folder with these files below our own group, or below the nearest parent that allows it."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        root = Path("/sys/fs/cgroup", controller)
        own = root / path.lstrip("/")
        for parent in (own, *own.parents) if controllers == controller else ():
            home = parent / f"gradeprop-{os.getpid()}-{secrets.token_hex(4)}"
            with contextlib.suppress(OSError):
                _sweep(parent)
                home.mkdir()
                if all((home / file).exists() for file in files):
                    return home
                home.rmdir()
            if parent == root:
                break
    return None


def _sweep(parent: Path) -> None:
    """Remove the groups of graders that were killed."""
    for left in parent.glob("gradeprop-*"):
        if not Path("/proc", left.name.split("-")[1]).exists():
            left.rmdir()
