"""One job over its socket: send it, collect the frames; one deadline, one byte budget, nothing trusted."""

import ast
import functools
import json
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from gradeprop.core.assignment import Limits
from gradeprop.core.errors import CourseError, JailError
from gradeprop.core.observations import probe_seed
from gradeprop.guest import framing

MIB = 1 << 20
SEND_S = 60.0  # no student code runs before everything is sent: if this is not enough, the machine is at fault
GRACE_S = 1.0  # the supervisor stops the run at wall_s; if it does not, we do


@dataclass(frozen=True, slots=True)
class Job:
    """One submission and the probes to run on it."""

    files: Mapping[str, bytes]
    """submitted files: relative name → content"""
    given: Mapping[str, bytes]
    """given files, which replace submitted files of the same name: given/<name> → content"""
    probes: bytes
    inputs: bytes
    """held-out inputs as safetensors, never their labels; b"" if there are none"""
    seed: int
    limits: Limits


@dataclass(frozen=True, slots=True)
class JobResult:
    """The result of one job, untrusted."""

    tier: str
    frames: tuple[tuple[bytes, bytes], ...]
    """(header, blob), at most one for each probe"""
    ended: str
    """a sentence for the student if the run was ended early; else empty"""
    output: str
    """the start of stdout and stderr"""
    wall_s: float
    cpu_s: float


class End(msgspec.Struct):
    """The supervisor's last frame."""

    ended: str = ""
    """a sentence for the student if the run was ended early"""
    output: str = ""
    fault: str = ""
    """a failure of the machine"""
    broken: str = ""
    """an error in probes.py"""


@functools.lru_cache(maxsize=4)  # a whole class uses the same file
def probe_names(probes: bytes, where: str = "probes.py") -> tuple[str, ...]:
    """Return the names of the functions probe_<name>, in file order.

    Raises:
        CourseError: the file is not Python, or a name occurs twice.
    """
    try:
        functions = [node for node in ast.parse(probes).body if isinstance(node, ast.FunctionDef)]
    except (SyntaxError, ValueError) as error:
        raise CourseError(str(error), where, getattr(error, "lineno", None)) from error
    names = tuple(f.name.removeprefix("probe_") for f in functions if f.name.startswith("probe_"))
    if doubled := {name for name in names if names.count(name) > 1}:
        raise CourseError(f"probe_{min(doubled)} occurs twice", where)
    return names


def converse(ours: socket.socket, job: Job, names: tuple[str, ...]) -> tuple[tuple[tuple[bytes, bytes], ...], End]:
    """Send a job, and collect the frames of its probes and the supervisor's last frame.

    Raises:
        JailError: the job could not be sent.
    """
    budget = (
        job.limits.answer_mib * MIB
        + (len(names) + 4) * (framing.HEADER_LIMIT + framing.HEAD.size)
        + 8 * 1024 * job.limits.output_kib
    )
    cutter = framing.Frames(budget)
    frames: list[tuple[bytes, bytes]] = []
    _send(ours, job, names)
    deadline = time.monotonic() + job.limits.wall_s + GRACE_S
    try:
        while True:
            ours.settimeout(max(0.001, deadline - time.monotonic()))
            data = ours.recv(MIB)
            for header, blob in cutter.feed(data):
                if not header:
                    return tuple(frames), msgspec.json.decode(blob, type=End)
                frames.append((header, blob))
            if not data:
                return tuple(frames), End(fault="the jail's supervisor died")
    except TimeoutError:
        return tuple(frames), End(ended=f"The run was stopped after {job.limits.wall_s:g} s.")
    except (framing.Oversize, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return tuple(frames), End(ended="The run was stopped: it returned too much data.")
    except OSError as error:
        return tuple(frames), End(fault=f"the jail's supervisor is gone: {error}")


def _send(ours: socket.socket, job: Job, names: tuple[str, ...]) -> None:
    ours.settimeout(SEND_S)
    try:
        for part in _parts(job, names):
            ours.sendall(part)
    except OSError as error:
        raise JailError(f"the job could not be sent: {error}") from error


def _parts(job: Job, names: tuple[str, ...]) -> Iterator[bytes]:
    given = job.given
    files = {name: part for name, part in job.files.items() if not any(f"{g}/".startswith(f"{name}/") for g in given)}
    files |= given
    if bad := [name for name in files if name.startswith("/") or ".." in name.split("/")]:
        raise JailError(f"{bad[0]!r} is not a name inside the submission")  # intake rejects such names
    spec = {
        "files": [(name, len(content)) for name, content in files.items()],
        "probes": len(job.probes), "inputs": len(job.inputs), "names": names,
        "seeds": [probe_seed(job.seed, name) for name in names],  # the seed of the run tells what the judge draws
        "limits": msgspec.to_builtins(job.limits),
    }  # fmt: skip
    parts = [*files.values(), job.probes, job.inputs]
    header = json.dumps(spec).encode()
    yield framing.HEAD.pack(len(header), sum(map(len, parts))) + header
    yield from filter(None, parts)  # sending nothing fails, too, if the supervisor has everything and is already done
