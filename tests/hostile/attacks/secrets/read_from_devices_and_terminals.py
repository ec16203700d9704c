"""Opens disks, terminals, consoles, cameras and memory as devices, makes such devices, and types into a terminal."""

import fcntl
import os
import stat

# reads "no device answered"

names = [
    "tty",
    "console",
    "ptmx",
    "mem",
    "kmem",
    "port",
    "kvm",
    "fuse",
    "net/tun",
    "loop-control",
    "snapshot",
    "userfaultfd",
]
names += [
    f"{kind}{number}" for kind in ("pts/", "tty", "vcs", "loop", "dri/card", "video", "nvidia") for number in range(10)
]
names += [
    f"{kind}{letter}{part}" for kind in ("sd", "vd", "nvme0n", "xvd") for letter in "abc1" for part in ("", "1", "p1")
]
for name in names:
    for flags in (os.O_RDONLY, os.O_RDWR):
        try:
            opened = os.open(f"/dev/{name}", flags | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError:
            continue
        print("SAW:", name, flush=True)
        os.close(opened)
for number, (major, minor) in enumerate([(1, 1), (8, 0), (254, 0), (259, 0), (5, 0), (136, 0)]):
    for kind in (stat.S_IFBLK, stat.S_IFCHR):
        try:
            os.mknod(f"device{number}", kind | 0o600, os.makedev(major, minor))
            os.open(f"device{number}", os.O_RDONLY | os.O_NONBLOCK)
            print("SAW: a device of its own making", flush=True)
        except OSError:
            continue
for number in range(4):
    for request in (0x5412, 0x541C, 0x540E, 0x5412 | 1 << 32):  # TIOCSTI, TIOCLINUX, TIOCSCTTY
        try:
            fcntl.ioctl(number, request & 0xFFFFFFFF, b"\n")
            print("SAW: a terminal", flush=True)
        except OSError:
            continue
raise RuntimeError("no device answered")
