"""Which tiers of jail this machine can make, and what each stops here: by trying it.

full        namespaces of its own for every job, sizes and limits, a filter of system calls, Landlock
restricted  no namespaces: Landlock, the filter and limits; student code cannot start processes
none        nothing: refused, unless the operator takes the risk
"""

import ast
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from gradeprop.core.errors import JailError, NoJailError
from gradeprop.core.models import Limits
from gradeprop.jail.jail import Jail
from gradeprop.jail.job import Job

Tier = Literal["full", "restricted", "none"]

TIER = "GRADEPROP_TIER"  # asks for a tier, for tests
ATTEMPTS = Path(__file__).parent / "escape_attempts.py"
_LIMITS = Limits(probe_s=5, wall_s=60, memory_mib=512, processes=32, disk_mib=16)


@contextlib.contextmanager
def open_jail(*hide: Path, tier: Tier | None = None, unsafe: bool = False) -> Iterator[Jail]:
    """A jail of the given tier, or of the best that this machine can make.

    Args:
        hide: folders that must not be seen even if they lie where Python does: the course, its data.
        tier: without it the environment variable GRADEPROP_TIER, if set, says which.
        unsafe: where no jail can be made, run the code all the same; the answer's tier says so.

    Raises:
        NoJailError: no jail can be made; the text says what to do.
        JailError: one could be made, but did not start.
    """
    if not sys.platform.startswith("linux"):
        raise NoJailError("The jail stands on Linux: run this on a Linux machine, in a virtual one, or under WSL 2.")
    asked = tier or os.environ.get(TIER)
    reasons = []
    for name in (asked,) if asked else ("full", "restricted", "none"):
        if name not in get_args(Tier) or (name == "none" and not unsafe):
            reasons += [f"The {name} tier is not one to choose."] if asked else []
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
    trust = "" if unsafe else " For code that you trust as your own there is gradeprop grade --unsafe."
    raise NoJailError(f"No jail can be made here, so nothing was run. {' '.join(reasons)} {remedy()}{trust}")


def remedy() -> str:
    """One sentence on what would let this machine make the full tier."""
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
    """One tier on this machine."""

    tier: str
    """its full name, as records have it"""
    problem: str
    """why it cannot be made here; "" if it can"""
    stops: dict[str, bool]
    """what was tried, in words → whether it was stopped"""
    ready_s: float = 0.0
    counted: bool = False
    """whether a control group counts memory and processes"""


def probe_tiers() -> tuple[TierReport, ...]:
    """Make each tier and try to break out of it; the first without a problem is the one that is chosen."""
    return _try_tier("full"), _try_tier("restricted")


def _try_tier(tier: Tier) -> TierReport:
    try:
        with _bait() as target, open_jail(tier=tier) as jail:
            names = [node.name for node in ast.parse(ATTEMPTS.read_bytes()).body if isinstance(node, ast.FunctionDef)]
            probes = "".join(f"def probe_{n}(student, draw): return {{'got': student.{n}()}}\n" for n in names)
            files = {"student_code.py": ATTEMPTS.read_bytes(), "target.json": json.dumps(target).encode()}
            answer = jail.run(Job(files, {}, probes.encode(), b"", 0, _LIMITS))
            # our own attempts wrote these headers, and no grade hangs on them
            heads = [json.loads(header) for header, _ in answer.frames]
            got = {head["probe"]: head["values"].get("got") for head in heads}
            got |= {"leave_a_process_behind": got.get("leave_a_process_behind") and _alive(target)}
            stops = {name.replace("_", " "): got.get(name) is not True for name in names}
            return TierReport(jail.tier, "", stops, jail.ready_s, jail.counted)
    except JailError as error:
        return TierReport(tier, str(error), {})


@contextlib.contextmanager
def _bait() -> Iterator[dict[str, Any]]:
    """A secret, a folder open to all, a port and a process to reach for."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        victim = stack.enter_context(subprocess.Popen(["sleep", "120"]))
        stack.callback(victim.kill)
        folder.chmod(0o777)
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
