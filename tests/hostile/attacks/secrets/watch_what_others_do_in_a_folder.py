"""Has the kernel tell which files others open in the folders of the course, and so what they are called.

No right to open a folder is needed to watch it.
"""

import ctypes
import json
import os
import time
from pathlib import Path

# reads "nobody could be watched"

target = json.loads(Path("target.json").read_text())
libc = ctypes.CDLL(None, use_errno=True)
watch = libc.inotify_init()
for file in [
    target["course"],
    target["mine"],
    *target["files"].values(),
    *map(os.path.dirname, target["files"].values()),
]:
    if os.path.realpath(file).startswith(os.environ["HOME"]):
        continue  # its own: in the full tier /dev/shm is
    if libc.inotify_add_watch(watch, file.encode(), 0xFFF) >= 0:
        print("SAW: what others do in a folder", flush=True)
if libc.fanotify_init(0, 0) >= 0:
    print("SAW: what others do anywhere", flush=True)
time.sleep(0.2)
if watch >= 0:
    os.set_blocking(watch, False)
    try:
        print(os.read(watch, 100_000))
    except OSError:
        pass
raise RuntimeError("nobody could be watched")
