"""Sends a blob whose header alone is 7 MB: a hundred thousand tensors of nothing."""

import os
import struct

# reads "The data that your code returned could not be read"

entry = b"{%s}" % b",".join(
    b'"%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}' % number for number in range(100_000)
)
blob = len(entry).to_bytes(8, "little") + entry
header = b'{"probe":"standardise","status":"ok","message":"","wall_s":0,"values":{"rows":{"$tensor":"0"}}}'
rest = memoryview(bytes(12) + struct.pack("<IQ", len(header), len(blob)) + header + blob)
while rest:
    rest = rest[os.write(3, rest) :]
os._exit(0)
