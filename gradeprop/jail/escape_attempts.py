"""What `doctor` has a jail try, handed in as if a student had: each function returns True if it got what it wanted.

Not part of the grader: the file is read as text and runs in the jail only. ``target`` says where the bait lies.
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
    return bool(Path(TARGET["secret"]).read_text())


def find_out_which_files_exist() -> bool:
    return Path(TARGET["secret"]).exists()


def write_outside_its_folder() -> bool:
    return bool(Path(TARGET["open"], "written").write_text("x"))


def use_the_network() -> bool:
    socket.create_connection(("127.0.0.1", TARGET["port"]), 2).close()
    return True


def end_other_processes() -> bool:
    os.kill(TARGET["pid"], signal.SIGTERM)
    return True


def start_a_fork_bomb() -> bool:
    started = 0
    while started < 2 * TARGET["processes"]:
        if os.fork() == 0:
            time.sleep(60)
        started += 1
    return True


def leave_a_process_behind() -> bool:
    if os.fork() == 0:
        os.setsid()
        Path(TARGET["open"], "pulse").write_text(str(os.getpid()))
        time.sleep(60)
    time.sleep(0.2)
    return Path(TARGET["open"], "pulse").exists()


def use_too_much_memory() -> bool:
    return bool(bytearray((TARGET["memory_mib"] + 64) << 20))


def fill_the_disk() -> bool:
    for number in range(2 * TARGET["disk_mib"]):
        Path(f"file{number}").write_bytes(bytes(1 << 20))
        time.sleep(0.01)
    return True


def make_namespaces_of_its_own() -> bool:
    import ctypes

    return bool(ctypes.CDLL(None).unshare(0x10000000) == 0)
