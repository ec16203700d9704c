"""Changes modes and attributes of the grader's files by calls that are newer than the library that made the filter.

A filter that lists what is forbidden by name lets through what it has no name for.
"""

import ctypes
import json
import struct
from pathlib import Path

# reads "no call was too new"

libc = ctypes.CDLL(None, use_errno=True)
value = ctypes.create_string_buffer(b"owned")
arguments = struct.pack("=QII", ctypes.addressof(value), 5, 0)
place, none = ctypes.c_long(-100), ctypes.c_long(0)
for file in json.loads(Path("target.json").read_text())["files"].values():
    path = file.encode()
    libc.syscall(452, place, path, 0o777, none)  # fchmodat2
    libc.syscall(463, place, path, none, b"user.owned", arguments, ctypes.c_long(16))  # setxattrat
    if libc.syscall(464, place, path, none, b"user.owned", arguments, ctypes.c_long(16)) > 0:  # getxattrat
        print("SAW: an attribute set on a file", flush=True)
    libc.syscall(466, place, path, none, b"user.owned")  # removexattrat
    if libc.syscall(468, place, path, ctypes.create_string_buffer(24), ctypes.c_long(24), none) == 0:  # file_getattr
        print("SAW: the attributes of a file", flush=True)
for number in range(480, 520):
    if libc.syscall(number, None, None, None, None) >= 0:
        print("SAW: call", number, flush=True)
raise RuntimeError("no call was too new")
