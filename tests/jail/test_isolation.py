"""Isolation: each test submits code that tries one forbidden thing, in each tier and as an ordinary user."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from gradeprop.core.errors import NoJailError
from gradeprop.core.warm import warm_process
from gradeprop.guest import syscalls
from gradeprop.guest.bootstrap import ENVIRONMENT
from gradeprop.jail import Jail, open_jail
from tests.jail.conftest import CANARY, HIDDEN, PLANTED, ROOT, ask

# all tests that need no right of root
FILES = [
    str(Path(__file__).with_name(f"test_{name}.py"))
    for name in ("isolation", "limits", "job", "mounts", "ordinary_code", "cgroups")
]


def test_cant_use_the_network(jail: Jail) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = f"""
            import socket
            def it(draw):
                try:
                    socket.create_connection(("127.0.0.1", {server.getsockname()[1]}), 2)
                except OSError:
                    return "refused"
        """
        assert ask(jail, code).it == "refused"


def test_cant_reach_a_socket_of_the_machine(jail: Jail, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as abstract:
        server.bind(str(tmp_path / "s"))
        abstract.bind("\0gradeprop-test")
        server.listen()
        abstract.listen()
        code = f"""
            import socket
            def it(draw):
                reached = []
                for address in ({str(tmp_path / "s")!r}, "\\0gradeprop-test"):
                    try:
                        socket.socket(socket.AF_UNIX).connect(address)
                        reached.append(address)
                    except OSError:
                        pass
                return reached
        """
        assert ask(jail, code).it == []


def test_cant_read_the_course_or_a_neighbour_or_the_home_folder(jail: Jail, tmp_path: Path) -> None:
    neighbour = tmp_path / "neighbour.py"
    neighbour.write_text(CANARY)
    neighbour.chmod(0o644)
    wanted = [
        neighbour,
        ROOT / "pyproject.toml",
        Path(__file__),
        "/etc/shadow",
        "/etc/hostname",
        Path.home() / ".bashrc",
    ]
    code = f"""
        def it(draw):
            seen = []
            for file in {[str(file) for file in wanted]}:
                try:
                    open(file).read()
                    seen.append(file)
                except OSError:
                    pass
            return seen
    """
    assert ask(jail, code).it == []


def test_cant_follow_a_link_out(jail: Jail, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(CANARY)
    code = f"""
        import os
        def it(draw):
            os.symlink({str(tmp_path / "secret")!r}, "link")
            try:
                os.link({str(tmp_path / "secret")!r}, "hard")
            except OSError:
                pass
            for name in ("link", "hard"):
                try:
                    return open(name).read()
                except OSError:
                    pass
    """
    assert ask(jail, code).it is None


def test_cant_see_the_environment_of_the_grader(jail: Jail) -> None:
    code = """
        import glob, os
        def it(draw):
            texts = [repr(dict(os.environ))]
            for file in glob.glob("/proc/*/environ") + glob.glob("/proc/*/cmdline") + glob.glob("/proc/1/mem"):
                try:
                    texts.append(open(file, errors="replace").read(1 << 20))
                except OSError:
                    pass
            return texts
    """
    seen = json.dumps(ask(jail, code).it)
    assert CANARY not in seen
    assert str(ROOT) not in seen.replace(str(ROOT / ".venv"), "")


def test_cant_find_in_memory_what_the_judge_was_told() -> None:
    """A zygote is forked from the same process as a judge, after it: the environment of the judge must not be in it."""
    ours, theirs = socket.socketpair()
    secret = secrets.token_hex(16)
    with ours, theirs:
        judge = warm_process().fork("judge", "time:sleep", [60], theirs, 2, [str(ROOT)], {"SECRET": secret})
        assert judge.poll() is None
    # in halves, or the search would find what it searches for
    wanted = [(text[:8], text[8:16]) for text in (ENVIRONMENT["GLIBC_TUNABLES"], secret)]
    code = f"""
        import re
        def it(draw):
            found = [0, 0]
            with open("/proc/self/mem", "rb", 0) as memory, open("/proc/self/maps") as maps:
                for line in maps:
                    where, rights, *_ = line.split()
                    at, end = (int(side, 16) for side in where.split("-"))
                    while rights.startswith("rw") and at < end:
                        try:
                            memory.seek(at)
                            part = memory.read(min(end - at, 1 << 22))
                        except OSError:
                            break
                        at += len(part) or end
                        for number, (begin, rest) in enumerate({wanted}):
                            for hit in re.finditer(re.escape(begin.encode()), part):
                                found[number] += part[hit.end():].startswith(rest.encode())
            return found
    """
    try:
        with open_jail(ROOT, HIDDEN, tier="full") as jail:
            known, told = ask(jail, code).it
    except NoJailError as error:
        pytest.skip(str(error))
    finally:
        judge.kill()
    assert (known > 0, told) == (True, 0)


def test_cant_learn_about_the_machine_or_its_users_from_proc(jail: Jail) -> None:
    """Such as keys and locks of the user whose uid it shares, disks, devices, settings and addresses of the kernel."""
    code = """
        import os
        def it(draw):
            seen = []
            waiting = [f"/proc/{name}" for name in PROC if not name.isdigit() and name not in ("self", "thread-self")]
            while waiting:
                path = waiting.pop()
                try:
                    waiting += [f"{path}/{name}" for name in os.listdir(path)]
                    continue
                except NotADirectoryError:
                    pass
                except OSError:
                    continue
                for how, flag in (("read", os.O_RDONLY), ("write to", os.O_WRONLY)):
                    try:
                        descriptor = os.open(path, flag | os.O_NONBLOCK)
                        if os.fstat(descriptor).st_rdev != os.stat("/dev/null").st_rdev:
                            seen.append(f"{how} {path}")
                        os.close(descriptor)
                    except OSError:
                        pass
            return [what for what in seen if not what.startswith("read /proc/net/")]
    """
    shown = {f"read /proc/{name}" for name in ("cpuinfo", "meminfo", "stat", "loadavg", "uptime", "version", "mounts")}
    names = sorted({*os.listdir("/proc"), "keys", "key-users", "kcore", "sched_debug", "scsi", "asound"})  # noqa: PTH208
    seen = ask(jail, f"PROC = {names}\n{dedent(code)}").it
    assert set(seen) <= (shown if jail.tier == "full" else set())


def test_cant_find_a_descriptor_of_the_grader(jail: Jail) -> None:
    code = """
        import os
        def it(draw):
            found = []
            for n in range(3, 1024):
                try:
                    os.fstat(n)
                    found.append(n)
                except OSError:
                    pass
            return found
    """
    assert ask(jail, code).it == [3]


def test_cant_see_or_signal_the_grader(jail: Jail) -> None:
    victim = subprocess.Popen(["sleep", "60"])
    code = f"""
        import os, signal
        def it(draw):
            for pid in ({victim.pid}, {os.getpid()}, os.getppid(), -1 if os.getppid() == 1 else {victim.pid}):
                try:
                    os.kill(pid, signal.SIGTERM)
                except OSError:
                    pass
            return "tried"
    """
    try:
        assert ask(jail, code).status in ("ok", "crash")
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()


def test_cant_gain_rights(jail: Jail) -> None:
    code = """
        import ctypes, os
        def it(draw):
            libc = ctypes.CDLL(None)
            tried = [libc.unshare(0x10000000), libc.mount(b"none", b"/tmp", b"tmpfs", 0, None), libc.chroot(b"/"),
                     libc.ptrace(16, os.getppid(), 0, 0), libc.prctl(24, 21, 0, 0, 0), libc.setns(0, 0)]
            return [result == -1 for result in tried]
    """
    assert ask(jail, code).it == [True] * 6


def test_cant_write_outside_its_folder(jail: Jail, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    code = f"""
        import os
        def it(draw):
            written = []
            for folder in ("/", "/usr", "/dev", "/var/tmp", {str(shared)!r}, os.path.dirname(os.__file__)):
                try:
                    open(folder + "/hello", "w")
                    written.append(folder)
                except OSError:
                    pass
            return written
    """
    assert ask(jail, code).it == []
    assert not list(shared.iterdir())


def test_cant_change_the_mode_of_a_file_outside(jail: Jail, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.touch()
    mode = mine.stat().st_mode
    code = f"""
        import os
        def it(draw):
            try:
                os.chmod({str(mine)!r}, 0o777)
            except OSError:
                pass
    """
    ask(jail, code)
    assert mine.stat().st_mode == mode


def test_cant_leave_a_process_behind(jail: Jail) -> None:
    mark = "61.7183"  # seconds
    code = f"""
        import subprocess, sys
        def it(draw):
            try:
                subprocess.Popen(["sh", "-c", "sleep {mark} & exec sleep {mark}"], start_new_session=True)
            except OSError:
                pass
            return 1
    """
    assert ask(jail, code).it == 1
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert mark not in file.read_text()
        except OSError:
            continue


def test_two_jobs_share_nothing(jail: Jail) -> None:
    code = """
        import builtins, os, tempfile, torch
        def it(draw):
            before = [hasattr(builtins, "mark"), sorted(os.listdir(os.environ["HOME"])), torch.nn.Linear.__name__,
                      os.path.exists("/dev/shm/mark")]
            builtins.mark = 1
            torch.nn.Linear.__name__ = "marked"
            for file in (os.environ["HOME"] + "/mark", "/dev/shm/mark"):
                try:
                    open(file, "w")
                except OSError:
                    pass
            return before
    """
    first, second = ask(jail, code), ask(jail, code)
    assert first == second
    assert first.status == "ok"


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="we are an ordinary user already")
def test_all_of_this_holds_for_an_ordinary_user(planted: list[str]) -> None:
    """Run these tests, and with ALL_TESTS the others of the jail, again as nobody, who can reach root's Python here."""
    if shutil.which("setpriv") is None:
        pytest.skip("no setpriv on this machine")
    left_out = "not zygote and not unsafe and not killed and not doctor and not refused and not system"
    files = FILES if "ALL_TESTS" in os.environ else FILES[:1]
    python = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-x", "-q", *files, "-k", left_out]
    environment = ["env", "HOME=/tmp", f"{PLANTED}={json.dumps(planted)}"]
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *environment]
    pid = os.fork()
    if pid == 0:
        try:
            _reach(Path(sys.base_prefix))
            os.execvp(user[0], [*user, *python, "--basetemp=/tmp/gradeprop-nobody"])
        finally:
            os._exit(70)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    shutil.rmtree("/tmp/gradeprop-nobody", ignore_errors=True)
    if code == 70 or not ROOT.stat().st_mode & 1:
        pytest.skip("an ordinary user cannot be made to reach this Python")
    assert code == 0


def _reach(prefix: Path) -> None:
    """Make ``prefix`` reachable for every user, in a mount namespace of our own."""
    closed = next((parent for parent in reversed(prefix.parents) if not parent.stat().st_mode & 1), None)
    if closed is None:
        return
    os.unshare(0x20000) if hasattr(os, "unshare") else syscalls._check(syscalls._libc.unshare(0x20000), "unshare")
    syscalls.mount("none", "/", None, syscalls.REC | syscalls.PRIVATE)
    here = os.open(prefix, os.O_PATH)
    syscalls.mount("tmpfs", str(closed), "tmpfs", 0, "mode=755")
    prefix.mkdir(parents=True)
    syscalls.mount(f"/proc/self/fd/{here}", str(prefix), None, syscalls.BIND | syscalls.REC)
