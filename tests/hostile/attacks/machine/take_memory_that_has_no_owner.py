"""Takes memory that belongs to no process: memfd, System V, secret memory, files in /dev/shm, queues."""

import ctypes
import os
import tempfile

# reads "no memory is without an owner"

libc = ctypes.CDLL(None)
opened = []
for make in (
    lambda: os.memfd_create("x"),
    lambda: libc.shmget(0, ctypes.c_size_t(1 << 29), 0o1600),
    lambda: libc.syscall(447, 0),  # memfd_secret
    lambda: libc.shm_open(b"/hostile-attack", 0o102, 0o600),
    lambda: os.open("/dev/shm/hostile-attack", os.O_RDWR | os.O_CREAT),
    lambda: os.dup(tempfile.TemporaryFile().fileno()),
):
    try:
        made = make()
    except OSError:
        continue
    try:
        for _ in range(4) if made > 2 else ():
            os.posix_fallocate(made, os.fstat(made).st_size, 15 << 20)
        if made > 2:
            print("SAW: 60 MiB in a file", flush=True)
    except OSError:
        continue
raise RuntimeError("no memory is without an owner")
