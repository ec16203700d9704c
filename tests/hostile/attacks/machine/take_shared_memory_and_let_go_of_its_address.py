"""Fills memory that could be shared, and unmaps all of it but a page for every 4 MiB.

The kernel keeps all of it for that page; no process has it any more, by its size or by what it holds.
"""

import ctypes

libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.open.argtypes = [ctypes.c_char_p, ctypes.c_int]
MIB, SHARED, ANONYMOUS, FAILED = 1 << 20, 0x1, 0x20, {None, ctypes.c_void_p(-1).value}
for device, flags in ((-1, SHARED | ANONYMOUS), (libc.open(b"/dev/zero", 2), SHARED)):
    kept = 0
    while kept < 400:
        at = libc.mmap(None, 4 * MIB, 3, flags, device, 0)
        if at in FAILED:
            break
        ctypes.memset(at, 1, 4 * MIB)
        libc.munmap(at + 4096, 4 * MIB - 4096)
        kept += 4
    if kept >= 400:
        print("SAW: 400 MiB that nobody counts", flush=True)
        break
raise RuntimeError("no memory is kept")
