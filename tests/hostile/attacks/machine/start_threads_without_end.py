"""A thread bomb: threads with the smallest stacks that there are, until the machine has no numbers left for others."""

import threading
import time

threading.stack_size(32 << 10)
number = 0
try:
    while number < 3000:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        number += 1
finally:
    if number > 1500:
        print("SAW: more than 1500 threads", flush=True)
