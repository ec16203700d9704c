"""One Jupyter kernel with its own namespaces, files and limits. In the full tier only, since a kernel has threads.

in:  argv: the descriptor of the control socket; its messages: ``Plan.zygote``, with ``sockets``, ``limits`` and
     ``connection`` (the kernel's connection file, as JSON text); then a stream socket: {"files": [[name, size], …]},
     and the bytes of the files
out: nothing: the kernel answers on its sockets; it ends when the control socket is closed
"""

import json
import os
import resource
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from . import framing, privileges, syscalls, usage

TICK_S = 0.2


def main() -> None:
    """Fork the first process of the kernel's namespaces, and end it when the control socket is closed."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    setting = json.loads(control.recv(1 << 20))
    syscalls.die_with_parent()
    syscalls.adopt_orphans()
    sys.path[:] = [entry for entry in sys.path if entry != sys.argv[2]] + setting["path"]
    _, (job, *_), _, _ = socket.recv_fds(control, 1, 1)
    ids = os.getuid(), os.getgid()
    pid = syscalls.fork_into(syscalls.NAMESPACES | syscalls.NEWUSER)
    if pid == 0:
        control.close()
        _supervise(job, setting, ids)
    os.close(job)
    pidfd = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(control, 0)  # reports only that the other side has closed it
    poll.poll()
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)  # pid 1 of its namespaces: all processes in them end
    os.waitpid(pid, 0)


def _supervise(job: int, setting: dict[str, Any], ids: tuple[int, int]) -> NoReturn:
    """Run as pid 1 of the kernel's namespaces: start it, keep time and count bytes until it ends."""
    try:
        syscalls.die_with_parent()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        home, limits = Path(setting["home"]), setting["limits"]
        header, blob = framing.HEAD.unpack(framing.read(job, framing.HEAD.size))
        spec = json.loads(framing.read(job, header))
        privileges.enter_namespaces(ids, str(home), blob + limits["disk-mib"] * privileges.MIB)
        for folder in ("submission", "shm"):
            (home / folder).mkdir()
        for name, size in spec["files"]:
            framing.receive_file(job, size, home / "submission" / name)
        (home / "kernel.json").write_text(setting["connection"])
        os.close(job)
        pid = os.fork()
        if pid == 0:
            _become_kernel(setting, home, limits)
        pidfd, end_at = os.pidfd_open(pid), time.monotonic() + limits["wall-s"]
        used = usage.Usage(setting["tier"], home, limits)
        while not select.select([pidfd], [], [], TICK_S)[0]:
            if time.monotonic() > end_at or used.memory_excess(pid):
                break
    finally:
        os._exit(0)


def _become_kernel(setting: dict[str, Any], home: Path, limits: dict[str, Any]) -> NoReturn:
    try:
        null = os.open("/dev/null", os.O_RDWR)
        privileges.leave_descriptors(null, null)
        privileges.confine(setting, home, limits, resource.RLIMIT_DATA)
        os.environ.update(setting["environment"])
        os.environ |= {"IPYTHONDIR": f"{home}/.ipython", "JUPYTER_RUNTIME_DIR": f"{home}/.jupyter"}
        os.environ.pop("JPY_PARENT_PID", None)  # ipykernel would look for a parent outside of its namespace
        os.chdir(home / "submission")
        sys.path.insert(0, str(home / "submission"))
        sys.argv = ["ipykernel", "-f", str(home / "kernel.json"), "--HistoryManager.hist_file=:memory:"]
        from ipykernel import kernelapp

        kernelapp.launch_new_instance()
    finally:
        os._exit(1)
