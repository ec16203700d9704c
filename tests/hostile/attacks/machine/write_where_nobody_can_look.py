"""Writes into folders that cannot be listed, and below a path that is longer than any name may be.

Cleaning up without the rights of root must make such a folder readable first, or it is never removed.
"""

import os
import time

# reads "disk"

written = 0
os.mkdir("blind", 0o300)
os.mkdir("blind/none", 0o000)
for number in range(10):
    try:
        with open(f"blind/{number}", "wb") as file:
            written += file.write(bytes(4 << 20))
    except OSError:
        break
    time.sleep(0.01)
for _ in range(30):
    os.mkdir("d" * 200)
    os.chdir("d" * 200)
for number in range(10):
    try:
        with open(f"{number}", "wb") as file:
            written += file.write(bytes(4 << 20))
    except OSError:
        break
    time.sleep(0.01)
time.sleep(0.3)
if written > 64 << 20:
    print("SAW: room for more than 64 MiB", flush=True)
raise RuntimeError("the disk is full")
