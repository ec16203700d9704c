"""The grader's side of a warm jail: start the zygote, hand it jobs, bring back answers; believe nothing it says."""

import ast
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self

import msgspec

from gradeprop.errors import CourseError, JailError, NoJailError
from gradeprop.inside import frames, kernel
from gradeprop.jail.filters import compile_filter
from gradeprop.jail.view import INSIDE, make_view, python, readable_by_others
from gradeprop.records import Limits

Tier = Literal["full", "restricted", "none"]

TIER = "GRADEPROP_TIER"  # asks for a tier, for tests
MIB = 1 << 20
START_S = 120.0  # a cold disk and a first import of torch
GRACE_S = 1.0  # the driver stops itself at wall_s; we, if it does not
REAP_S = 10.0
_SPARE_UIDS = 64000, 1000  # first and how many; nobody's

_BOOT = "import sys; sys.path.insert(0, sys.argv[2]); from inside import outer; outer.main()"


@dataclass(frozen=True, slots=True)
class Job:
    """One submission and what is asked of it."""

    files: Mapping[str, bytes]
    """the submission: relative name → content"""
    given: Mapping[str, bytes]
    """helpers, laid over whatever the submission has there: given/<name> → content"""
    probes: bytes
    inputs: bytes
    """held-out inputs as safetensors, or b"": never a label"""
    seed: int
    limits: Limits


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; nothing of it is believed yet."""

    tier: str
    frames: tuple[tuple[bytes, bytes], ...]
    """(header, blob), at most one per probe"""
    ended: str
    """a sentence for the student if the run was ended early, else empty"""
    output: str
    """the start of what the code printed"""
    wall_s: float
    cpu_s: float


class _End(msgspec.Struct):
    """The driver's last frame."""

    ended: str = ""
    output: str = ""
    fault: str = ""
    broken: str = ""


def probe_names(probes: bytes) -> tuple[str, ...]:
    """The names of the functions probe_<name>, in file order.

    Raises:
        CourseError: the file is not Python, or a name is there twice.
    """
    try:
        functions = [node for node in ast.parse(probes).body if isinstance(node, ast.FunctionDef)]
    except (SyntaxError, ValueError) as error:
        raise CourseError(str(error), "probes.py", getattr(error, "lineno", None)) from error
    names = tuple(f.name.removeprefix("probe_") for f in functions if f.name.startswith("probe_"))
    if doubled := {name for name in names if names.count(name) > 1}:
        raise CourseError(f"probe_{min(doubled)} is there twice", "probes.py")
    return names


@contextlib.contextmanager
def open_jail(*hide: Path, tier: Tier | None = None, unsafe: bool = False) -> "Iterator[Jail]":
    """A jail of the given tier, or of the best that this machine can make.

    Args:
        hide: folders that must not be seen even if they lie where Python does: the course, its data.
        tier: without it the environment variable GRADEPROP_TIER, if set, says which.
        unsafe: where no jail can be made, run the code all the same; the answer's tier says so.

    Raises:
        NoJailError: no jail can be made; the text says what to do.
        JailError: one could be made, but did not start.
    """
    asked = tier or os.environ.get(TIER)
    reasons = []
    for name in (asked,) if asked else ("full", "restricted", "none"):
        if name == "none" and not unsafe:
            break
        jail = Jail(name, hide)
        try:
            jail.start()
        except NoJailError as error:
            reasons.append(f"The {name} tier: {error}.")
            continue
        with jail:
            yield jail
        return
    raise NoJailError(f"No jail can be made here, so nothing was run. {' '.join(reasons)} {remedy()}")


def remedy() -> str:
    """One sentence on what would let this machine make the full tier."""
    for name, bad, good in (
        ("kernel.unprivileged_userns_clone", "0", "1"),
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
        ("user.max_user_namespaces", "0", "10000"),
    ):
        file = Path("/proc/sys", name.replace(".", "/"))
        if file.exists() and file.read_text().strip() == bad:
            return f"As root, run `sysctl {name}={good}`."
    return (
        "In a container, start it with `--security-opt seccomp=unconfined --security-opt systempaths=unconfined`; "
        "elsewhere use Linux 5.14 or newer with user namespaces."
    )


