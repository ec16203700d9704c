"""Reads environments, command lines, open files, roots and memory of all processes, first of all the grader's."""

import json
import os
from pathlib import Path

# reads "no process told anything"

target = json.loads(Path("target.json").read_text())
named = [target["grader"], target["judge"], target["jail"], target["other"], os.getppid(), 1]
try:
    named += [int(name) for name in os.listdir("/proc") if name.isdigit()]
except OSError:
    pass
for pid in named:
    if pid == os.getpid():
        continue
    for name in ("environ", "cmdline", "maps", "auxv", "stack", "syscall", "map_files", "fdinfo/0"):
        try:
            print(Path(f"/proc/{pid}/{name}").read_bytes()[:10_000])
        except OSError:
            continue
    for number in range(64):
        try:
            print(Path(f"/proc/{pid}/fd/{number}").read_bytes()[:10_000])
        except OSError:
            continue
    for way in ("root", "cwd"):
        for file in target["files"].values():
            try:
                print(Path(f"/proc/{pid}/{way}/{file}").read_bytes())
            except OSError:
                continue
    for name in ("mem", "clear_refs", "oom_score_adj", "comm"):
        try:
            os.close(os.open(f"/proc/{pid}/{name}", os.O_RDWR))
            print("SAW:", name, "of another process", flush=True)
        except OSError:
            continue
raise RuntimeError("no process told anything")
