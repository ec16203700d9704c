"""The messages between the judge's client and its server, over a socket; both ends are ours."""

import socket
import struct
from typing import TypeVar

import msgspec

from gradeprop.core.assignment import DatasetRequirements
from gradeprop.core.models import CheckResult, Record

_LENGTH = struct.Struct("<Q")
T = TypeVar("T")


class InputsRequest(Record, frozen=True, kw_only=True, tag="inputs"):
    """A request for the held-out inputs, ahead of the request to check a submission that gets them."""

    dataset: str
    seed: int
    requirements: DatasetRequirements


class Swap(Record, frozen=True, kw_only=True):
    """A value that replaces one of a probe's values, to see how the checks react to junk."""

    probe: str
    key: str
    value: msgspec.Raw


class CheckRequest(Record, frozen=True, kw_only=True, tag="check"):
    """A request for the check results of one submission."""

    run: str
    """path of the run's JSON file"""
    observations: str
    """path of the observations file"""
    dataset: str
    seed: int
    requirements: DatasetRequirements
    only: tuple[str, ...] | None = None
    """names of the checks to run; None for all"""
    swaps: tuple[Swap, ...] = ()
    """the checks run once for each swap; without any, once on the observations as they are"""


class Check(Record, frozen=True, kw_only=True):
    """One hidden check."""

    name: str
    question: str
    points: float
    line: str
    """the first line of its docstring, which the student reads"""
    place: str = ""
    """file and line, for the instructor"""


class Ready(Record, frozen=True, kw_only=True):
    """The server's first message, once the checks are loaded."""

    checks: list[Check]
    flaws: list[CheckResult]
    """errors in the checks themselves, as results of broken checks"""


class CheckFinished(Record, frozen=True, kw_only=True):
    """The result of one check, and the names of the probes that it used."""

    result: CheckResult
    used: list[str]
    trace: str = ""
    """the traceback of a broken check"""


class CheckResponse(Record, frozen=True, kw_only=True):
    """The results of all checks that were asked for."""

    results: list[CheckResult]
    used: dict[str, list[str]]
    """by check: the probes that it used"""
    traces: dict[str, str] = {}  # noqa: RUF012  (msgspec copies defaults)
    """by check: the traceback of each one that is broken"""
    machine_error: str = ""
    """a sentence if the machine failed; then there are no results"""


def send_bytes(channel: socket.socket, data: bytes) -> None:
    """Send one message: its length, then its bytes."""
    channel.sendall(_LENGTH.pack(len(data)) + data)


def send(channel: socket.socket, message: Record) -> None:
    """Send one record."""
    send_bytes(channel, msgspec.json.encode(message))


def receive_bytes(channel: socket.socket) -> bytes | None:
    """Return the next message, or None if the other side has ended."""
    head = _exactly(channel, _LENGTH.size)
    return None if head is None else _exactly(channel, _LENGTH.unpack(head)[0])


def receive(channel: socket.socket, kind: type[T]) -> T | None:
    """Return the next message as a record; both ends are ours, so one of another kind is a bug."""
    data = receive_bytes(channel)
    return None if data is None else msgspec.json.decode(data, type=kind)


def _exactly(channel: socket.socket, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        try:
            part = channel.recv(min(size - len(parts), 1 << 20))
        except ConnectionError:
            return None
        if not part:
            return None
        parts += part
    return bytes(parts)
