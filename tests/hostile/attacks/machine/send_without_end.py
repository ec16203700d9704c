"""Sends zeros without end to the descriptor for answers: millions of frames that are all empty."""

import os

# reads "The code gave back more numbers than can be looked at."

while True:
    os.write(3, bytes(1 << 16))
