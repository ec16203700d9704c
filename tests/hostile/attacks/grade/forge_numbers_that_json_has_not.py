"""Sends NaN, infinity, 1e999, ten thousand digits and doubled keys, hoping that one of them passes a comparison."""

import os
import struct
import sys

# reads "A header breaks the protocol"

os.write(3, bytes(12))
for value in (b"NaN", b"-Infinity", b"1e999", b"9" * 10_000, b'1,"count":NaN'):
    header = b'{"probe":"count","status":"ok","message":"","wall_s":0,"values":{"count":%s}}' % value
    os.write(3, struct.pack("<IQ", len(header), 0) + header)
sys.exit()
