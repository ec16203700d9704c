"""Resource usage that the kernel does not limit, and the end of a job's processes."""

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

MIB = 1 << 20

_SIGNALS = {
    signal.SIGSEGV: "a segmentation fault",
    signal.SIGBUS: "a bus error",
    signal.SIGFPE: "an arithmetic error",
    signal.SIGILL: "an illegal instruction",
    signal.SIGABRT: "an abort",
    signal.SIGXCPU: "the limit on processor time",
    signal.SIGSYS: "a forbidden system call",
    signal.SIGKILL: "a kill, by itself or for lack of memory",
}


def kill(runner: int) -> None:
    """Kill and reap a runner, given by its pidfd, and all processes that it started."""
    with contextlib.suppress(ProcessLookupError):
        if os.getpid() == 1:  # -1 means all processes of the namespace; outside of one, of the user
            os.kill(-1, signal.SIGKILL)
        else:
            signal.pidfd_send_signal(runner, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def describe_exit(runner: int) -> tuple[int, str]:
    """Describe how a dead runner ended: its exit status, negative for a signal, and a sentence."""
    code = os.waitstatus_to_exitcode(os.waitpid(runner, 0)[1])
    if code >= 0:
        return code, f"The code ended the process (exit status {code})."
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return code, f"The process was ended by {_SIGNALS.get(-code, 'a signal')} ({name})."  # type: ignore[call-overload]


class Usage:
    """Monitor of the memory of all processes together, and of the disk if the job has no file system of its own."""

    def __init__(self, tier: str, home: Path, limits: dict[str, Any]) -> None:
        self._full, self._home, self._limits = tier == "full", home, limits
        self._memory = limits["memory-mib"] * MIB + _anonymous("self")
        self._disk = limits["disk-mib"] * MIB + (0 if self._full else _disk(home))

    def memory_excess(self, runner: int) -> str:
        """Return a sentence if the runner and all its processes use too much memory; else ""."""
        # without namespaces the runner has no children, but can become a smaller program than RLIMIT_AS assumes
        used = _memory(self._memory) if self._full else _anonymous(str(runner))
        return f"The code used more than {self._limits['memory-mib']} MiB of memory." if used > self._memory else ""

    def disk_excess(self) -> str:
        """Return a sentence if the job's files are too large and no file system limits them; else ""."""
        if not self._full and _disk(self._home) > self._disk:
            return f"The code wrote more than {self._limits['disk-mib']} MiB to disk."
        return ""


def _memory(enough: int) -> int:
    """Measure the memory of all processes of the namespace; dividing shared pages is slow, so only if it matters."""
    others = [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]  # noqa: PTH208
    quick = sum(map(_anonymous, others))
    if quick <= enough:
        return quick
    with contextlib.suppress(ProcessLookupError):
        # the kernel waits until no thread changes the map: with hundreds of busy threads, that takes seconds
        os.kill(-1, signal.SIGSTOP)
        try:
            return sum(map(_proportional, others))
        finally:
            os.kill(-1, signal.SIGCONT)
    return 0


def _fields(file: str, *wanted: bytes) -> int:
    try:
        data = Path(file).read_bytes()  # a process can choose its name, but the kernel allows no newline in it
    except OSError:
        return -1
    return sum(1024 * int(line.split()[1]) for line in data.split(b"\n") if line.startswith(wanted))


def _anonymous(pid: str) -> int:
    """Measure the anonymous memory of a process; if its first thread has ended, only the other threads report it."""
    seen = _fields(f"/proc/{pid}/status", b"RssAnon:", b"RssShmem:")
    if seen == 0:
        with contextlib.suppress(OSError):
            threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208
            seen = max(_fields(f"/proc/{pid}/task/{thread}/status", b"RssAnon:", b"RssShmem:") for thread in threads)
    return max(0, seen)


def _proportional(pid: str) -> int:
    """Measure memory where a page shared by n processes counts 1/n; a process that hides its maps counts fully."""
    share = _fields(f"/proc/{pid}/smaps_rollup", b"Pss_Anon:", b"Pss_Shmem:")
    return share if share >= 0 else _anonymous(pid)


def _disk(home: Path) -> int:
    """Measure disk usage, folders included; a folder that cannot be listed, or is too deep, exceeds any limit."""
    total, waiting = 0, [str(home)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    total += max(entry.stat(follow_symlinks=False).st_blocks, 1) * 512
                    waiting += [entry.path] if entry.is_dir(follow_symlinks=False) else []
        except FileNotFoundError:
            continue
        except OSError:
            return sys.maxsize
    return total
