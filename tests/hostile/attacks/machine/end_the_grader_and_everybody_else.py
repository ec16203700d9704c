"""Sends every signal to the grader, to its other processes, to groups of processes and to everybody at once."""

import ctypes
import json
import os
import signal
from pathlib import Path

# reads "nobody was ended"

target = json.loads(Path("target.json").read_text())
libc = ctypes.CDLL(None)
pids = [target["grader"], target["judge"], target["jail"], target["other"]]
for pid in pids:
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP, signal.SIGINT, signal.SIGHUP, 40):
        for send in (
            lambda pid, number: os.kill(pid, number),
            lambda pid, number: os.killpg(pid, number),
            lambda pid, number: os.kill(-pid, number),
            lambda pid, number: signal.pidfd_send_signal(os.pidfd_open(pid), number),
            lambda pid, number: libc.sigqueue(pid, number, None) and 1 / 0,
            lambda pid, number: libc.tgkill(pid, pid, number) and 1 / 0,
        ):
            try:
                send(pid, number)
                print("SAW: a signal sent to the grader", flush=True)
            except (OSError, ZeroDivisionError):
                continue
try:
    os.kill(-1, signal.SIGKILL)
finally:
    raise RuntimeError("nobody was ended")
