"""Asks, without opening anything, whether a file exists, how large it is, and whether a process is there."""

import json
import os
from pathlib import Path

# reads "it has asked for everything"
# restricted: sees that a file exists
# restricted: sees that a process exists

target = json.loads(Path("target.json").read_text())


def asked(what, *questions):
    for question in questions:
        try:
            question()
        except OSError:
            continue
        print("SAW:", what)
        return


for file in target["files"].values():
    asked(
        "that a file exists",
        lambda: os.stat(file),
        lambda: os.open(file, os.O_PATH),
        lambda: os.listxattr(file),
        lambda: os.statvfs(file),
    )
for pid in (target["grader"], target["judge"], target["other"]):
    asked(
        "that a process exists",
        lambda: os.getpgid(pid),
        lambda: os.getsid(pid),
        lambda: os.getpriority(os.PRIO_PROCESS, pid),
        lambda: os.sched_getaffinity(pid),
        lambda: os.stat(f"/proc/{pid}"),
    )
    asked("what a process runs", lambda: os.readlink(f"/proc/{pid}/exe"), lambda: os.readlink(f"/proc/{pid}/cwd"))
    asked("what a process has open", lambda: os.stat(f"/proc/{pid}/fd/0"), lambda: os.readlink(f"/proc/{pid}/fd/0"))
raise RuntimeError("it has asked for everything")
