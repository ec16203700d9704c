"""Isolation tiers: choose the best that this machine supports, and test what each one stops here.

full        own namespaces for every job, limits, a system call filter, Landlock
restricted  no namespaces: Landlock, the filter and limits; student code cannot start processes
own-user    as restricted, without Landlock: file permissions protect the course; for a container per submission
none        no isolation: refused, unless the operator accepts the risk
"""

import ast
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from gradeprop.core.assignment import Limits
from gradeprop.core.errors import JailError, NoJailError
from gradeprop.core.scratch import ScratchDir
from gradeprop.jail.jail import Jail
from gradeprop.jail.job import Job

Tier = Literal["full", "restricted", "own-user", "none"]

TIER = "GRADEPROP_TIER"  # names the tiers to try, in order, separated by spaces
_DEFAULT = "full restricted none"  # not own-user: jobs could leave files for later jobs in /tmp
_ATTEMPTS = Path(__file__).parent / "escape_attempts.py"
_LIMITS = Limits(probe_s=5, wall_s=60, memory_mib=512, processes=32, disk_mib=16)


@contextlib.contextmanager
def open_jail(*hide: Path, tier: Tier | None = None, unsafe: bool = False) -> Iterator[Jail]:
    """Open a jail of the given tier, or of the best one that this machine supports.

    Args:
        hide: folders that must stay invisible even if Python is inside them: the course, its data.
        tier: by default those in the environment variable GRADEPROP_TIER, else full, restricted, and none if unsafe.
        unsafe: if no jail can be started, run the code without one; the result's tier says so.

    Raises:
        NoJailError: no jail can be started on this machine; the message says what to do.
        JailError: the machine supports the tier, but the jail did not start.
    """
    if not sys.platform.startswith("linux"):
        raise NoJailError("The jail needs Linux: use a Linux machine, a virtual machine, or WSL 2.")
    requested = (tier or os.environ.get(TIER) or _DEFAULT).split()
    reasons = []
    for name in requested:
        if name not in get_args(Tier):
            reasons.append(f"Unknown isolation tier: {name}.")
            continue
        if name == "none" and not unsafe:
            reasons += ["The tier none requires --unsafe."] if requested == ["none"] else []
            continue
        jail = Jail(name, hide)
        try:
            jail.start()
        except NoJailError as error:
            reasons.append(f"The {name} tier: {error}.")
            continue
        with jail:
            yield jail
        return
    trust = "" if unsafe else " To run code that you trust as your own, use gradeprop grade --unsafe."
    raise NoJailError(f"No jail can be started here, so nothing was run. {' '.join(reasons)} {remedy()}{trust}")


def remedy() -> str:
    """Return a sentence on how to enable the full tier on this machine."""
    for name, bad, good in (
        ("kernel.unprivileged_userns_clone", "0", "1"),
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
        ("user.max_user_namespaces", "0", "10000"),
    ):
        file = Path("/proc/sys", name.replace(".", "/"))
        if file.exists() and file.read_text().strip() == bad:
            return f"As root, run `sysctl {name}={good}`."
    return (
        "In a container, start it with `--security-opt seccomp=unconfined --security-opt systempaths=unconfined`; "
        "elsewhere use Linux 5.14 or newer with user namespaces."
    )


@dataclass(frozen=True, slots=True)
class TierReport:
    """The test of one tier on this machine."""

    tier: str
    """full name of the tier, as stored in records"""
    problem: str
    """reason why it cannot be started here; "" if it can"""
    stops: dict[str, bool]
    """escape attempt → True if it was stopped"""
    ready_s: float = 0.0
    has_cgroup: bool = False
    """True if a control group counts memory and processes"""


def probe_tiers() -> tuple[TierReport, ...]:
    """Start each tier and try to break out of it; the first one without a problem is the one that gets used."""
    names = (os.environ.get(TIER) or _DEFAULT).split()
    return tuple(_try_tier(name) for name in get_args(Tier) if name in names and name != "none")


def _try_tier(tier: Tier) -> TierReport:
    try:
        with _bait() as target, open_jail(tier=tier) as jail:
            names = [node.name for node in ast.parse(_ATTEMPTS.read_bytes()).body if isinstance(node, ast.FunctionDef)]
            probes = "".join(f"def probe_{n}(student, draw): return {{'got': student.{n}()}}\n" for n in names)
            files = {"student_code.py": _ATTEMPTS.read_bytes(), "target.json": json.dumps(target).encode()}
            result = jail.run(Job(files, {}, probes.encode(), b"", 0, _LIMITS))
            # our own attempts wrote these headers, and no grade depends on them
            heads = [json.loads(header) for header, _ in result.frames]
            got = {head["probe"]: head["values"].get("got") for head in heads}
            got |= {"leave_a_process_behind": got.get("leave_a_process_behind") and _alive(target)}
            stops = {name.replace("_", " "): got.get(name) is not True for name in names}
            return TierReport(jail.tier, "", stops, jail.ready_s, jail.has_cgroup)
    except JailError as error:
        return TierReport(tier, str(error), {})


@contextlib.contextmanager
def _bait() -> Iterator[dict[str, Any]]:
    """Provide a secret, a writable folder, a port and a process as targets of the attempts."""
    with contextlib.ExitStack() as stack:
        scratch = ScratchDir()
        stack.callback(scratch.remove)
        folder = scratch.path / "open"
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        victim = stack.enter_context(subprocess.Popen(["sleep", "120"]))
        stack.callback(victim.kill)
        for path, mode in ((folder.parent, 0o711), (folder, 0o777)):  # whoever knows the name may write to it
            path.mkdir(exist_ok=True)
            path.chmod(mode)
        (folder / "secret").write_text("secret")
        yield {
            "secret": str(folder / "secret"),
            "open": str(folder),
            "port": server.getsockname()[1],
            "pid": victim.pid,
            "processes": _LIMITS.processes,
            "memory_mib": _LIMITS.memory_mib,
            "disk_mib": _LIMITS.disk_mib,
        }


def _alive(target: dict[str, Any]) -> bool:
    time.sleep(0.2)
    with contextlib.suppress(OSError, ValueError):
        os.kill(int(Path(target["open"], "pulse").read_text()), 0)
        return True
    return False
