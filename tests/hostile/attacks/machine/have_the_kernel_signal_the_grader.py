"""Makes the grader the owner of its sockets, timers, leases and queues, so that the kernel itself sends it signals."""

import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
from pathlib import Path

# reads "the kernel signalled nobody"

target = json.loads(Path("target.json").read_text())
libc = ctypes.CDLL(None)
for pid in (target["grader"], target["judge"], target["jail"], target["other"], os.getppid()):
    ours, theirs = socket.socketpair()
    for own in (
        lambda: fcntl.fcntl(ours, fcntl.F_SETOWN, pid),
        lambda: fcntl.fcntl(ours, 15, struct.pack("ii", 1, pid)),  # F_SETOWN_EX
        lambda: fcntl.fcntl(ours, 10, signal.SIGKILL),  # F_SETSIG
        lambda: fcntl.ioctl(ours, 0x8901, struct.pack("i", pid)),  # FIOSETOWN
        lambda: fcntl.ioctl(ours, 0x8902, struct.pack("i", pid)),  # SIOCSPGRP
        lambda: fcntl.ioctl(ours, 0x5452, struct.pack("i", 1)),  # FIOASYNC
        lambda: fcntl.fcntl(ours, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK),
    ):
        try:
            own()
        except OSError:
            continue
        theirs.send(b"x")
    event = struct.pack("Qiii", 0, signal.SIGKILL, 4, pid) + bytes(48)  # SIGEV_THREAD_ID
    if libc.timer_create(1, event, ctypes.byref(ctypes.c_void_p())) == 0:
        print("SAW: a timer that signals another", flush=True)
    libc.prctl(1, signal.SIGUSR1, 0, 0, 0)
    libc.prctl(1, 0, 0, 0, 0)
raise RuntimeError("the kernel signalled nobody")
