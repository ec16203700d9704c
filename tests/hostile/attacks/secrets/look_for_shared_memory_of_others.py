"""Looks for what others share: files in /dev/shm, segments, semaphores and queues of System V and of POSIX."""

import ctypes
import glob
import json
from pathlib import Path

# reads "nothing is shared"

target = json.loads(Path("target.json").read_text())
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
for file in [*glob.glob("/dev/shm/*"), *glob.glob("/dev/mqueue/*"), *glob.glob("/tmp/shm/*"), target["files"]["shm"]]:
    try:
        print(Path(file).read_bytes().hex())
        print("SAW: a file in shared memory", flush=True)
    except OSError:
        continue
name = Path(target["files"]["shm"]).name.encode()
if libc.shm_open(b"/" + name, 0, 0) >= 0:
    print("SAW: an object of shared memory", flush=True)
for number in range(1000):
    if libc.shmat(number, None, 0o10000) not in (None, 2**64 - 1):
        print("SAW: a segment of shared memory", flush=True)
for key in (0, 1, 0x1234):
    if libc.shmget(key, 4096, 0o1600) >= 0 or libc.msgget(key, 0o1600) >= 0 or libc.semget(key, 1, 0o1600) >= 0:
        print("SAW: something of System V that may be made", flush=True)
if libc.mq_open(b"/loot", 0o102, 0o600, None) >= 0:
    print("SAW: a queue that outlives its maker", flush=True)
raise RuntimeError("nothing is shared")
