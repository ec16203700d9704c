"""Writes until the disk is full: one large file, one with holes, one set aside, and many small ones."""

import os
import time

# reads "disk"

for number in range(4):
    with open(f"large{number}", "wb", buffering=0) as file:
        try:
            file.truncate(100 << 30)
            print("SAW: a file of 100 GB", flush=True)
        except OSError:
            pass
        try:
            os.posix_fallocate(file.fileno(), 0, 14 << 20)
        except OSError:
            continue
written = 0
for number in range(100):
    try:
        with open(f"small{number}", "wb", buffering=0) as file:
            written += file.write(bytes(1 << 20))
    except OSError:
        break
    time.sleep(0.01)
if written > 64 << 20:
    print("SAW: room for more than 64 MiB", flush=True)
raise RuntimeError("the disk is full")
