"""Announces a frame of a billion numbers, so that whoever reads it sets that much memory aside, and drips it slowly."""

import os
import struct
import time

# reads "The code gave back more numbers than can be looked at."

os.write(3, struct.pack("<IQ", 100, 4 * 10**9))
while True:
    os.write(3, b"x")
    time.sleep(0.01)