class Jail:
    """One zygote; one job at a time. If the zygote dies between jobs, the next job starts another."""

    def __init__(self, tier: str, hide: tuple[Path, ...] = ()) -> None:
        self._kind, self._hide = tier, hide
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket  # there with the process
        self._scratch: Path | None = None
        self.tier = tier
        self.ready_s = 0.0
        """seconds from nothing to ready for the first job"""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the zygote and wait until it is warm."""
        began = time.monotonic()
        filtered = compile_filter(namespaces=self._kind == "full")
        setting, spec = self._settings(filtered)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, tempfile.TemporaryFile() as errors:
            argv = [str(python()), "-ISB", "-c", _BOOT, str(theirs.fileno()), str(INSIDE.parent)]
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, env={}, cwd="/",
                pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip
            theirs.close()
            try:
                self._tell(spec)
                self._tell(setting)
                self._hear(START_S, "ready")
            except JailError as error:
                self.close()
                raise type(error)(f"{error}{_tail(errors)}") from None
        self.tier = _tier_name(self._kind, bool(filtered))
        self.ready_s = time.monotonic() - began

    def _settings(self, filtered: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
        """(what the zygote is told, what the outer root is made of)."""
        full = self._kind == "full"
        view = make_view(self._hide)
        landlock = kernel.landlock_version() > 0
        if self._kind == "restricted" and not (landlock and filtered):
            lacking = (
                "libseccomp (install libseccomp2)" if landlock else "Landlock (Linux 5.13 or newer, with lsm=landlock)"
            )
            raise NoJailError(f"it needs {lacking}, which is not there")
        uid = None
        if os.getuid() == 0 and (full or readable_by_others(view)):
            uid = _SPARE_UIDS[0] + os.getpid() % _SPARE_UIDS[1]
        if not full:
            self._scratch = Path(tempfile.mkdtemp(prefix="gradeprop-"))
            if uid is not None:
                os.chown(self._scratch, uid, uid)
        read, names = (["/"], []) if full else view.opened()
        home = "/tmp" if full else str(self._scratch)
        setting = {
            "tier": self._kind, "path": view.libraries, "filter": filtered.hex(), "home": home,
            "landlock": landlock and self._kind != "none", "read": read, "names": names,
            "write": ["/dev/null"],
        }  # fmt: skip
        spec = {
            "tier": self._kind, "python": str(python()), "uid": uid, "home": home,
            "inside": "/jail" if full else str(INSIDE.parent),
            "binds": {str(path): str(path) for path in view.folders} | {"/jail/inside": str(INSIDE)},
            "links": view.links | {"/dev/shm": "/tmp/shm", "/dev/fd": "/proc/self/fd"},
            "hide": [str(path) for path in view.hidden],
        }  # fmt: skip
        return setting, spec

    def close(self) -> None:
        """End the zygote and all below it."""
        if self._process is not None:
            self._control.close()
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def run(self, job: Job) -> Answer:
        """Run one submission.

        Raises:
            JailError: the machine's fault; the same job can be run again.
            CourseError: probes.py cannot be loaded.
        """
        names = probe_names(job.probes)
        if self._process is None or self._process.poll() is not None:
            self.close()
            self.start()
        began = time.monotonic()
        ours, theirs = socket.socketpair()
        with ours:
            pidfd = self._begin(theirs)
            try:
                got, end = _converse(ours, job, names)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                os.close(pidfd)
                ended = self._hear(REAP_S, "cpu_s")
        if end.broken:
            raise CourseError(end.broken, "probes.py")
        if end.fault:
            raise JailError(end.fault)
        return Answer(self.tier, got, end.ended, end.output, time.monotonic() - began, float(ended["cpu_s"]))

    def _begin(self, theirs: socket.socket) -> int:
        try:
            with theirs:
                socket.send_fds(self._control, [b"j"], [theirs.fileno()])
            descriptors: list[int] = []
            self._hear(REAP_S, "started", descriptors)
            return descriptors[0]
        except (OSError, IndexError) as error:
            self.close()
            raise JailError(f"the zygote is gone: {error}") from error

    def _tell(self, message: dict[str, Any]) -> None:
        try:
            self._control.send(json.dumps(message).encode())
        except OSError as error:
            raise JailError(f"the zygote is gone: {error}") from error

    def _hear(self, timeout_s: float, expected: str, descriptors: list[int] | None = None) -> dict[str, Any]:
        """The zygote's next message, which must hold ``expected``; a jail that says anything else is closed."""
        try:
            self._control.settimeout(timeout_s)
            data, passed, _, _ = socket.recv_fds(self._control, 1 << 16, 1)
            message: dict[str, Any] = msgspec.json.decode(data)
        except (OSError, msgspec.MsgspecError) as error:
            message = {"fault": f"the jail gave no answer: {error}"}
        else:
            (descriptors if descriptors is not None else []).extend(passed)
        if expected in message:
            return message
        self.close()
        if "none" in message:
            raise NoJailError(message["none"])
        raise JailError(message.get("fault", "the jail gave a wrong answer"))


