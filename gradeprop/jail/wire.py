"""Read what came out of the jail, and believe nothing: sizes before bytes, types before values.

A frame is a header, JSON of a closed type, and a blob, safetensors. Values stay undecoded JSON: what they mean is for
the check that looks at them. They are only known to be JSON, not too deep, and to name tensors that are there. Tensors
stay bytes: this side needs no torch, and no decoder but the one below, which reads nothing that it has not measured.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, get_args

import msgspec
from msgspec import Meta, Raw

from gradeprop.core.errors import WireError
from gradeprop.core.models import Probe, ProbeStatus
from gradeprop.guest.framing import HEADER_LIMIT

TENSORS = 2000  # of one probe
DEPTH = 20  # the jail packs 16
DIMENSIONS = 16
BLOB_LIMIT = 1 << 30  # bytes; the jail's own limit is answer-mib
ENTRIES_LIMIT = 256 * TENSORS  # bytes of JSON before the tensors: read whole, before they can be counted
_TELLING = 200  # characters of a decoder's message, which repeats what was sent

Dtype = Literal["BOOL", "U8", "I8", "I16", "I32", "I64", "F16", "BF16", "F32", "F64"]
_BYTES = dict(zip(get_args(Dtype), (1, 1, 1, 2, 4, 8, 2, 2, 4, 8), strict=True))
_Size = Annotated[int, Meta(ge=0)]


class RawTensor(NamedTuple):
    """A tensor as bytes, little-endian and contiguous; their number is that of the shape, their values are anything."""

    dtype: Dtype
    shape: tuple[int, ...]
    data: bytes


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    probe: str
    status: ProbeStatus
    message: Annotated[str, Meta(max_length=4096)]
    wall_s: Annotated[float, Meta(ge=0, le=1e6)]
    values: dict[str, Raw]


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    """One tensor in the header of a safetensors blob."""

    dtype: Dtype
    shape: Annotated[tuple[_Size, ...], Meta(max_length=DIMENSIONS)]
    data_offsets: tuple[_Size, _Size]


def decode(header: bytes, blob: bytes, names: frozenset[str]) -> tuple[Probe, dict[str, Raw], dict[str, RawTensor]]:
    """One frame: how the probe ended, its values as undecoded JSON, its tensors by name.

    Args:
        names: the probes that were asked.

    Raises:
        WireError: anything else than such a frame.
    """
    if len(header) > HEADER_LIMIT or len(blob) > BLOB_LIMIT or int.from_bytes(blob[:8], "little") > ENTRIES_LIMIT:
        raise WireError("A frame is larger than may be.")
    try:
        head = msgspec.json.decode(header, type=_Header)
        values = [msgspec.json.decode(value) for value in head.values.values()]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"A header breaks the protocol: {str(error)[:_TELLING]}") from error
    if head.probe not in names:
        raise WireError("A frame answers a probe that was not asked.")
    tensors = unpack(blob, ENTRIES_LIMIT) if blob else {}
    if len(tensors) > TENSORS:
        raise WireError(f"More than {TENSORS} tensors.")
    _check(values, tensors)
    return Probe(name=head.probe, status=head.status, message=head.message, wall_s=head.wall_s), head.values, tensors


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


def _check(values: Any, tensors: dict[str, RawTensor]) -> None:
    waiting, named = [(values, 0)], set()
    while waiting:
        value, depth = waiting.pop()
        if depth > DEPTH:
            raise WireError("Values are nested too deeply.")
        if isinstance(value, dict):
            if "$tensor" in value and not (isinstance(value["$tensor"], str) and value["$tensor"] in tensors):
                raise WireError("A value names a tensor that was not sent.")
            if "$tensor" in value and value["$tensor"] in named:  # each time it would be loaded once more
                raise WireError("Two values name one tensor.")
            named.add(value.get("$tensor"))
            waiting += [(item, depth + 1) for item in value.values()]
        elif isinstance(value, list):
            waiting += [(item, depth + 1) for item in value]
