"""Takes a datagram socket from socketpair, where socket is refused, and writes to sockets in folders.

A system log or a service manager listens there. Whether the kernel looked at the name shows by the error: a file that
is no socket refuses the connection, a name that is out of reach is not there.
"""

import errno
import json
import socket
from pathlib import Path

# reads "no service was reached"

target = json.loads(Path("target.json").read_text())
names = [*target["files"].values(), *filter(None, [target.get("socket")])]
names += [
    "/dev/log",
    "/run/systemd/notify",
    "/run/systemd/journal/socket",
    "/run/docker.sock",
    "/run/dbus/system_bus_socket",
]
pairs = []
for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_RAW):
    try:
        pairs += socket.socketpair(socket.AF_UNIX, kind)
    except OSError:
        continue
    try:
        pairs.append(socket.socket(socket.AF_UNIX, kind))
    except OSError:
        continue
for name in names:
    for one in pairs:
        for say in (lambda one, name: one.sendto(b"loot", name), lambda one, name: one.connect(name)):
            if one.type == socket.SOCK_SEQPACKET and "sendto" in say.__code__.co_names:
                continue  # there the name is not even looked at
            try:
                say(one, name)
                print("SAW: a service of the machine", flush=True)
            except OSError as error:
                if error.errno == errno.ECONNREFUSED and one.type in (socket.SOCK_DGRAM, socket.SOCK_RAW):
                    print("SAW: a socket that looks for services of the machine", flush=True)
raise RuntimeError("no service was reached")
