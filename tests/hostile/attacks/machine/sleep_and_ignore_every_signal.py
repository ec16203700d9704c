"""Ignores and blocks every signal that can be ignored, and sleeps for an hour."""

import signal
import time

# reads "While student_code.py was imported: This took more than 2 s."

everything = set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}
for number in everything:
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, everything)
while True:
    try:
        time.sleep(3600)
    except BaseException:
        continue
