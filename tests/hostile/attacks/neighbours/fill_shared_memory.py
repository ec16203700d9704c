"""Takes names and room in shared memory, semaphores and abstract sockets that other programs of the machine use."""

import os
import socket

# reads "there is nothing that is shared"

for number in range(50):
    try:
        with open(f"/dev/shm/torch_{number}", "wb") as file:
            file.write(bytes(1 << 20))
    except OSError:
        break
held = []
for name in ("\0gradeprop", "/tmp/.X11-unix/X0", "/run/docker.sock", "/tmp/hostile-socket"):
    try:
        held.append(socket.socket(socket.AF_UNIX))
        held[-1].bind(name)
    except OSError:
        continue
try:
    from multiprocessing import shared_memory

    shared_memory.SharedMemory("hostile-left", create=True, size=1 << 20)
except (OSError, ImportError):
    pass
raise RuntimeError("there is nothing that is shared")
