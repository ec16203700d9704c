"""The jail, by trying: each test hands in code that does one bad thing, under every tier and as every user there is."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import msgspec
import pytest
import sklearn

from gradeprop.core.errors import CourseError, JailError, NoJailError
from gradeprop.core.models import Limits
from gradeprop.guest import framing, syscalls
from gradeprop.jail import Jail, Job, JobResult, open_jail, wire
from gradeprop.jail.cgroups import make_group
from gradeprop.jail.job import converse
from gradeprop.jail.seccomp import compile_filter

ROOT = Path(__file__).parents[2]
CANARY = "canary-7c1f"
HIDDEN = Path(sklearn.__file__).parent / "datasets" / "data"
LIMITS = Limits(probe_s=10, wall_s=20, memory_mib=1024, processes=32, disk_mib=16, output_kib=4, answer_mib=4)
ONE = "def probe_it(student, draw):\n    return {'it': student.it(draw)}\n"


class Told(NamedTuple):
    status: str
    message: str
    it: Any


@pytest.fixture(scope="module", params=["full", "restricted"])
def jail(request: pytest.FixtureRequest) -> Iterator[Jail]:
    os.environ["GRADEPROP_CANARY"] = CANARY
    try:
        with open_jail(ROOT, HIDDEN, tier=request.param) as jail:
            yield jail
    except NoJailError as error:
        pytest.skip(str(error))


def full(jail: Jail) -> None:
    if jail.tier != "full":
        pytest.skip("child processes are only allowed where the job has namespaces of its own")


def answer(jail: Jail, code: str, probes: str = ONE, files: dict[str, bytes] | None = None, **limits: Any) -> JobResult:
    job = Job(
        files={"student_code.py": dedent(code).encode()} | (files or {}),
        given={"given/helper.py": b"X = 1\n"},
        probes=dedent(probes).encode(),
        inputs=b"",
        seed=5,
        limits=msgspec.structs.replace(LIMITS, **limits),
    )
    return jail.run(job)


def told(answer: JobResult, name: str = "it") -> Told:
    for header, blob in answer.frames:
        probe, values, _ = wire.decode(header, blob, frozenset([json.loads(header)["probe"]]))
        if probe.name == name:
            it = json.loads(bytes(values["it"])) if "it" in values else None
            return Told(probe.status, probe.message, it)
    raise AssertionError(f"no frame of {name}: {answer}")


def ask(jail: Jail, code: str, **limits: Any) -> Told:
    return told(answer(jail, code, **limits))


def test_what_honest_code_gives_back_comes_back(jail: Jail) -> None:
    code = "import given.helper, tqdm, PIL, torchvision\ndef it(draw): return [given.helper.X, (2.5, None), {'a': 'é'}]"
    assert ask(jail, code) == ("ok", "", [1, [2.5, None], {"a": "é"}])


def test_a_second_thread_count_computes_the_same(jail: Jail) -> None:
    code = """
        import torch
        def it(draw):
            def sums(n):
                torch.set_num_threads(n)
                g = torch.Generator().manual_seed(1)
                a = torch.randint(-9, 9, (700, 700), generator=g).double()
                return (a @ a).sum().item()
            return sums(1) == sums(2)
    """
    assert ask(jail, code).it is True


def test_a_data_loader_with_workers_works_where_no_process_can_be_started_too(jail: Jail) -> None:
    code = """
        import torch
        from torch.utils.data import DataLoader, TensorDataset
        def it(draw):
            more = {"num_workers": 2, "persistent_workers": True, "prefetch_factor": 3}
            loader = DataLoader(TensorDataset(torch.arange(10)), 4, **more)
            return [int(x.sum()) for (x,) in loader]
    """
    assert ask(jail, code).it == [6, 22, 17]


def test_the_same_seed_draws_the_same(jail: Jail) -> None:
    code = "def it(draw): return [draw.seed, draw.normal(2).tolist(), draw.integers(0, 9, 3).tolist(), id(None) * 0]"
    assert ask(jail, code) == ask(jail, code)


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
    began = time.monotonic()
    code = (
        "import os\ndef it(draw):\n    while True:\n        try:\n            os.fork()\n        except OSError: pass"
    )
    assert ask(jail, code, probe_s=1).status == "timeout"
    assert time.monotonic() - began < 6


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
    got = answer(jail, "def it(draw):\n    while True: print('x' * 9999)")
    assert len(got.output) == 4096
    assert got.ended == "The code printed more than 2 MiB; the run was stopped."


def test_what_is_printed_is_kept(jail: Jail) -> None:
    code = "import sys\nprint('one')\ndef it(draw): print('two', file=sys.stderr); print('three')"
    assert set(answer(jail, code).output.split()) == {"one", "two", "three"}


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
    began = time.monotonic()
    got = answer(jail, "import time\ndef it(draw): time.sleep(1)", probes, wall_s=2)
    assert got.ended == "The run was stopped after 2 s."
    assert time.monotonic() - began < 2 + 2


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


def test_sys_exit_is_an_error_of_the_code(jail: Jail) -> None:
    assert ask(jail, "import sys\ndef it(draw): sys.exit(0)")[:2] == (
        "error",
        "SystemExit: 0\nstudent_code.py, line 2: def it(draw): sys.exit(0)",
    )


def test_after_a_lost_probe_the_next_is_run(jail: Jail) -> None:
    probes = """
        def probe_dies(student, draw): student.die()
        def probe_hangs(student, draw): student.hang()
        def probe_it(student, draw): return {"it": student.COUNT}
    """
    code = "import os, time\nCOUNT = 1\ndef die(): os._exit(3)\ndef hang(): time.sleep(60)"
    got = answer(jail, code, probes, probe_s=1)
    assert [told(got, name).status for name in ("dies", "hangs", "it")] == ["crash", "timeout", "ok"]


def test_an_import_that_hangs_is_not_waited_for_twice(jail: Jail) -> None:
    probes = ONE + "def probe_more(student, draw): return {}\n"
    got = answer(jail, "while True: pass", probes, probe_s=1)
    assert told(got) == told(got, "more")
    assert told(got)[:2] == ("timeout", "While student_code.py was imported: This took more than 1 s.")
    assert got.wall_s < 3


def test_cant_leave_a_process_behind(jail: Jail) -> None:
    mark = "61.7183"  # seconds
    code = f"""
        import subprocess, sys
        def it(draw):
            try:
                subprocess.Popen(["sh", "-c", "setsid sleep {mark} & exec sleep {mark}"], start_new_session=True)
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