def _converse(ours: socket.socket, job: Job, names: tuple[str, ...]) -> tuple[tuple[tuple[bytes, bytes], ...], _End]:
    """Send the job, collect the frames; one deadline for all of it."""
    deadline = time.monotonic() + job.limits.wall_s + GRACE_S
    budget = (
        job.limits.answer_mib * MIB
        + (len(names) + 4) * (frames.HEADER_LIMIT + frames.HEAD.size)
        + 8 * 1024 * job.limits.output_kib
    )
    cutter = frames.Frames(budget)
    got: list[tuple[bytes, bytes]] = []
    try:
        for part in _parts(job, names):
            ours.settimeout(max(0.001, deadline - time.monotonic()))
            ours.sendall(part)
        while True:
            ours.settimeout(max(0.001, deadline - time.monotonic()))
            data = ours.recv(MIB)
            for header, blob in cutter.feed(data):
                if not header:
                    return tuple(got), msgspec.json.decode(blob, type=_End)
                got.append((header, blob))
            if not data:
                return tuple(got), _End(fault="the jail's driver died")
    except TimeoutError:
        return tuple(got), _End(ended=f"The run was stopped after {job.limits.wall_s:g} s.")
    except (frames.Oversize, msgspec.MsgspecError):
        return tuple(got), _End(ended="The run was stopped: it sent back more than may be sent.")
    except OSError as error:
        return tuple(got), _End(fault=f"the jail's driver is gone: {error}")


def _parts(job: Job, names: tuple[str, ...]) -> Iterator[bytes]:
    files = dict(job.files) | dict(job.given)
    spec = {
        "files": [(name, len(content)) for name, content in files.items()],
        "probes": len(job.probes), "inputs": len(job.inputs), "names": names, "seed": job.seed,
        "limits": msgspec.to_builtins(job.limits),
    }  # fmt: skip
    parts = [*files.values(), job.probes, job.inputs]
    header = json.dumps(spec).encode()
    yield frames.HEAD.pack(len(header), sum(map(len, parts))) + header
    yield from parts


def _tier_name(kind: str, filtered: bool) -> str:
    name = "none (unsafe)" if kind == "none" else kind
    return name if filtered or kind == "none" else f"{name}, without a filter of system calls"


def _tail(errors: IO[bytes]) -> str:
    errors.seek(0)
    text = errors.read().decode(errors="replace").strip()
    return f"\n{text[-2000:]}" if text else ""
