"""Cuts its memory into as many pieces as the kernel keeps books for, in thirty processes, and then does nothing."""

import ctypes
import os
import time

# reads "This took more than 2 s."

libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def cut():
    at = libc.mmap(None, 200 << 20, 0, 0x4022, -1, 0)
    for number in range(25_000):
        libc.mprotect(at + number * 8192, 4096, 1)


try:
    for _ in range(30):
        if os.fork() == 0:
            break
except OSError:
    pass
cut()
time.sleep(60)