def test_modules_named_like_ours_change_nothing_for_us(jail: Jail) -> None:
    names = ("torch", "json", "safetensors", "numpy", "driver", "inside", "frames", "conftest", "sitecustomize")
    files = {f"{name}.py": b"raise RuntimeError('shadowed')" for name in names}
    assert told(answer(jail, "def it(draw): return 4", files=files)).it == 4


def test_patched_libraries_harm_only_their_own_run(jail: Jail) -> None:
    code = "import json, os, struct, torch\njson.dumps = os.write = torch.randn = None\ndef it(draw): return 1"
    answer(jail, code)
    assert ask(jail, "def it(draw): return 1").it == 1


def test_a_name_that_is_not_there_is_absent(jail: Jail) -> None:
    assert ask(jail, "")[:2] == ("absent", "student_code.py has no it.")


def test_a_syntax_error_names_its_line(jail: Jail) -> None:
    assert ask(jail, "x = 1\ndef it(draw:\n    pass") == (
        "error",
        "SyntaxError: '(' was never closed\nstudent_code.py, line 2: def it(draw:",
        None,
    )


def test_a_broken_probes_file_is_the_instructors(jail: Jail) -> None:
    with pytest.raises(CourseError, match=r"probes.py: NameError"):
        answer(jail, "", "nonsense\ndef probe_it(student, draw): return {}")
    with pytest.raises(CourseError, match="twice"):
        answer(jail, "", ONE + ONE)


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
        answer(jail, "import time\ndef it(draw): time.sleep(8)")
    job.wait()
    assert ask(jail, "def it(draw): return 1").it == 1


def test_python_inside_the_course_is_refused() -> None:
    with pytest.raises(NoJailError, match="a folder of its own"), open_jail(Path(sys.base_prefix), tier="full"):
        pass


def test_what_is_hidden_is_not_seen(jail: Jail) -> None:
    code = f"""
        def it(draw):
            open({str(HIDDEN.parent / "__init__.py")!r}).close()
            try:
                open({str(HIDDEN / "digits.csv.gz")!r}).close()
            except OSError:
                return "hidden"
    """
    assert (HIDDEN / "digits.csv.gz").exists()
    assert ask(jail, code).it == "hidden"


def test_without_a_jail_nothing_is_run() -> None:
    with pytest.raises(NoJailError, match="nothing was run"), open_jail(tier="none"):
        pass


