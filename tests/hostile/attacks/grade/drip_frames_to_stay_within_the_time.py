"""Sends an empty frame every half second, so that each probe seems to have just begun.

Only the first of them counts as the end of the import, and the time of the whole run has an end as well.
"""

import os
import time

# reads "This took more than 2 s."

while True:
    os.write(3, bytes(12))
    time.sleep(0.5)
