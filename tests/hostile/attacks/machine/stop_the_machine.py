"""Asks the kernel to stop, to load another, to set its clock and its name, and to swap on a file."""

import ctypes
import socket
import time

# reads "the machine runs on"

libc = ctypes.CDLL(None, use_errno=True)
done = {
    "reboot": lambda: libc.reboot(0xCDEF0123 - (1 << 32)),
    "vhangup": lambda: libc.vhangup(),
    "swapoff": lambda: libc.swapoff(b"student_code.py"),
    "swapon": lambda: libc.swapon(b"student_code.py", 0),
    "a module": lambda: libc.init_module(b"x", 1, b""),
    "kexec": lambda: libc.syscall(246, 0, 0, None, 0),
    "iopl": lambda: libc.iopl(3),
    "quota": lambda: libc.quotactl(0x800002 << 8, b"/dev/vda", 0, None),
    "a file descriptor's quota": lambda: libc.syscall(443, 0, 0, 0, 0),
}
for what, do in done.items():
    try:
        if do() == 0:
            print("SAW:", what, flush=True)
    except AttributeError:
        continue
for what, do in {
    "the clock": lambda: time.clock_settime(time.CLOCK_REALTIME, 0),
    "the name": lambda: socket.sethostname("owned"),
}.items():
    try:
        do()
        print("SAW:", what, flush=True)
    except OSError:
        continue
raise RuntimeError("the machine runs on")
