"""Asks the kernel for the keys of the user, its log, its modules' memory and its counters."""

import ctypes
import glob
import os

# reads "the kernel kept quiet"

libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(1 << 16)
for number, arguments, what in (
    (250, (11, -4, buffer, 1 << 16), "a keyring"),  # keyctl: read the user's
    (250, (0, -3, 1), "the keyring of a session"),
    (248, (b"user", b"loot", b"x", 1, -4), "a key that outlives its maker"),  # add_key
    (249, (b"user", b"loot", None, -4), "a key of the user"),  # request_key
    (103, (3, buffer, 1 << 16), "the log of the kernel"),  # syslog
    (298, (bytes([0] * 4 + [112] + [0] * 107), 0, -1, -1, 0), "counters of the processor"),  # perf_event_open
    (321, (5, bytes(120), 120), "programs in the kernel"),  # bpf
    (323, (0,), "faults of others"),  # userfaultfd
    (425, (1, bytearray(120)), "calls that no filter sees"),  # io_uring_setup
    (163, (None,), "accounts"),  # acct
):
    passed = [ctypes.c_char_p(bytes(each)) if isinstance(each, bytearray) else each for each in arguments]
    if libc.syscall(number, *passed) >= 0:
        print("SAW:", what, flush=True)
files = "kmsg kcore keys key-users kallsyms timer_list sched_debug locks modules iomem slabinfo vmallocinfo cmdline interrupts"
files = ["/dev/kmsg", "/dev/mem", *(f"/proc/{name}" for name in files.split()), *glob.glob("/sys/kernel/debug/*")]
for file in files:
    try:
        if os.read(os.open(file, os.O_RDONLY | os.O_NONBLOCK), 100):
            print("SAW:", file, flush=True)
    except OSError:
        continue
raise RuntimeError("the kernel kept quiet")
