"""Takes leases and locks on Python's own files, so that every process that opens one waits for this one.

A lease for writing keeps others from opening a file for as long as 45 s.
"""

import fcntl
import json
import os

import torch

# reads "nobody has to wait"

F_SETLEASE = 1024
for file in (torch.__file__, json.__file__, os.__file__, "/usr/bin/env", "/dev/null"):
    try:
        opened = open(file, "rb")
    except OSError:
        continue
    for kind in (fcntl.F_WRLCK, fcntl.F_RDLCK):
        try:
            fcntl.fcntl(opened, F_SETLEASE, kind)
            print("SAW: a lease on a file of everybody", flush=True)
        except OSError:
            continue
raise RuntimeError("nobody has to wait")
