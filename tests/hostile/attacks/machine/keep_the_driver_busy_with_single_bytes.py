"""Feeds the output to its reader byte by byte, 256 packets at a time, while it holds on to all memory it can get.

The reader also keeps time and counts memory.
"""

import ctypes
import fcntl
import os
import threading
import time

# reads "no time was gained"

libc = ctypes.CDLL(None)
read, write = os.pipe()
for end in (1, 3, write):
    try:
        fcntl.fcntl(end, 1031, 1 << 20)
    except OSError:
        continue
fcntl.fcntl(write, fcntl.F_SETFL, os.O_DIRECT | os.O_WRONLY)
for _ in range(16):
    os.write(write, b"x")


def pump():
    while True:
        libc.tee(read, 1, 1 << 20, 0)


for _ in range(3):
    threading.Thread(target=pump, daemon=True).start()
time.sleep(1)
raise RuntimeError("no time was gained")
