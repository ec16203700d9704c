"""Limits on time, memory, processes, disk and output: each test submits code that exceeds one."""

from gradeprop.jail import Jail
from tests.jail.conftest import LIMITS, ONE, ask, full, result_of, submit


def test_cant_fork_without_end(jail: Jail) -> None:
    code = """
        import os, time
        def it(draw):
            children = 0
            try:
                while children < 1000:
                    if os.fork() == 0:
                        time.sleep(60)
                    children += 1
            except OSError:
                return children
    """
    assert ask(jail, code).it <= LIMITS.processes


def test_a_fork_bomb_ends_in_time(jail: Jail) -> None:
    code = (
        "import os\ndef it(draw):\n    while True:\n        try:\n            os.fork()\n        except OSError: pass"
    )
    got = submit(jail, code, probe_s=1)
    assert result_of(got).status == "timeout"
    assert got.ended == "", "the probe's deadline ended it, not the run's"


def test_cant_take_more_memory_than_allowed(jail: Jail) -> None:
    code = "import torch\ndef it(draw): return len(torch.ones(2 ** 29))"
    status, message, _ = ask(jail, code)
    assert status in ("error", "crash")
    assert "memory" in message


def test_cant_take_memory_in_many_processes(jail: Jail) -> None:
    full(jail)
    code = """
        import os, time
        def it(draw):
            for _ in range(10):
                if os.fork() == 0:
                    block = b"x" * (300 << 20)
                    time.sleep(60)
            time.sleep(60)
    """
    assert ask(jail, code) == ("crash", "The code used more than 1024 MiB of memory.", None)


def test_cant_take_more_memory_as_a_smaller_program(jail: Jail) -> None:
    program = "block = b'x' * (700 << 20); import time; time.sleep(1); print('taken', flush=True)"
    code = f"import os, sys\ndef it(draw): os.execv(sys.executable, [sys.executable, '-ISc', {program!r}])"
    result = submit(jail, code, memory_mib=256)
    assert result_of(result).status == "crash"
    assert "taken" not in result.output


def test_cant_take_memory_that_no_limit_sees(jail: Jail) -> None:
    code = """
        import os, ctypes
        def it(draw):
            taken = []
            for attempt in (lambda: os.memfd_create("x"), lambda: ctypes.CDLL(None).shmget(0, 1 << 30, 0o1600)):
                try:
                    taken.append(attempt() >= 0)
                except OSError:
                    taken.append(False)
            return taken
    """
    assert ask(jail, code).it == [False, False]


def test_cant_fill_the_disk(jail: Jail) -> None:
    code = """
        import time
        def it(draw):
            for n in range(200):
                with open(f"file{n}", "wb") as out:
                    out.write(bytes(8 << 20))
                time.sleep(0.02)
    """
    status, message, _ = ask(jail, code)
    assert status in ("error", "crash")
    assert "space" in message or "disk" in message


def test_cant_flood_the_output(jail: Jail) -> None:
    got = submit(jail, "def it(draw):\n    while True: print('x' * 9999)")
    assert len(got.output) == 4096
    assert got.ended == "The code printed more than 2 MiB; the run was stopped."


def test_what_is_printed_is_kept(jail: Jail) -> None:
    code = "import sys\nprint('one')\ndef it(draw): print('two', file=sys.stderr); print('three')"
    assert set(submit(jail, code).output.split()) == {"one", "two", "three"}


def test_cant_send_more_than_allowed(jail: Jail) -> None:
    code = "import torch\ndef it(draw): return torch.zeros(1).expand(10 ** 9)"
    assert ask(jail, code)[:2] == ("error", "The code returned too much data.")


def test_cant_send_a_frame_larger_than_allowed(jail: Jail) -> None:
    code = "import os\ndef it(draw):\n    os.write(3, b'\\1\\0\\0\\0' + b'\\xff' * 8)\n    import time; time.sleep(60)"
    assert ask(jail, code).status == "error"


def test_cant_sleep_through_the_end(jail: Jail) -> None:
    code = """
        import signal, time
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        def it(draw):
            while True:
                time.sleep(1)
    """
    assert ask(jail, code, probe_s=1) == ("timeout", "This took more than 1 s.", None)


def test_cant_outlast_the_run_with_many_probes(jail: Jail) -> None:
    probes = "".join(f"def probe_{n}(student, draw): return {{'it': student.it(draw)}}\n" for n in range(50))
    got = submit(jail, "import time\ndef it(draw): time.sleep(1)", probes, wall_s=2)
    assert got.ended == "The run was stopped after 2 s."
    assert got.wall_s < 25, "half of what the 50 probes take"


def test_an_import_that_hangs_is_not_waited_for_twice(jail: Jail) -> None:
    probes = ONE + "def probe_more(student, draw): return {}\n"
    got = submit(jail, "while True: pass", probes, probe_s=1)
    assert result_of(got) == result_of(got, "more")
    assert result_of(got)[:2] == ("timeout", "While student_code.py was imported: This took more than 1 s.")
    assert got.cpu_s < 2, "the loop ran for one second, not for two"
