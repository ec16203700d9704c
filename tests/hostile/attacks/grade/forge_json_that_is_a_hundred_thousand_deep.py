"""Sends a header of nested lists that makes a recursive parser overflow its stack."""

import os
import struct

# reads "A header breaks the protocol"

header = b'{"probe":"describe","status":"ok","message":"","wall_s":0,"values":{"text":' + b"[" * 100_000
os.write(3, bytes(12) + struct.pack("<IQ", len(header), 0) + header)
