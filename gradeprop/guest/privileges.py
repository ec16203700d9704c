"""Dropping privileges: the supervisor's on entering the job's namespaces, then the runner's, before student code."""

import math
import os
import resource
from pathlib import Path
from typing import Any

from . import syscalls

MIB = 1 << 20
STUDENT = 1000  # uid of student code inside its namespace
# the rest of /proc shows this machine, and the keys and locks of the user outside, whose uid the student shares
_PROC = {"self", "thread-self", "mounts", "net", "cpuinfo", "meminfo", "stat", "loadavg", "uptime", "version"}
_NOTHING = "/jail/nothing"  # an empty folder
RESULTS = 3  # the runner's only descriptor besides stdin, stdout and stderr


def enter_namespaces(ids: tuple[int, int], home: str, size: int) -> None:
    """Become a user without rights outside the namespaces, with a separate /proc and a home of ``size`` bytes."""
    syscalls.map_user(STUDENT, *ids)
    flags = syscalls.NOSUID | syscalls.NODEV
    syscalls.mount("tmpfs", home, "tmpfs", flags, f"size={size},nr_inodes=16384,mode=700")
    syscalls.mount("proc", "/proc", "proc", flags | syscalls.NOEXEC)
    with os.scandir("/proc") as entries:
        for entry in [one for one in entries if one.name not in _PROC and not one.name.isdigit()]:
            syscalls.mount(_NOTHING if entry.is_dir() else "/dev/null", entry.path, None, syscalls.BIND)
    syscalls.drop_capabilities()
    syscalls.set_dumpable(False)  # protects /proc/1 from the student


def leave_descriptors(results: int, output: int) -> None:
    """Close all descriptors except the four that student code may use."""
    os.setsid()
    null = os.open("/dev/null", os.O_RDONLY)
    results = os.dup(results) if results <= RESULTS else results
    for descriptor, to in ((null, 0), (output, 1), (output, 2), (results, RESULTS)):
        os.dup2(descriptor, to)
    os.closerange(RESULTS + 1, 1 << 20)


def confine(setting: dict[str, Any], home: Path, limits: dict[str, Any], memory: int = resource.RLIMIT_AS) -> None:
    """Apply limits, Landlock and the system call filter, in this order: each step forbids what the one before needs.

    Args:
        setting: ``Plan.zygote``.
        home: the only folder that can be written to.
        limits: the assignment's limits.
        memory: the resource limit that counts memory; RLIMIT_DATA excludes libraries that are still to be loaded.
    """
    os.environ.update({"HOME": str(home), "TMPDIR": str(home)})
    _limit(setting, limits, memory)
    syscalls.die_with_parent()
    syscalls.drop_capabilities()
    syscalls.set_dumpable(True)
    Path("/proc/self/oom_score_adj").write_text("1000")  # without memory, this process dies, not the supervisor
    if setting["landlock"]:
        syscalls.landlock(setting["read"], [*setting["write"], str(home)], setting["names"], setting.get("sockets", ()))
    if setting["filter"]:
        syscalls.filter_calls(bytes.fromhex(setting["filter"]))


def _limit(setting: dict[str, Any], limits: dict[str, Any], memory: int) -> None:
    # torch's CUDA build maps gigabytes before anything runs: only the memory on top of that counts
    column = {resource.RLIMIT_AS: 0, resource.RLIMIT_DATA: 5}[memory]
    mapped = int(Path("/proc/self/statm").read_text().split()[column]) * os.sysconf("SC_PAGE_SIZE")
    bounds = {
        memory: mapped + limits["memory-mib"] * MIB,
        resource.RLIMIT_FSIZE: limits["disk-mib"] * MIB,
        resource.RLIMIT_CPU: math.ceil(limits["wall-s"]) + 1,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_CORE: 0,
    }
    if setting["tier"] == "full":  # without namespaces it would count all processes of the user
        bounds[resource.RLIMIT_NPROC] = limits["processes"] + 1
    for limit, value in bounds.items():
        hard = resource.getrlimit(limit)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (value, value))
