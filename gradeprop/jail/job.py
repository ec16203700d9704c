"""One job over its socket: send it, collect the frames; one deadline, one budget, and nothing believed."""

import ast
import functools
import json
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from gradeprop.core.errors import CourseError, JailError
from gradeprop.core.models import Limits
from gradeprop.guest import framing

MIB = 1 << 20
SEND_S = 60.0  # no student code runs before all is sent: if this is not enough, it is our fault
GRACE_S = 1.0  # the driver stops itself at wall_s; we, if it does not


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
class JobResult:
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


class End(msgspec.Struct):
    """The driver's last frame."""

    ended: str = ""
    output: str = ""
    fault: str = ""
    broken: str = ""


@functools.lru_cache(maxsize=4)  # the same file for a whole class
def probe_names(probes: bytes, where: str = "probes.py") -> tuple[str, ...]:
    """The names of the functions probe_<name>, in file order.

    Raises:
        CourseError: the file is not Python, or a name is there twice.
    """
    try:
        functions = [node for node in ast.parse(probes).body if isinstance(node, ast.FunctionDef)]
    except (SyntaxError, ValueError) as error:
        raise CourseError(str(error), where, getattr(error, "lineno", None)) from error
    names = tuple(f.name.removeprefix("probe_") for f in functions if f.name.startswith("probe_"))
    if doubled := {name for name in names if names.count(name) > 1}:
        raise CourseError(f"probe_{min(doubled)} is there twice", where)
    return names


def converse(ours: socket.socket, job: Job, names: tuple[str, ...]) -> tuple[tuple[tuple[bytes, bytes], ...], End]:
    """Send the job, collect the frames of ``names``: (frames, how it ended).

    Raises:
        JailError: the job could not be sent.
    """
    budget = (
        job.limits.answer_mib * MIB
        + (len(names) + 4) * (framing.HEADER_LIMIT + framing.HEAD.size)
        + 8 * 1024 * job.limits.output_kib
    )
    cutter = framing.Frames(budget)
    got: list[tuple[bytes, bytes]] = []
    _send(ours, job, names)
    deadline = time.monotonic() + job.limits.wall_s + GRACE_S
    try:
        while True:
            ours.settimeout(max(0.001, deadline - time.monotonic()))
            data = ours.recv(MIB)
            for header, blob in cutter.feed(data):
                if not header:
                    return tuple(got), msgspec.json.decode(blob, type=End)
                got.append((header, blob))
            if not data:
                return tuple(got), End(fault="the jail's driver died")
    except TimeoutError:
        return tuple(got), End(ended=f"The run was stopped after {job.limits.wall_s:g} s.")
    except (framing.Oversize, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return tuple(got), End(ended="The run was stopped: it sent back more than may be sent.")
    except OSError as error:
        return tuple(got), End(fault=f"the jail's driver is gone: {error}")


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
        raise JailError(f"{bad[0]!r} is not a name below the submission")  # intake lets none through
    spec = {
        "files": [(name, len(content)) for name, content in files.items()],
        "probes": len(job.probes), "inputs": len(job.inputs), "names": names, "seed": job.seed,
        "limits": msgspec.to_builtins(job.limits),
    }  # fmt: skip
    parts = [*files.values(), job.probes, job.inputs]
    header = json.dumps(spec).encode()
    yield framing.HEAD.pack(len(header), sum(map(len, parts))) + header
    yield from filter(None, parts)  # sending nothing fails, too, where the driver has all and is done already
