"""The observations file: tensors in safetensors format, measured before they are read.

The jail writes it, the judge reads it; this module is all that the two share, with the seeds of the probes.
"""

import hashlib
import math
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple, get_args

import msgspec
from msgspec import Meta

from gradeprop.core import storage
from gradeprop.core.errors import WireError
from gradeprop.core.models import JailRun
from gradeprop.core.paths import StudentPaths

MAX_DIMENSIONS = 16
MAX_BLOB_BYTES = 1 << 30  # the jail's own limit is answer-mib

Dtype = Literal["BOOL", "U8", "I8", "I16", "I32", "I64", "F16", "BF16", "F32", "F64"]
_ITEM_BYTES = dict(zip(get_args(Dtype), (1, 1, 1, 2, 4, 8, 2, 2, 4, 8), strict=True))
_Size = Annotated[int, Meta(ge=0)]


class RawTensor(NamedTuple):
    """A tensor as little-endian, contiguous bytes; their number matches the shape, their values can be anything."""

    dtype: Dtype
    shape: tuple[int, ...]
    data: bytes


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    """The header entry of one tensor."""

    dtype: Dtype
    shape: Annotated[tuple[_Size, ...], Meta(max_length=MAX_DIMENSIONS)]
    data_offsets: tuple[_Size, _Size]


def probe_seed(run_seed: int, probe: str) -> int:
    """Return the seed of one probe, which does not tell the seed of the run: the judge draws from that one, too."""
    return int.from_bytes(hashlib.sha256(f"{run_seed}:{probe}".encode()).digest()[:4])


def unpack(blob: bytes, max_header_bytes: int = MAX_BLOB_BYTES) -> dict[str, RawTensor]:
    """Split an untrusted safetensors blob into its tensors, which must fill it without gap or overlap.

    Raises:
        WireError: the blob is anything else.
    """
    begin = start = 8 + int.from_bytes(blob[:8], "little")
    if not 8 < begin <= len(blob):
        raise WireError("A blob is shorter than its header says.")
    if begin > max_header_bytes:
        raise WireError("A blob's header is too large.")
    try:
        entries = msgspec.json.decode(blob[8:begin], type=dict[str, _Entry])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"A blob's header breaks the protocol: {error}") from error
    tensors: dict[str, RawTensor] = {}
    for name, entry in sorted(entries.items(), key=lambda item: item[1].data_offsets):
        if math.prod(size or 1 for size in entry.shape) > MAX_BLOB_BYTES:  # no bytes, yet no library could represent it
            raise WireError("An empty tensor is too large.")
        end = begin + math.prod(entry.shape) * _ITEM_BYTES[entry.dtype]
        if entry.data_offsets != (begin - start, end - start) or end > len(blob):
            raise WireError("A tensor's bytes do not fit its shape, overlap another tensor, or leave a gap.")
        tensors[name] = RawTensor(entry.dtype, entry.shape, blob[begin:end])
        begin = end
    if begin != len(blob):
        raise WireError("A blob is longer than its tensors.")
    return tensors


def pack(tensors: Mapping[str, RawTensor]) -> bytes:
    """Join tensors into a safetensors blob, the widest type first, so that each tensor is aligned."""
    entries, end = {}, 0
    tensors = dict(sorted(tensors.items(), key=lambda item: -_ITEM_BYTES[item[1].dtype]))
    for name, tensor in tensors.items():
        offsets = (end, end + len(tensor.data))
        entries[name], end = _Entry(tensor.dtype, tensor.shape, offsets), offsets[1]
    header = msgspec.json.encode(entries)
    header += b" " * (-len(header) % 8)
    return b"".join((len(header).to_bytes(8, "little"), header, *(tensor.data for tensor in tensors.values())))


def write_run(run: JailRun, tensors: dict[str, RawTensor], paths: StudentPaths) -> None:
    """Write a run and its tensors, each atomically; the run last, since its presence means that both are there."""
    storage.write_bytes(pack(tensors), paths.observations)
    storage.write(run, paths.run)
