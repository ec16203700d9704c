"""Sends zeros without end to the descriptor for answers: millions of frames that are all empty."""

import os

while True:
    os.write(3, bytes(1 << 16))
