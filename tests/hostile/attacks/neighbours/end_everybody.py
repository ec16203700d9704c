"""Signals everybody it may reach: all, each process group, the zygote, the grader, the judge and a neighbour's process."""

import json
import os
import signal

# reads "there is nobody else here"

target = json.load(open("target.json"))
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for pid in (
    -1,
    0,
    -target["grader"],
    target["jail"],
    target["judge"],
    target["grader"],
    target["other"],
    os.getppid(),
    1,
):
    for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL, signal.SIGHUP):
        if pid == 0 and number != signal.SIGTERM:
            continue
        try:
            os.kill(pid, number)
            if pid in (target["jail"], target["judge"], target["grader"], target["other"]):
                print("SAW: another process signalled", flush=True)
        except OSError:
            continue
    for act in (lambda: os.pidfd_open(pid), lambda: os.setpriority(os.PRIO_PROCESS, pid, 19)):
        try:
            act()
        except OSError:
            continue
raise RuntimeError("there is nobody else here")
