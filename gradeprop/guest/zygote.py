"""Zygote: a fork of the warm process, in its own root; it forks a supervisor for each job.

It has one thread, no secret, and no byte of any job.

in:  the control socket; messages: ``Plan.zygote``, then for each job a byte and a socket
out: {"ready": …} or {"fault": sentence}; for each job {"started": …} with a pidfd, then {"cpu_s": …} when it is gone
"""

import contextlib
import json
import os
import select
import signal
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

from . import adapt, privileges, supervisor, syscalls, trees, warm


def main(control: socket.socket) -> None:
    """Adapt the libraries, then serve jobs until the grader closes the control socket."""
    setting = json.loads(control.recv(1 << 20))
    full = setting["tier"] == "full"
    if full:
        syscalls.die_with_parent()
    syscalls.adopt_orphans()
    if setting["tier"] == "own-user":  # without Landlock, a job could open /proc/<pid>/mem of its own user's processes
        syscalls.set_dumpable(False)
    try:
        if full and (problem := _try_namespaces(setting["home"])):
            _send(control, none=f"namespaces for a job: {problem}")
            return
        began = time.monotonic()
        _adapt(setting["tier"])
    except BaseException as error:
        _send(control, fault=f"the zygote did not start: {type(error).__name__}: {error}")
        raise
    _send(control, ready=time.monotonic() - began)
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    try:
        while (job := _receive(control)) is not None:
            _run_job(control, job, setting, full)
    finally:
        if not full:
            trees.remove(Path(setting["home"]))


def _try_namespaces(home: str) -> str:
    """Return the reason why a job cannot have its own namespaces; "" if it can."""
    ids = os.getuid(), os.getgid()
    try:
        pid = syscalls.fork_into(syscalls.NAMESPACES | syscalls.NEWUSER)
        if pid == 0:
            try:
                privileges.enter_namespaces(ids, home, 1 << 20)
                os._exit(0)
            except OSError as error:
                os._exit(error.errno or 1)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code < 0:
            raise RuntimeError(f"a process was ended by signal {-code}")  # an error of ours must not change the tier
        return os.strerror(code) if code else ""
    except OSError as error:
        return str(error)


def _adapt(tier: str) -> None:
    """Adapt the libraries to the jail, so that forks inherit it."""
    adapt.keep_figures_in_memory()
    adapt.call_instead_of_compiling()
    if tier in ("restricted", "own-user"):
        adapt.load_in_one_process()
    syscalls.prepare_to_fork()
    warm.require_one_thread()


def _receive(control: socket.socket) -> int | None:
    """Receive the descriptor of a job's socket; None if the grader has closed the connection."""
    message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
    return descriptors[0] if message else None


def _run_job(control: socket.socket, job: int, setting: dict[str, Any], full: bool) -> None:
    home = setting["home"] if full else tempfile.mkdtemp(dir=setting["home"])
    ids = os.getuid(), os.getgid()
    try:
        pid = syscalls.fork_into(syscalls.NAMESPACES | syscalls.NEWUSER if full else 0)
    except OSError as error:
        os.close(job)
        _send(control, fault=f"no process for the job: {error}")
        return
    if pid == 0:
        control.close()
        supervisor.main(job, home, setting, ids)
    os.close(job)
    pidfd = os.pidfd_open(pid)
    socket.send_fds(control, [b'{"started":1}'], [pidfd])
    _wait(control, pidfd)
    resources = os.wait4(pid, 0)[2]
    _sweep()
    if not full:
        _remove(Path(home))
    os.close(pidfd)
    _send(control, cpu_s=resources.ru_utime + resources.ru_stime)


def _remove(home: Path) -> None:
    """Remove the files of a job in a process of its own, so that no later job finds their names in our memory."""
    pid = os.fork()
    if pid == 0:
        try:
            trees.remove(home)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def _wait(control: socket.socket, pidfd: int) -> None:
    """Wait until the supervisor has ended, and its namespaces with it; if the grader is gone, end it."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(control, 0)  # reports only that the other side has closed it
    if all(descriptor != pidfd for descriptor, _ in poll.poll()):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def _sweep() -> None:
    """Kill runners that outlived their supervisor, which is possible without namespaces; they are our only children."""
    task = Path(f"/proc/self/task/{os.getpid()}/children")
    for child in task.read_text().split() if task.exists() else ():
        os.kill(int(child), signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def _send(control: socket.socket, **message: Any) -> None:
    control.send(json.dumps(message).encode())
