"""Recovery from dead processes: of a probe, the supervisor, the zygote, and the grader."""

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from gradeprop.core.errors import JailError, NoJailError
from gradeprop.guest import framing
from gradeprop.jail import Jail, Job, open_jail
from gradeprop.jail.job import converse
from tests.jail.conftest import LIMITS, ONE, ROOT, ask, result_of, running, submit


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os\ndef it(draw): os._exit(0)", "The code ended the process (exit status 0)."),
        (
            "import ctypes\ndef it(draw): ctypes.string_at(0)",
            "The process was ended by a segmentation fault (SIGSEGV).",
        ),
    ],
)
def test_a_process_that_dies_is_told_in_plain_words(jail: Jail, code: str, message: str) -> None:
    assert ask(jail, code) == ("crash", message, None)


def test_after_a_lost_probe_the_next_is_run(jail: Jail) -> None:
    probes = """
        def probe_dies(student, draw): student.die()
        def probe_hangs(student, draw): student.hang()
        def probe_it(student, draw): return {"it": student.COUNT}
    """
    code = "import os, time\nCOUNT = 1\ndef die(): os._exit(3)\ndef hang(): time.sleep(60)"
    got = submit(jail, code, probes, probe_s=1)
    assert [result_of(got, name).status for name in ("dies", "hangs", "it")] == ["crash", "timeout", "ok"]


def test_patched_libraries_harm_only_their_own_run(jail: Jail) -> None:
    code = "import json, os, struct, torch\njson.dumps = os.write = torch.randn = None\ndef it(draw): return 1"
    submit(jail, code)
    assert ask(jail, "def it(draw): return 1").it == 1


class Dawdling(socket.socket):
    """Waits before it sends."""

    def sendall(self, data: Any) -> None:
        time.sleep(0.1)
        super().sendall(data)


def test_a_driver_that_is_done_as_soon_as_it_has_the_job_is_heard() -> None:
    """Its last words must not be lost to a part without bytes that is still to be sent."""
    ours, theirs = socket.socketpair()

    def drive() -> None:
        with theirs:
            head = theirs.recv(framing.HEAD.size, socket.MSG_WAITALL)
            theirs.recv(sum(framing.HEAD.unpack(head)), socket.MSG_WAITALL)
            theirs.sendall(framing.HEAD.pack(0, 14) + b'{"broken":"x"}')

    driver = threading.Thread(target=drive)
    driver.start()
    with Dawdling(fileno=ours.detach()) as slow:
        got, end = converse(slow, Job({"student_code.py": b"pass"}, {}, b"x = 1", b"", 0, LIMITS), ())
    driver.join()
    assert (got, end.broken, end.fault) == ((), "x", "")


def test_a_zygote_that_died_is_replaced(jail: Jail) -> None:
    assert jail._process is not None
    jail._process.kill()
    jail._process.wait()
    assert ask(jail, "def it(draw): return 1").it == 1


def test_a_zygote_that_dies_under_a_job_is_our_fault(jail: Jail) -> None:
    job = subprocess.Popen([sys.executable, "-c", f"import os, time; time.sleep(1); os.kill({jail._process.pid}, 9)"])
    with pytest.raises(JailError):
        submit(jail, "import time\ndef it(draw): time.sleep(8)")
    job.wait()
    assert ask(jail, "def it(draw): return 1").it == 1


def test_a_grader_that_is_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    try:
        with open_jail(tier="full"):
            pass
    except NoJailError as error:
        pytest.skip(str(error))
    for tier in ("full", "restricted"):
        code = f"""
from gradeprop.jail import Job, open_jail
from gradeprop.core.assignment import Limits
with open_jail(tier={tier!r}) as jail:
    print(jail._process.pid, flush=True)
    code = b"import time\\nprint('started')\\ndef it(draw): time.sleep(60)"
    jail.run(Job({{"student_code.py": code}}, {{}}, {ONE.encode()!r}, b"", 1, Limits(probe_s=60, wall_s=60)))
"""
        grader = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT, env={"TMPDIR": str(tmp_path)}
        )
        assert grader.stdout
        zygote = int(grader.stdout.readline())
        time.sleep(1)
        grader.kill()
        grader.communicate()
        deadline = time.monotonic() + 20
        while running(zygote) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not running(zygote)
        assert not list(tmp_path.glob("gradeprop-*/*"))
