"""Linux system calls for the jail, by ctypes."""

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
SIBLING = 0x8000  # CLONE_PARENT: the new process is a child of our parent
NAMESPACES = NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWPID | NEWNET

RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
DETACH = 2

# PyDLL keeps the interpreter's lock, which must be held during a fork
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


def fork_into(flags: int) -> int:
    """Fork, with flags of clone(2); with new namespaces, this saves the second fork that unshare(2) needs."""
    _libc.PyOS_BeforeFork()
    try:
        pid = _syscall("clone", _CLONE, flags | SIGCHLD, 0, 0, 0, 0)
    except OSError:
        _libc.PyOS_AfterFork_Parent()
        raise
    if pid:
        _libc.PyOS_AfterFork_Parent()
    else:
        _libc.PyOS_AfterFork_Child()
    return pid


def map_user(inside: int, outside: int, gid_outside: int) -> None:
    """Map the user ``outside`` to ``inside`` in a new user namespace."""
    for file, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{inside} {outside} 1"),
        ("gid_map", f"{inside} {gid_outside} 1"),
    ):
        Path("/proc/self", file).write_text(line)


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """Mount a file system, or bind a file or folder."""
    args = (os.fsencode(source), os.fsencode(target), kind and kind.encode(), ctypes.c_ulong(flags), data.encode())
    _check(_libc.mount(*args), f"mount {kind or 'bind'} on {target}")


def make_read_only(target: str) -> None:
    """Make a mount and all mounts below it read-only, without devices and set-uid programs."""
    attributes = struct.pack("=QQQQ", RDONLY | NOSUID | NODEV, 0, 0, 0)
    _syscall("mount_setattr", _MOUNT_SETATTR, -100, os.fsencode(target), 0x8000, attributes, len(attributes))


def pivot_root(root: str) -> None:
    """Make ``root`` the root, and detach the old one."""
    os.chdir(root)
    _syscall("pivot_root", _PIVOT_ROOT, b".", b".")
    _check(_libc.umount2(b".", DETACH), "umount of the old root")
    os.chdir("/")


def _prctl(option: int, value: object, *more: object) -> None:
    _check(_libc.prctl(option, value, *more, 0, 0), f"prctl {option}")


def die_with_parent() -> None:
    """Kill this process when its parent ends."""
    _prctl(1, ctypes.c_ulong(SIGKILL), 0)


def set_dumpable(yes: bool) -> None:
    """Allow or forbid other processes without capabilities to read our memory, descriptors and environment in /proc."""
    _prctl(4, ctypes.c_ulong(yes), 0)


def set_name(name: str) -> None:
    """Set the name of this process, as ``ps`` shows it; of at most 15 characters."""
    _prctl(15, name.encode())


def adopt_orphans() -> None:
    """Make this process the parent of its orphaned descendants."""
    _prctl(36, ctypes.c_ulong(1), 0)


def no_new_privileges() -> None:
    """Forbid this process and its children to gain privileges by exec."""
    _prctl(38, ctypes.c_ulong(1), 0)


def drop_capabilities() -> None:
    """Drop all capabilities."""
    header, none = struct.pack("=Ii", 0x20080522, 0), bytes(24)
    _check(_libc.capset(header, none), "capset")


def filter_calls(program: bytes) -> None:
    """Load a compiled seccomp filter for this process and all its future children."""
    code = ctypes.create_string_buffer(program, len(program))
    fprog = struct.pack("HL", len(program) // 8, ctypes.addressof(code))
    _prctl(22, ctypes.c_ulong(2), fprog)


def prepare_to_fork() -> None:
    """Make later forks cheaper: freeze the garbage collector, and use pages of 2 MiB.

    The collector then writes to no page that forks share. A fork copies page tables: huge pages take a third of the
    time.
    """
    gc.collect()
    gc.freeze()
    for line in Path("/proc/self/maps").read_text().splitlines():
        where, rights, *_, name = [*line.split(maxsplit=5), ""] if len(line.split()) == 5 else line.split(maxsplit=5)
        begin, end = (int(side, 16) for side in where.split("-"))
        if rights.startswith("rw") and name in ("", "[heap]"):
            # old kernels refuse, which is harmless
            _libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), 25)


_FILE = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15  # execute, write, read, truncate, ioctl on devices
_READ = 1 << 0 | 1 << 2 | 1 << 3  # execute, read files, list folders
LIST = 1 << 3
_SOCKETS = LIST | 1 << 5 | 1 << 9  # remove files, make sockets


def landlock_version() -> int:
    """Return the version of Landlock; 0 if the kernel has none."""
    return max(0, int(_libc.syscall(_LANDLOCK_CREATE, None, 0, 1)))


def landlock(read: Iterable[str], write: Iterable[str], names: Iterable[str] = (), sockets: Iterable[str] = ()) -> None:
    """Restrict all future file access, connections, and signals of this process, as far as the kernel supports it.

    TCP, and sockets and processes outside of the restricted ones, become unreachable.

    Args:
        read: files and folders that can be read.
        write: files and folders that can be read and written.
        names: folders that can only be listed.
        sockets: folders in which only sockets can be made, so that no disk outside can be filled.
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
