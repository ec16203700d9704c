"""Writes into every folder that others read: the course, its own record, the grader's home, /tmp, a web server's root."""

import json
import os
import shutil
from pathlib import Path

# reads "there is no place to leave it"

target = json.loads(Path("target.json").read_text())
places = [target["course"], target["mine"], *map(os.path.dirname, target["files"].values())]
places += [
    target["mine"] + "/submitted",
    "/tmp/..",
    "/var/tmp",
    "/dev/shm",
    "/dev/mqueue",
    "/var/www",
    "/run",
    "/proc",
    "/",
]
places += [
    os.path.dirname(os.__file__),
    os.path.dirname(json.__file__),
    "/usr/local/bin",
    "/etc",
    "/jail",
    "/jail/guest",
]
for place in places:
    if os.path.realpath(place).startswith(os.environ["HOME"]):
        continue  # its own: in the full tier /dev/shm is
    for leave in (
        lambda path: Path(path).write_text("loot"),
        lambda path: os.mkdir(path),
        lambda path: os.symlink("/etc/shadow", path),
        lambda path: os.mkfifo(path),
        lambda path: os.link("student_code.py", path),
        lambda path: os.rename("target.json", path),
        lambda path: shutil.copy2("student_code.py", path),
    ):
        try:
            leave(f"{place}/loot")
            print("SAW: a place to leave it", flush=True)
        except OSError:
            continue
for file in target["files"].values():
    if os.path.realpath(os.path.dirname(file)).startswith(os.environ["HOME"]):
        continue
    for change in (
        lambda path: os.truncate(path, 0),
        lambda path: os.unlink(path),
        lambda path: os.rename(path, path + "2"),
        lambda path: open(path, "a").close(),
        lambda path: os.rmdir(os.path.dirname(path)),
    ):
        try:
            change(file)
            print("SAW: a file to change", flush=True)
        except OSError:
            continue
    for pretend in (
        lambda path: os.chmod(path, 0o777),
        lambda path: os.chown(path, 0, 0),
        lambda path: os.utime(path, (0, 0)),
    ):
        try:
            pretend(file)
        except OSError:
            continue
raise RuntimeError("there is no place to leave it")
