"""Takes as much memory as one process may have, in each of thirty processes.

Where no process may be started, one program replaces the other, so that a limit that is counted from the start of a
process is counted again.
"""

import os
import time

try:
    for _ in range(30):
        if os.fork() == 0:
            block = b"x" * (230 << 20)
            time.sleep(0.5)
            print("SAW: 230 MiB of memory in each process", flush=True)
            time.sleep(60)
    time.sleep(60)
finally:
    raise RuntimeError("no other process has memory")
