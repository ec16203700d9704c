"""Frames: u32 header length | u64 blob length | header | blob. A frame with an empty header is the driver's own."""

import os
import struct
from collections.abc import Iterator

HEAD = struct.Struct("<IQ")
HEADER_LIMIT = 256 * 1024  # bytes


class Oversize(Exception):
    """A frame announces more than is left of the budget."""


class Frames:
    """Cuts a stream into frames. What a frame announces is checked before a byte of it is kept."""

    def __init__(self, budget: int) -> None:
        """``budget``: bytes that all frames together may hold."""
        self._budget, self._bytes = budget, bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The frames (header, blob) that ``data`` completes.

        Raises:
            Oversize: the next frame would break a limit; nothing after it can be trusted.
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
            whole = bytes(self._bytes[HEAD.size : middle]), bytes(self._bytes[middle:end])
            del self._bytes[:end]
            self._budget -= end
            yield whole


def send(descriptor: int, header: bytes, blob: bytes) -> None:
    """Write one frame, whole."""
    for part in (HEAD.pack(len(header), len(blob)) + header, blob):
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
