"""The control group counts memory that no process owns, and is removed."""

import pytest

from gradeprop.jail import Jail
from gradeprop.jail.cgroups import make_group
from tests.jail.conftest import ask, full


def test_cant_take_memory_that_belongs_to_no_process(jail: Jail) -> None:
    full(jail)
    if jail._group is None:
        pytest.skip("no control group can be made here")
    code = """
        import os, socket, time
        def fill():
            held = []
            try:
                while True:
                    held.append(socket.socketpair())
                    held[-1][0].setblocking(False)
                    try:
                        while True: held[-1][0].send(bytes(1 << 16))
                    except BlockingIOError: pass
            except OSError:
                time.sleep(60)
        def it(draw):
            for _ in range(30):
                if os.fork() == 0:
                    fill()
            time.sleep(60)
    """
    got = ask(jail, code, memory_mib=1, disk_mib=1, answer_mib=1, processes=64, probe_s=20, wall_s=40)
    assert got == ("crash", "The process was ended by a kill, by itself or for lack of memory (SIGKILL).", None)


def test_no_control_group_is_left(jail: Jail) -> None:
    group = make_group()
    if group is None:
        pytest.skip("no control group can be made here")
    assert all(home.is_dir() for home in group.homes)
    group.remove()
    assert not any(home.exists() for home in group.homes)
