"""Sends one tensor of 4 MB and a dictionary in which two thousand names stand for it, each to be loaded by the checks.

The checks run outside of the jail, where no limit on memory holds: so what they load may not be more than what came.
"""

import json
import os
import struct

# reads "The data that your code returned could not be read: Two values name one tensor."

size = 4 << 20
entry = json.dumps({"0": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
blob = len(entry).to_bytes(8, "little") + entry + bytes(size)
state = {str(number): {"$tensor": "0"} for number in range(2_000)}
header = json.dumps({"probe": "step", "status": "ok", "message": "", "wall_s": 0, "values": {"state": state}}).encode()
rest = memoryview(bytes(12) + struct.pack("<IQ", len(header), len(blob)) + header + blob)
while rest:
    rest = rest[os.write(3, rest) :]
os._exit(0)
