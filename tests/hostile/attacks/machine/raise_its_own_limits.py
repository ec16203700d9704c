"""Raises every limit on its own use of the machine, and lowers or raises those of the grader."""

import json
import os
import resource
from pathlib import Path

# reads "every limit is as it was"

target = json.loads(Path("target.json").read_text())
kinds = {name: value for name, value in vars(resource).items() if name.startswith("RLIMIT_")}
for name, kind in kinds.items():
    was = resource.getrlimit(kind)
    for now in (
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY),
        (was[0], resource.RLIM_INFINITY),
        (was[1] + 1, was[1] + 1),
    ):
        if resource.RLIM_INFINITY in was or min(now) < 0 and was[1] < 0:
            continue
        try:
            resource.setrlimit(kind, now)
            print("SAW: more of", name, flush=True)
        except (OSError, ValueError):
            continue
    for pid in (target["grader"], target["judge"], target["jail"], target["other"]):
        try:
            resource.prlimit(pid, kind, (0, 0))
            print("SAW: a limit of the grader", flush=True)
        except (OSError, ValueError):
            continue
for file in (
    "/proc/self/oom_score_adj",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/kernel/pid_max",
    "/proc/sysrq-trigger",
):
    try:
        os.write(os.open(file, os.O_WRONLY), b"0")
        print("SAW:", file, flush=True)
    except OSError:
        continue
raise RuntimeError("every limit is as it was")
