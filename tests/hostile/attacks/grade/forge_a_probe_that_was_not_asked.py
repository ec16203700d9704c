"""Sends answers to probes that do not exist, named like files of the grader."""

import os
import struct

# reads "A frame names a probe that is not in the job."

os.write(3, bytes(12))
for name in ("../record", "record", "__class__", "standardise/0", ""):
    header = b'{"probe":"%s","status":"ok","message":"","wall_s":0,"values":{}}' % name.encode()
    os.write(3, struct.pack("<IQ", len(header), 0) + header)
