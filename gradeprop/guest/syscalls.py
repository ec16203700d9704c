"""The system calls of Linux that the jail stands on, by ctypes."""

import ctypes
import gc
import os
import platform
import struct
from collections.abc import Iterable
from pathlib import Path
from signal import SIGCHLD, SIGKILL

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
NAMESPACES = NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWPID | NEWNET

RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
DETACH = 2

# PyDLL keeps the interpreter's lock: a fork must find it held
_libc = ctypes.PyDLL(None, use_errno=True)
_CLONE, _PIVOT_ROOT = {"x86_64": (56, 155), "aarch64": (220, 41)}.get(platform.machine(), (-1, -1))
_MOUNT_SETATTR, _LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_SELF = 442, 444, 445, 446


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _syscall(what: str, number: int, *args: object) -> int:
    words = (ctypes.c_long(a) if isinstance(a, int) else a for a in args)
    return _check(_libc.syscall(ctypes.c_long(number), *words), what)


def fork_into(namespaces: int) -> int:
    """Fork; the child is the first process of new namespaces. Saves the second fork that unshare(2) would cost."""
    _libc.PyOS_BeforeFork()
    try:
        pid = _syscall("clone", _CLONE, namespaces | SIGCHLD, 0, 0, 0, 0)
    except OSError:
        _libc.PyOS_AfterFork_Parent()
        raise
    if pid:
        _libc.PyOS_AfterFork_Parent()
    else:
        _libc.PyOS_AfterFork_Child()
    return pid


def map_user(inside: int, outside: int, gid_outside: int) -> None:
    """In a new user namespace: be ``inside``, who is ``outside`` to the parent namespace."""
    for file, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{inside} {outside} 1"),
        ("gid_map", f"{inside} {gid_outside} 1"),
    ):
        Path("/proc/self", file).write_text(line)


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    args = (os.fsencode(source), os.fsencode(target), kind and kind.encode(), ctypes.c_ulong(flags), data.encode())
    _check(_libc.mount(*args), f"mount {kind or 'bind'} on {target}")


def make_read_only(target: str) -> None:
    """A mount and all below it: no writing, no devices, no set-uid programs."""
    attributes = struct.pack("=QQQQ", RDONLY | NOSUID | NODEV, 0, 0, 0)
    _syscall("mount_setattr", _MOUNT_SETATTR, -100, os.fsencode(target), 0x8000, attributes, len(attributes))


def pivot_root(root: str) -> None:
    """Make ``root`` the root, and let go of the old one."""
    os.chdir(root)
    _syscall("pivot_root", _PIVOT_ROOT, b".", b".")
    _check(_libc.umount2(b".", DETACH), "umount of the old root")
    os.chdir("/")


def _prctl(option: int, value: object, *more: object) -> None:
    _check(_libc.prctl(option, value, *more, 0, 0), f"prctl {option}")


def die_with_parent() -> None:
    _prctl(1, ctypes.c_ulong(SIGKILL), 0)


def set_dumpable(yes: bool) -> None:
    """If not, no other process without capabilities reads our memory, descriptors or environment in /proc."""
    _prctl(4, ctypes.c_ulong(yes), 0)


def adopt_orphans() -> None:
    _prctl(36, ctypes.c_ulong(1), 0)


def no_new_privileges() -> None:
    _prctl(38, ctypes.c_ulong(1), 0)


def drop_capabilities() -> None:
    header, none = struct.pack("=Ii", 0x20080522, 0), bytes(24)
    _check(_libc.capset(header, none), "capset")


def filter_calls(program: bytes) -> None:
    """Load a compiled seccomp filter, for this process and all that it starts."""
    code = ctypes.create_string_buffer(program, len(program))
    fprog = struct.pack("HL", len(program) // 8, ctypes.addressof(code))
    _prctl(22, ctypes.c_ulong(2), fprog)


def prepare_to_fork() -> None:
    """What makes each later fork cheaper: the collector writes to no page that forks share, and pages are of 2 MiB.

    A fork copies page tables: with huge pages that takes a third of the time.
    """
    gc.collect()
    gc.freeze()
    for line in Path("/proc/self/maps").read_text().splitlines():
        where, rights, *_, name = [*line.split(maxsplit=5), ""] if len(line.split()) == 5 else line.split(maxsplit=5)
        begin, end = (int(side, 16) for side in where.split("-"))
        if rights.startswith("rw") and name in ("", "[heap]"):
            _libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), 25)  # old kernels refuse: no matter


_FILE = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15  # execute, write, read, truncate, ioctl on devices
_READ = 1 << 0 | 1 << 2 | 1 << 3  # execute, read files, list folders
LIST = 1 << 3
_SOCKETS = LIST | 1 << 5 | 1 << 9  # remove files, make sockets


def landlock_version() -> int:
    """0 where the kernel has no Landlock."""
    return max(0, int(_libc.syscall(_LANDLOCK_CREATE, None, 0, 1)))


def landlock(read: Iterable[str], write: Iterable[str], names: Iterable[str] = (), sockets: Iterable[str] = ()) -> None:
    """From now on open nothing but what lies in ``read`` and ``write``; in ``names`` folders can be listed, no more.

    In ``sockets`` nothing can be made but sockets, so that no disk outside can be filled.

    Nor connect or bind TCP, nor reach sockets or processes of others, where the kernel is new enough.
    """
    version = landlock_version()
    rights = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)) - 1
    ruleset = struct.pack("=QQQ", rights, 3, 3)[: 8 if version < 4 else 16 if version < 6 else 24]
    rules = _syscall("landlock", _LANDLOCK_CREATE, ruleset, len(ruleset), 0)
    for paths, allowed in ((read, _READ), (write, rights), (names, LIST), (sockets, _SOCKETS)):
        for path in paths:
            beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
            granted = allowed & rights if Path(path).is_dir() else allowed & rights & _FILE
            _syscall(f"landlock {path}", _LANDLOCK_ADD, rules, 1, struct.pack("=Qi", granted, beneath), 0)
            os.close(beneath)
    _syscall("landlock", _LANDLOCK_SELF, rules, 0)
    os.close(rules)
