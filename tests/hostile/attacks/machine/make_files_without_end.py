"""Makes empty files, folders and links as fast as it can: they take no bytes, but the disk has only so many of them."""

# restricted: takes 15 s more on a slow disk, to delete tens of thousands of files

import os
import threading
import time

made = [0] * 3


def make(kind):
    os.mkdir(f"of{kind}")
    try:
        while True:
            for number in range(1000):
                name = f"of{kind}/{made[kind]}"
                (os.mkdir, lambda name: os.symlink("/usr/" + "./" * 1000, name), lambda name: open(name, "x").close())[
                    kind
                ](name)
                made[kind] += 1
    except OSError:
        return


threads = [threading.Thread(target=make, args=(kind,), daemon=True) for kind in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(1)
if sum(made) > 100_000:
    print("SAW: more than a hundred thousand files", flush=True)
raise RuntimeError("there are enough files")
