"""Patches the clocks of its process, so that a probe that never ends seems to have taken no time.

Another process keeps the time.
"""

import time

# reads "This took more than 2 s."

time.monotonic = time.time = time.perf_counter = lambda: 0.0


def standardise(x):
    time.monotonic_ns = lambda: 0
    while True:
        time.sleep(0.1)
