"""Sends empty tensors of shapes such as (2^62, 4, 0), whose size overflows when it is computed.

A check that breaks is the instructor's to fix, and the record is on hold: no zero. So a size must not break one.
"""

import json
import os
import struct

# reads "The data that your code returned could not be read"

asked = (("standardise", "rows"), ("windows", "windows"), ("fit", "logits"), ("shuffled", "once"), ("step", "state"))
shapes = [2**62, 4, 0], [0, 2**63], [2**63, 2**63, 0], [2**64, 0], [10**30, 0]
os.write(3, bytes(12))
for (probe, name), shape in zip(asked, shapes):
    entry = json.dumps({"0": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}}).encode()
    blob = len(entry).to_bytes(8, "little") + entry
    header = {"probe": probe, "status": "ok", "message": "", "wall_s": 0, "values": {name: {"$tensor": "0"}}}
    header = json.dumps(header).encode()
    os.write(3, struct.pack("<IQ", len(header), len(blob)) + header + blob)
os._exit(0)
