"""Bootstrap: build the root file system for all jobs, drop rights, then become the zygote, or exec a Jupyter kernel.

in:  the descriptor of the control socket; its first message: ``Plan.bootstrap`` as JSON
out: nothing on success; {"none": reason} if namespaces cannot be made, {"fault": reason} for any other error
"""

import json
import os
import socket
from pathlib import Path
from typing import Any, NoReturn

from . import syscalls

ROOT = "/tmp"
DEVICES = ("null", "zero", "full", "random", "urandom")
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "USER": "student",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "Agg",
    "PYTHONHASHSEED": "0",  # sets have the same order in every run
    "OMP_NUM_THREADS": "1",  # if the parent has ever used two threads, a child that uses two hangs
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "TORCHDYNAMO_DISABLE": "1",  # compiling takes longer than a probe may
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # fewer page tables to copy at each fork
}
CHANNEL = 3
"""descriptor of the channel of a fork of the warm process"""
_HOMES = ("HOME", "TMPDIR", "MPLCONFIGDIR")


def main(descriptor: int) -> None:
    """Build the root and become the next process; report an error on the control socket."""
    control = socket.socket(fileno=descriptor)
    control.set_inheritable(False)
    spec = json.loads(control.recv(1 << 20))
    problem = "none"
    try:
        if spec["tier"] == "full":
            _enter_namespaces(spec)
        problem = "fault"
        _drop_rights(spec)
        if spec.get("main"):
            _exec(spec, control)
    except OSError as error:
        control.send(json.dumps({problem: str(error)}).encode())
        control.recv(1 << 20)  # the zygote's setting: closing a socket with unread data would discard our message
        return
    os.environ.update(dict.fromkeys(_HOMES, spec["home"]))
    from . import zygote

    zygote.main(control)


def _enter_namespaces(spec: dict[str, Any]) -> None:
    uid, gid = os.getuid(), os.getgid()
    # root needs no user namespace: it drops its rights by changing its uid, and can bind files that only root can read
    pid = syscalls.fork_into(syscalls.NAMESPACES | (0 if uid == 0 else syscalls.NEWUSER))
    if pid:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xFF)
    syscalls.die_with_parent()
    if uid:
        syscalls.map_user(uid, uid, gid)
    _build_root(spec)


def _build_root(spec: dict[str, Any]) -> None:
    syscalls.mount("none", "/", None, syscalls.REC | syscalls.PRIVATE)
    # opened first, since mounting on ROOT hides the host's files below it
    sources = {to: os.open(source, os.O_PATH) for to, source in spec["binds"].items()}
    shared = {to: os.open(source, os.O_PATH) for to, source in spec.get("shared", {}).items()}
    devices = {name: os.open(f"/dev/{name}", os.O_PATH) for name in DEVICES}
    syscalls.mount("tmpfs", ROOT, "tmpfs", syscalls.NOSUID | syscalls.NODEV, "size=1m,nr_inodes=4096,mode=755")
    for to, descriptor in sources.items():
        _bind(descriptor, ROOT + to)
        syscalls.make_read_only(ROOT + to)
    for to, descriptor in shared.items():  # for sockets; Landlock forbids files in it
        _bind(descriptor, ROOT + to)
    for name, descriptor in devices.items():
        _bind(descriptor, f"{ROOT}/dev/{name}")
    for link, to in spec["links"].items():
        Path(ROOT + link).parent.mkdir(parents=True, exist_ok=True)
        Path(ROOT + link).symlink_to(to)
    for folder in spec["hide"]:  # each is covered by an empty folder or an empty file
        _cover(ROOT + folder)
    Path(ROOT, "etc").mkdir(exist_ok=True)
    Path(ROOT, "etc/passwd").write_text(f"student:x:1000:1000::{spec['home']}:/bin/sh\n")
    for folder in ("/proc", "/jail/nothing", spec["home"]):
        Path(ROOT + folder).mkdir()
    if not Path(ROOT, "tmp").exists():  # it exists if Python is below /tmp
        Path(ROOT, "tmp").symlink_to(spec["home"])
    # before the old root is removed: the kernel allows a new /proc only to a process that sees a complete one
    flags = syscalls.NOSUID | syscalls.NODEV
    syscalls.mount("proc", f"{ROOT}/proc", "proc", flags | syscalls.NOEXEC)
    syscalls.mount("tmpfs", ROOT + spec["home"], "tmpfs", flags, "size=64m,nr_inodes=4096,mode=1777")
    syscalls.pivot_root(ROOT)
    syscalls.mount("none", "/", None, flags | syscalls.REMOUNT | syscalls.BIND | syscalls.RDONLY)
    socket.sethostname("jail")


def _bind(source: int, target: str) -> None:
    here = f"/proc/self/fd/{source}"
    if Path(here).is_dir():
        Path(target).mkdir(parents=True, exist_ok=True)
    else:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).touch()
    syscalls.mount(here, target, None, syscalls.BIND | syscalls.REC)
    os.close(source)


def _cover(target: str) -> None:
    if Path(target).is_dir():
        flags = syscalls.RDONLY | syscalls.NOSUID | syscalls.NODEV | syscalls.NOEXEC
        syscalls.mount("tmpfs", target, "tmpfs", flags, "size=4k,nr_inodes=1,mode=555")
    elif Path(target).exists():
        syscalls.mount(f"{ROOT}/dev/null", target, None, syscalls.BIND)


def _drop_rights(spec: dict[str, Any]) -> None:
    if spec["uid"] is not None:
        os.setgroups([])
        os.setresgid(spec["uid"], spec["uid"], spec["uid"])
        os.setresuid(spec["uid"], spec["uid"], spec["uid"])
    if os.getuid():
        syscalls.drop_capabilities()  # those of a new user namespace
    syscalls.set_dumpable(True)  # a change of user forbids the process its own /proc
    os.chdir("/")
    syscalls.no_new_privileges()
    os.umask(0o022)


def _exec(spec: dict[str, Any], control: socket.socket) -> NoReturn:
    os.set_inheritable(control.fileno(), True)
    code = f"import sys; sys.path.insert(0, sys.argv[2]); from guest import {spec['main']}; {spec['main']}.main()"
    argv = [spec["python"], "-sSPB", "-c", code, str(control.fileno()), spec["guest"]]
    os.execve(argv[0], argv, ENVIRONMENT | dict.fromkeys(_HOMES, spec["home"]))
