"""Makes namespaces in which it is root, mounts the machine's disk and what is hidden there, and changes its root."""

import ctypes
import json
import os
from pathlib import Path

# reads "it has no rights"

libc = ctypes.CDLL(None, use_errno=True)
gained = []
for flag in (0x10000000, 0x20000, 0x20000000, 0x40000000, 0x8000000, 0x4000000, 0x2000000, 0x80, 0x1002_0000):
    gained += [libc.unshare(flag) == 0 and "a namespace"]
for number in (1, os.getppid()):
    for kind in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup"):
        try:
            gained += [libc.setns(os.open(f"/proc/{number}/ns/{kind}", os.O_RDONLY), 0) == 0 and "another's namespace"]
        except OSError:
            continue
for source, kind in (
    (b"none", b"tmpfs"),
    (b"proc", b"proc"),
    (b"/dev/vda", b"ext4"),
    (b"/dev/sda1", b"ext4"),
    (b"/", None),
):
    gained += [libc.mount(source, b"/tmp", kind, 0 if kind else 4096, None) == 0 and "a mount"]
gained += [libc.umount2(path.encode(), 2) == 0 and "an unmount" for path in ("/proc", "/tmp", "/usr", "/dev/null", "/")]
gained += (
    [libc.chroot(b"/tmp") == 0 and "a root", libc.pivot_root(b".", b".") == 0 and "a root"]
    if hasattr(libc, "pivot_root")
    else []
)
for number in (428, 429, 430, 431, 433, 442, 467):  # open_tree, move_mount, fsopen, fsconfig, fspick, mount_setattr
    gained += [
        libc.syscall(number, ctypes.c_long(-100), b"/", ctypes.c_long(1), None, ctypes.c_long(0)) >= 0 and "a tree"
    ]
gained += [libc.setuid(0) == 0 and os.getuid() == 0 and os.stat("/proc/self").st_uid == -1 and "root"]
gained += [libc.prctl(38, 0, 0, 0, 0) == 0 and "new privileges", libc.prctl(47, 2, 21, 0, 0) == 0 and "a capability"]
header, wanted = (0x20080522).to_bytes(4, "little") + bytes(4), b"\xff" * 24
gained += [libc.capset(header, wanted) == 0 and "capabilities"]
for what in filter(None, gained):
    print("SAW:", what, flush=True)
for file in json.loads(Path("target.json").read_text())["files"].values():
    try:
        print(Path(file).read_text())
    except OSError:
        continue
raise RuntimeError("it has no rights")
