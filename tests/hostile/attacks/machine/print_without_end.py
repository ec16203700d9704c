"""Prints to both outputs without end, in large pieces and byte by byte."""

import os
import threading

# reads "The code printed more than 32 MiB; the run was stopped."


def print_it(descriptor, piece):
    while True:
        os.write(descriptor, piece)


threading.Thread(target=print_it, args=(1, b"x"), daemon=True).start()
print_it(2, b"y" * (1 << 20))
