"""Looks for files, processes, sockets and settings of the submission graded before, and leaves some for the next."""

import errno
import os
import socket
import sys
import tempfile
from pathlib import Path

# reads "nobody was here before"

here = Path.cwd().parent
places = (here, Path(tempfile.gettempdir()), Path("/tmp"), Path("/dev/shm"), Path("/var/tmp"), Path.home())
for folder in {place.resolve() for place in places}:  # some are links to others
    try:
        names = {entry.name for entry in folder.iterdir()}
    except OSError:
        continue
    of_python = {Path(path).relative_to(folder).parts[0] for path in sys.path if folder in Path(path).parents}
    if left := names - {"submission", "draws", "shm", here.name} - {"matplotlib", ".cache", ".config"} - of_python:
        print("SAW: what another has left:", *left, flush=True)
    for name in ("for-the-next", ".bashrc", "sitecustomize.py", "torch.py"):
        try:
            (folder / name).write_text("x")
        except OSError:
            continue
if (umask := os.umask(0o777)) != 0o022:
    print("SAW: a umask of", oct(umask), flush=True)
if os.getpriority(os.PRIO_PROCESS, 0) or os.environ.get("LOOT"):
    print("SAW: settings of another", flush=True)
os.environ["LOOT"] = "x"
try:
    one = socket.socket(socket.AF_UNIX)
    one.bind("\0gradeprop-hostile")
except OSError as error:
    if error.errno == errno.EADDRINUSE:
        print("SAW: a socket of the one before", flush=True)
raise RuntimeError("nobody was here before")
