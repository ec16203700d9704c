"""Stops its own process, and with it the clock that counts processor time."""

import os
import signal
import time

# reads "This took more than 2 s."


def standardise(x):
    while True:
        try:
            os.kill(os.getpid(), signal.SIGSTOP)
        except OSError:
            time.sleep(1)
