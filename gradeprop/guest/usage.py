"""What a job uses beyond the limits the kernel keeps for each process, and how its processes end."""

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
    signal.SIGFPE: "an arithmetic fault",
    signal.SIGILL: "an illegal instruction",
    signal.SIGABRT: "an abort",
    signal.SIGXCPU: "the limit on processor time",
    signal.SIGSYS: "a forbidden system call",
    signal.SIGKILL: "a kill, its own or for want of memory",
}


def kill(runner: int) -> None:
    """Kill a runner, by its pidfd, and all that it started, and reap them."""
    with contextlib.suppress(ProcessLookupError):
        if (
            os.getpid() == 1
        ):  # -1 is everybody in the job's own namespace; outside of one it would be the user's session
            os.kill(-1, signal.SIGKILL)
        else:
            signal.pidfd_send_signal(runner, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def describe_exit(runner: int) -> tuple[int, str]:
    """How a dead runner ended: its exit status, negative for a signal, and that in plain words."""
    code = os.waitstatus_to_exitcode(os.waitpid(runner, 0)[1])
    if code >= 0:
        return code, f"The code ended the process (exit status {code})."
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return code, f"The process was ended by {_SIGNALS.get(-code, 'a signal')} ({name})."  # type: ignore[call-overload]


class Usage:
    """Memory of all processes together, and disk where no file system of its own has a size."""

    def __init__(self, tier: str, home: Path, limits: dict[str, Any]) -> None:
        self._full, self._home, self._limits = tier == "full", home, limits
        self._memory = limits["memory-mib"] * MIB + _anonymous("self")
        self._disk = limits["disk-mib"] * MIB + (0 if self._full else _disk(home))

    def excess(self) -> str:
        """A sentence, or "" while all is within bounds."""
        if self._full and _memory(self._memory) > self._memory:
            return f"The code used more than {self._limits['memory-mib']} MiB of memory."
        if not self._full and _disk(self._home) > self._disk:
            return f"The code wrote more than {self._limits['disk-mib']} MiB to disk."
        return ""


def _memory(enough: int) -> int:
    """Bytes of all processes of the namespace; shared pages are told apart only where it matters: that is slow."""
    others = [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]  # noqa: PTH208
    quick = sum(map(_anonymous, others))
    if quick <= enough:
        return quick
    with contextlib.suppress(ProcessLookupError):
        # a share is told when no thread is changing the map: where hundreds spin, that takes seconds
        os.kill(-1, signal.SIGSTOP)
        try:
            return sum(map(_proportional, others))
        finally:
            os.kill(-1, signal.SIGCONT)
    return 0


def _fields(file: str, *wanted: bytes) -> int:
    try:
        data = Path(file).read_bytes()  # a process chooses its name, but the kernel lets no line end into it
    except OSError:
        return -1
    return sum(1024 * int(line.split()[1]) for line in data.split(b"\n") if line.startswith(wanted))


def _anonymous(pid: str) -> int:
    """Where the first thread has ended, the kernel says of the process that it holds nothing: the others know."""
    seen = _fields(f"/proc/{pid}/status", b"RssAnon:", b"RssShmem:")
    if seen == 0:
        with contextlib.suppress(OSError):
            threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208
            seen = max(_fields(f"/proc/{pid}/task/{thread}/status", b"RssAnon:", b"RssShmem:") for thread in threads)
    return max(0, seen)


def _proportional(pid: str) -> int:
    """A page that n processes share counts 1/n; one that hides its maps counts whole."""
    share = _fields(f"/proc/{pid}/smaps_rollup", b"Pss_Anon:", b"Pss_Shmem:")
    return share if share >= 0 else _anonymous(pid)


def _disk(home: Path) -> int:
    """Folders count too: removing them takes time. One that cannot be listed, or lies too deep, is more than any."""
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
