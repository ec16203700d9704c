"""Announces a frame of a billion numbers, so that the reader reserves that much memory, and sends it slowly."""

import os
import struct
import time

# reads "The code returned too much data."

os.write(3, struct.pack("<IQ", 100, 4 * 10**9))
while True:
    os.write(3, b"x")
    time.sleep(0.01)
