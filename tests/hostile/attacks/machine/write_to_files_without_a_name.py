"""Writes to files that it has deleted, or that never had a name, so that nobody who walks the folders finds them.

The full tier has a disk of its own, of a size. The restricted tier walks through folders, and cannot see such files.
"""

import os
import time

# restricted: sees room for more than 64 MiB

kept, written = [], 0
for number in range(20):
    try:
        if number % 2:
            kept.append(os.open("unnamed", os.O_RDWR | os.O_CREAT))
            os.unlink("unnamed")
        else:
            kept.append(os.open(".", os.O_RDWR | os.O_TMPFILE, 0o600))
        written += os.write(kept[-1], bytes(6 << 20))
    except OSError:
        continue
    if written > 64 << 20:
        time.sleep(0.2)
        print("SAW: room for more than 64 MiB", flush=True)
        break
raise RuntimeError("the disk is full")
