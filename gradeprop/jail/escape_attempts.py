"""Escape attempts that ``gradeprop doctor`` runs as a student's code: a function returns True if its attempt succeeded.

The grader never imports this file: it is read as text and runs in the jail only. ``TARGET`` describes the bait.
"""

import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

TARGET: dict[str, Any] = json.loads(Path("target.json").read_text())


def read_files_of_this_machine() -> bool:
    """Read a file outside the jail."""
    return bool(Path(TARGET["secret"]).read_text())


def find_out_which_files_exist() -> bool:
    """Learn whether a file outside the jail exists."""
    return Path(TARGET["secret"]).exists()


def write_outside_its_folder() -> bool:
    """Write to a folder outside the jail that everybody may write to."""
    return bool(Path(TARGET["open"], "written").write_text("x"))


def use_the_network() -> bool:
    """Connect to a port of this machine."""
    socket.create_connection(("127.0.0.1", TARGET["port"]), 2).close()
    return True


def end_other_processes() -> bool:
    """Send a signal to a process outside the jail."""
    os.kill(TARGET["pid"], signal.SIGTERM)
    return True


def start_a_fork_bomb() -> bool:
    """Start more processes than the limit."""
    started = 0
    while started < 2 * TARGET["processes"]:
        if os.fork() == 0:
            time.sleep(60)
        started += 1
    return True


def leave_a_process_behind() -> bool:
    """Start a process that outlives the job."""
    if os.fork() == 0:
        os.setsid()
        Path(TARGET["open"], "pulse").write_text(str(os.getpid()))
        time.sleep(60)
    time.sleep(0.2)
    return Path(TARGET["open"], "pulse").exists()


def use_too_much_memory() -> bool:
    """Allocate more memory than the limit."""
    return bool(bytearray((TARGET["memory_mib"] + 64) << 20))


def fill_the_disk() -> bool:
    """Write more bytes than the limit."""
    for number in range(2 * TARGET["disk_mib"]):
        Path(f"file{number}").write_bytes(bytes(1 << 20))
        time.sleep(0.01)
    return True


def make_namespaces_of_its_own() -> bool:
    """Make a user namespace, which opens up more of the kernel."""
    import ctypes

    return bool(ctypes.CDLL(None).unshare(0x10000000) == 0)
