"""Sends every signal there is to process 1 and to its parent, which Python answers in the case of SIGINT."""

import os
import signal
import time

# reads "nobody was interrupted"

for number in sorted(set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}):
    for pid in (1, os.getppid()):
        try:
            os.kill(pid, number)
        except OSError:
            continue
time.sleep(0.2)
raise RuntimeError("nobody was interrupted")
