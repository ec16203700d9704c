"""The observations file: tensors in safetensors format, checked before they are read."""

import math
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple, get_args

import msgspec
from msgspec import Meta

from gradeprop.core import storage
from gradeprop.core.errors import WireError
from gradeprop.core.models import JailRun
from gradeprop.core.paths import StudentPaths

DIMENSIONS = 16


BLOB_LIMIT = 1 << 30  # bytes; the jail's own limit is answer-mib


Dtype = Literal["BOOL", "U8", "I8", "I16", "I32", "I64", "F16", "BF16", "F32", "F64"]


_BYTES = dict(zip(get_args(Dtype), (1, 1, 1, 2, 4, 8, 2, 2, 4, 8), strict=True))


_Size = Annotated[int, Meta(ge=0)]


class RawTensor(NamedTuple):
    """A tensor as bytes, little-endian and contiguous; their number is that of the shape, their values are anything."""

    dtype: Dtype
    shape: tuple[int, ...]
    data: bytes


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    """One tensor in the header of a safetensors blob."""

    dtype: Dtype
    shape: Annotated[tuple[_Size, ...], Meta(max_length=DIMENSIONS)]
    data_offsets: tuple[_Size, _Size]


def unpack(blob: bytes, limit: int = BLOB_LIMIT) -> dict[str, RawTensor]:
    """The tensors of a safetensors blob, which must fill it without gap or overlap.

    Args:
        limit: bytes that its header may have.

    Raises:
        WireError: anything else.
    """
    begin = start = 8 + int.from_bytes(blob[:8], "little")
    if not 8 < begin <= len(blob):
        raise WireError("A blob is shorter than its header says.")
    if begin > limit:
        raise WireError("A blob's header is larger than may be.")
    try:
        entries = msgspec.json.decode(blob[8:begin], type=dict[str, _Entry])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"A blob's header breaks the protocol: {error}") from error
    tensors: dict[str, RawTensor] = {}
    for name, entry in sorted(entries.items(), key=lambda item: item[1].data_offsets):
        if math.prod(size or 1 for size in entry.shape) > BLOB_LIMIT:  # no bytes, and yet no library could hold it
            raise WireError("An empty tensor is larger than may be.")
        end = begin + math.prod(entry.shape) * _BYTES[entry.dtype]
        if entry.data_offsets != (begin - start, end - start) or end > len(blob):
            raise WireError("A tensor's bytes are not where its shape and its neighbours say.")
        tensors[name] = RawTensor(entry.dtype, entry.shape, blob[begin:end])
        begin = end
    if begin != len(blob):
        raise WireError("A blob is longer than its tensors.")
    return tensors


def pack(tensors: Mapping[str, RawTensor]) -> bytes:
    """The tensors as safetensors, for what is kept of a run; the widest first, so that each lies where its type may."""
    entries, end = {}, 0
    tensors = dict(sorted(tensors.items(), key=lambda item: -_BYTES[item[1].dtype]))
    for name, tensor in tensors.items():
        offsets = (end, end + len(tensor.data))
        entries[name], end = _Entry(tensor.dtype, tensor.shape, offsets), offsets[1]
    header = msgspec.json.encode(entries)
    header += b" " * (-len(header) % 8)
    return b"".join((len(header).to_bytes(8, "little"), header, *(tensor.data for tensor in tensors.values())))


def keep(run: JailRun, tensors: dict[str, RawTensor], kept: StudentPaths) -> None:
    """Write a run and its tensors, each whole or not at all; the run last, since it says that both are there."""
    storage.write_bytes(pack(tensors), kept.observations)
    storage.write(run, kept.run)
