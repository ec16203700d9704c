"""Frames: u32 header length | u64 blob length | header | blob; only the supervisor sends empty headers."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

HEAD = struct.Struct("<IQ")
HEADER_LIMIT = 256 * 1024  # bytes
CHUNK = 1 << 20


class Oversize(Exception):
    """A frame announces more bytes than the budget has left."""


class Frames:
    """Splits a stream into frames; a frame's announced size is checked before any byte of it is stored."""

    def __init__(self, budget: int) -> None:
        """Start with a budget in bytes for all frames together."""
        self._budget, self._bytes = budget, bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the frames (header, blob) that ``data`` completes.

        Raises:
            Oversize: the next frame would exceed a limit; nothing after it can be trusted.
        """
        self._bytes += data
        while len(self._bytes) >= HEAD.size:
            header, blob = HEAD.unpack_from(self._bytes)
            end = HEAD.size + header + blob
            if header > HEADER_LIMIT or end > self._budget:
                raise Oversize
            if len(self._bytes) < end:
                return
            middle = HEAD.size + header
            frame = bytes(self._bytes[HEAD.size : middle]), bytes(self._bytes[middle:end])
            del self._bytes[:end]
            self._budget -= end
            yield frame


def send(descriptor: int, header: bytes, blob: bytes) -> None:
    """Write one complete frame."""
    for part in (HEAD.pack(len(header), len(blob)) + header, blob):
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(descriptor, rest) :]


def read(descriptor: int, size: int) -> bytes:
    """Read ``size`` bytes that the grader sends.

    Raises:
        EOFError: the grader closed the connection.
    """
    data = bytearray()
    while len(data) < size:
        part = os.read(descriptor, min(size - len(data), CHUNK))
        if not part:
            raise EOFError("the grader is gone")
        data += part
    return bytes(data)


def receive_file(descriptor: int, size: int, file: Path) -> None:
    """Write the next ``size`` bytes that the grader sends to a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        while size:
            part = read(descriptor, min(size, CHUNK))
            size -= len(part)
            out.write(part)
