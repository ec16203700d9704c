"""Replaces its process by a fresh Python that knows nothing of the runner, and answers the probes from there."""

import os
import sys

# reads "The description is forged; expected "

CODE = r"""
import os, struct
os.write(3, bytes(12))
for probe, value in (("describe", '"text":"forged"'), ("count", '"count":20')):
    header = ('{"probe":"%s","status":"ok","message":"","wall_s":0,"values":{%s}}' % (probe, value)).encode()
    os.write(3, struct.pack("<IQ", len(header), 0) + header)
"""

os.set_inheritable(3, True)
os.execv(sys.executable, [sys.executable, "-IS", "-c", CODE])
