"""Sends tensors that overlap, begin before their blob, or end beyond it."""

import json
import os
import struct

# reads "The data that your code returned could not be read: A tensor's bytes do not fit its shape, overlap another tensor, or leave a gap."

os.write(3, bytes(12))
for probe, at in (("standardise", [0, 140]), ("windows", [-140, 0]), ("fit", [10**15, 10**15 + 140])):
    rows = {"dtype": "F32", "shape": [7, 5], "data_offsets": at}
    entry = json.dumps({"0": rows, "1": rows}).encode()
    blob = len(entry).to_bytes(8, "little") + entry + bytes(140)
    header = {"probe": probe, "status": "ok", "message": "", "wall_s": 0, "values": {"rows": {"$tensor": "0"}}}
    header = json.dumps(header).encode()
    os.write(3, struct.pack("<IQ", len(header), len(blob)) + header + blob)
os._exit(0)
