"""Asks for 64 GiB in every way that there is: at once, in many pieces, as a file of nothing, as a tensor, as a list."""

import ctypes
import mmap

import torch


libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
for ask in (
    lambda: bytearray(64 << 30),
    lambda: [0] * (8 << 30),
    lambda: torch.empty(16 << 30).fill_(1),
    lambda: mmap.mmap(-1, 64 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS),
    lambda: mmap.mmap(-1, 64 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000),
    lambda: ctypes.c_char_p(libc.malloc(ctypes.c_size_t(64 << 30))).value or 1 / 0,
):
    try:
        ask()
        print("SAW: 64 GiB of memory", flush=True)
    except (MemoryError, OSError, RuntimeError, ZeroDivisionError, ValueError):
        continue
kept = []
try:
    while len(kept) < 1024:
        kept.append(b"x" * (1 << 20))
    print("SAW: 1 GiB of memory in pieces", flush=True)
except MemoryError:
    kept.clear()
raise RuntimeError("there is no more memory")