def test_unsafe_says_so() -> None:
    with open_jail(tier="none", unsafe=True) as jail:
        assert answer(jail, "def it(draw): return 1").tier == "none (unsafe)"


def test_a_library_below_tmp_is_seen() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        library = Path(folder, "site-packages")
        library.mkdir()
        library.parent.chmod(0o755)
        (library / "below_tmp.py").write_text("x = 1")
        code = f"""
from gradeprop.jail import Job, open_jail
from gradeprop.records import Limits
with open_jail() as jail:
    code = b"import below_tmp, tempfile\\ndef it(draw):\\n    tempfile.mkstemp()\\n    return below_tmp.x"
    print(jail.run(Job({{"student_code.py": code}}, {{}}, {ONE.encode()!r}, b"", 1, Limits())).frames)
"""
        search = os.pathsep.join([str(library), *sys.path])
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": search}
        )
    assert '"it": 1' in done.stdout or "No jail can be made" in done.stderr, done.stdout + done.stderr


def test_where_namespaces_are_refused_the_restricted_tier_is_chosen() -> None:
    """As a container does it: a filter that refuses unshare, mount and clone with new namespaces."""
    code = f"""
import sys
from gradeprop.inside import kernel
from gradeprop.jail import open_jail
kernel.no_new_privileges()
kernel.filter_calls(bytes.fromhex({compile_filter(namespaces=True).hex()!r}))
with open_jail() as jail:
    print(jail.tier)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.stdout == "restricted\n", ran.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="we are an ordinary user already")
def test_all_of_this_holds_for_an_ordinary_user() -> None:
    """The same tests once more as nobody, who in a mount namespace of their own can reach root's Python."""
    if shutil.which("setpriv") is None:
        pytest.skip("no setpriv on this machine")
    pid = os.fork()
    if pid == 0:
        try:
            _reach(Path(sys.base_prefix))
            python = [
                sys.executable,
                "-m",
                "pytest",
                "-p",
                "no:cacheprovider",
                "-x",
                "-q",
                __file__,
                "-k",
                "not zygote and not unsafe and not killed and not doctor and not refused",
            ]
            user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME=/tmp"]
            os.execvp(user[0], [*user, *python, "--basetemp=/tmp/gradeprop-nobody"])
        finally:
            os._exit(70)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    shutil.rmtree("/tmp/gradeprop-nobody", ignore_errors=True)
    if code == 70 or not ROOT.stat().st_mode & 1:
        pytest.skip("an ordinary user cannot be made to reach this Python")
    assert code == 0


def _reach(prefix: Path) -> None:
    """In a mount namespace of our own, open the way to ``prefix`` for everybody."""
    closed = next((parent for parent in reversed(prefix.parents) if not parent.stat().st_mode & 1), None)
    if closed is None:
        return
    os.unshare(0x20000) if hasattr(os, "unshare") else syscalls._check(syscalls._libc.unshare(0x20000), "unshare")
    syscalls.mount("none", "/", None, syscalls.REC | syscalls.PRIVATE)
    here = os.open(prefix, os.O_PATH)
    syscalls.mount("tmpfs", str(closed), "tmpfs", 0, "mode=755")
    prefix.mkdir(parents=True)
    syscalls.mount(f"/proc/self/fd/{here}", str(prefix), None, syscalls.BIND | syscalls.REC)


def running(pid: int) -> bool:
    """Whether there is such a process, and it has not ended: nobody may have asked yet how it did."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_grader_that_is_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    try:
        with open_jail(tier="full"):
            pass
    except NoJailError as error:
        pytest.skip(str(error))
    for tier in ("full", "restricted"):
        code = f"""
from gradeprop.jail import Job, open_jail
from gradeprop.records import Limits
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
        assert not list(tmp_path.glob("gradeprop-*"))


@pytest.mark.slow
def test_an_unknown_tier_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADEPROP_TIER", "fulll")
    with pytest.raises(NoJailError, match="Unknown isolation tier: fulll"), open_jail():
        pass


def test_names_that_lead_out_of_the_folder_are_refused(jail: Jail) -> None:
    for name in ("../x.py", "/x.py", "a/../../x.py"):
        with pytest.raises(JailError, match="not a name below"):
            answer(jail, "", files={name: b""})


def test_a_file_where_the_given_folder_goes_gives_way(jail: Jail) -> None:
    assert told(answer(jail, "import given.helper\ndef it(draw): return 1", files={"given": b"mine"})).it == 1
