"""Sends one frame that is just small enough, a byte now and then, and never ends it."""

import os
import struct
import time

# reads "This took more than 2 s."

os.write(3, struct.pack("<IQ", 100, 4 << 20))
while True:
    os.write(3, b"x")
    time.sleep(0.01)
