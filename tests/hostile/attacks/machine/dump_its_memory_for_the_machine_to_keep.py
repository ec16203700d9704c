"""Raises the limit on memory images and crashes, so that one of its memory is left on the disk or sent to a service."""

import ctypes
import os
import resource

# reads "The process was ended by a segmentation fault (SIGSEGV)."

for limit in ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), (1 << 30, 1 << 30)):
    try:
        resource.setrlimit(resource.RLIMIT_CORE, limit)
        print("SAW: that its memory may be kept", flush=True)
    except (OSError, ValueError):
        continue
try:
    os.write(os.open("/proc/self/coredump_filter", os.O_WRONLY), b"0xff")
except OSError:
    pass
ctypes.string_at(0)
