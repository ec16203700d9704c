"""Closes its outputs and the way back, and waits with nothing open.

What it sends back can no longer come; that it is alive is all there is to see.
"""

import os
import time

# reads "While student_code.py was imported: This took more than 2 s."

os.closerange(0, 4096)
time.sleep(3600)
