"""Ends the first thread of each process, whereupon the kernel says of the process that it holds nothing, and goes on.

The memory is that of the threads that are left.
"""

import ctypes
import os
import threading
import time


def keep():
    time.sleep(0.2)
    block = b"x" * (220 << 20)
    time.sleep(0.4)
    print("SAW:", len(block) >> 20, "MiB in each of three processes", flush=True)
    time.sleep(60)


try:
    for _ in range(3):
        if os.fork() == 0:
            threading.Thread(target=keep).start()
            ctypes.CDLL(None).syscall({"x86_64": 60}.get(os.uname().machine, 93), 0)  # exit, of this thread alone
    time.sleep(1.7)
except OSError:
    pass
raise RuntimeError("no thread has kept anything")
