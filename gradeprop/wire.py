"""Read what came out of the jail, and believe nothing: sizes before bytes, types before values.

A frame is a header, JSON of a closed type, and a blob, safetensors. Values stay undecoded JSON: what they mean is for
the check that looks at them. They are only known to be JSON, not too deep, and to name tensors that are there.
"""

import math
from typing import Annotated, Any, Literal, get_args

import msgspec
import safetensors.torch
from msgspec import Meta, Raw
from torch import Tensor

from gradeprop.errors import WireError
from gradeprop.inside.frames import HEADER_LIMIT
from gradeprop.records import Probe, ProbeStatus

TENSORS = 2000
DEPTH = 20  # the jail packs 16
DIMENSIONS = 16
BLOB_LIMIT = 1 << 30  # bytes; the jail's own limit is answer-mib

_Size = Annotated[int, Meta(ge=0)]
_Dtype = Literal["BOOL", "U8", "I8", "I16", "I32", "I64", "F16", "BF16", "F32", "F64"]
_BYTES = dict(zip(get_args(_Dtype), (1, 1, 1, 2, 4, 8, 2, 2, 4, 8), strict=True))


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    probe: str
    status: ProbeStatus
    message: Annotated[str, Meta(max_length=4096)]
    wall_s: Annotated[float, Meta(ge=0, le=1e6)]
    values: dict[str, Raw]


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    """One tensor in the header of a safetensors blob."""

    dtype: _Dtype
    shape: Annotated[list[_Size], Meta(max_length=DIMENSIONS)]
    data_offsets: tuple[_Size, _Size]


def decode(header: bytes, blob: bytes, names: frozenset[str]) -> tuple[Probe, dict[str, Raw], dict[str, Tensor]]:
    """One frame: how the probe ended, its values as undecoded JSON, its tensors by name.

    Args:
        names: the probes that were asked.

    Raises:
        WireError: anything else than such a frame.
    """
    if len(header) > HEADER_LIMIT or len(blob) > BLOB_LIMIT:
        raise WireError("A frame is larger than may be.")
    try:
        head = msgspec.json.decode(header, type=_Header)
        values = msgspec.json.decode(header)["values"]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"A header breaks the protocol: {error}") from error
    if head.probe not in names:
        raise WireError("A frame answers a probe that was not asked.")
    tensors = _tensors(blob)
    _check(values, tensors)
    return Probe(name=head.probe, status=head.status, message=head.message, wall_s=head.wall_s), head.values, tensors


def _tensors(blob: bytes) -> dict[str, Tensor]:
    if not blob:
        return {}
    length = int.from_bytes(blob[:8], "little")
    if length > min(len(blob) - 8, HEADER_LIMIT):
        raise WireError("A blob's header is larger than may be.")
    try:
        entries = msgspec.json.decode(blob[8 : 8 + length], type=dict[str, _Entry])
        for entry in entries.values():
            begin, end = entry.data_offsets
            if math.prod(entry.shape) * _BYTES[entry.dtype] != end - begin or end > len(blob) - 8 - length:
                raise WireError("A tensor's shape is not that of its bytes.")
        if len(entries) > TENSORS:
            raise WireError(f"More than {TENSORS} tensors.")
        return safetensors.torch.load(blob)
    except WireError:
        raise
    except Exception as error:  # whatever a decoder can raise: KeyError, OverflowError, its own kinds
        raise WireError(f"A blob breaks the protocol: {error}") from error


def _check(values: Any, tensors: dict[str, Tensor]) -> None:
    waiting = [(values, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > DEPTH:
            raise WireError("Values are nested too deeply.")
        if isinstance(value, dict):
            if "$tensor" in value and not (isinstance(value["$tensor"], str) and value["$tensor"] in tensors):
                raise WireError("A value names a tensor that was not sent.")
            waiting += [(item, depth + 1) for item in value.values()]
        elif isinstance(value, list):
            waiting += [(item, depth + 1) for item in value]
