"""What ``judge`` and its process of checks say to each other over a socket; both ends are ours."""

import socket
import struct
from typing import TypeVar

import msgspec

from gradeprop.core.models import CheckResult, DatasetRequirements, Record

_LENGTH = struct.Struct("<Q")
T = TypeVar("T")


class InputsRequest(Record, frozen=True, kw_only=True, tag="inputs"):
    """Asks for the held-out inputs."""

    dataset: str
    seed: int


class Swap(Record, frozen=True, kw_only=True):
    """A value to put in the place of one that came back: how checks take junk is tried so."""

    probe: str
    key: str
    value: msgspec.Raw


class CheckRequest(Record, frozen=True, kw_only=True, tag="check"):
    """Asks for the outcomes of one submission."""

    run: str
    observations: str
    dataset: str
    seed: int
    held: DatasetRequirements
    only: tuple[str, ...] | None = None
    """names of the checks to run; None for all"""
    swaps: tuple[Swap, ...] = ()
    """the checks are run once for each; empty: once, on what came back"""

    def asks_for(self, check: str) -> bool:
        return self.only is None or check in self.only


class Check(Record, frozen=True, kw_only=True):
    """One hidden check."""

    name: str
    question: str
    points: float
    line: str


class Ready(Record, frozen=True, kw_only=True):
    """What the process says once the checks are loaded."""

    checks: list[Check]
    flaws: list[CheckResult]


class CheckFinished(Record, frozen=True, kw_only=True):
    """One check has ended; ``used`` names the probes it asked for."""

    result: CheckResult
    used: list[str]


class CheckResponse(Record, frozen=True, kw_only=True):
    """All checks have ended."""

    results: list[CheckResult]
    used: dict[str, list[str]]
    fault: str = ""
    """a sentence if the machine failed: then there are no outcomes"""


def send_bytes(channel: socket.socket, data: bytes) -> None:
    """One message, its length first."""
    channel.sendall(_LENGTH.pack(len(data)) + data)


def send(channel: socket.socket, message: Record) -> None:
    """One record as a message."""
    send_bytes(channel, msgspec.json.encode(message))


def receive_bytes(channel: socket.socket) -> bytes | None:
    """The next message; None where the other side has ended."""
    head = _exactly(channel, _LENGTH.size)
    return None if head is None else _exactly(channel, _LENGTH.unpack(head)[0])


def receive(channel: socket.socket, kind: type[T]) -> T | None:
    """The next message as a record; both ends are ours, so a wrong one is a bug."""
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
