"""Decoder of the jail's frames, which are untrusted: sizes are checked before bytes are read, types before values.

A frame is a header, JSON of a closed type, and a blob, safetensors. Values stay undecoded JSON; the check that uses
them decides what they mean. Here they are only known to be JSON, not too deep, and to name tensors that exist. Tensors
stay bytes: this side needs no torch, and no decoder but ``core.observations.unpack``, which measures before it reads.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw

from gradeprop.core.errors import WireError
from gradeprop.core.models import ProbeResult, ProbeStatus
from gradeprop.core.observations import MAX_BLOB_BYTES, RawTensor, unpack
from gradeprop.guest.framing import HEADER_LIMIT

MAX_TENSORS = 2000  # for one probe
MAX_DEPTH = 20  # the guest sends 16 at most
MAX_ENTRIES_BYTES = 256 * MAX_TENSORS  # JSON before the tensors: it is read whole, before they can be counted
_MAX_MESSAGE = 200  # characters of a decoder's message, which may repeat the data


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    probe: str
    status: ProbeStatus
    message: Annotated[str, Meta(max_length=4096)]
    wall_s: Annotated[float, Meta(ge=0, le=1e6)]
    values: dict[str, Raw]


def decode(
    header: bytes, blob: bytes, names: frozenset[str]
) -> tuple[ProbeResult, dict[str, Raw], dict[str, RawTensor]]:
    """Decode one frame: how the probe ended, its values as undecoded JSON, its tensors by name.

    Args:
        header: untrusted JSON.
        blob: untrusted safetensors; b"" if there are no tensors.
        names: the probes of the job.

    Raises:
        WireError: the frame breaks the protocol.
    """
    if (
        len(header) > HEADER_LIMIT
        or len(blob) > MAX_BLOB_BYTES
        or int.from_bytes(blob[:8], "little") > MAX_ENTRIES_BYTES
    ):
        raise WireError("A frame is too large.")
    try:
        head = msgspec.json.decode(header, type=_Header)
        values = [msgspec.json.decode(value) for value in head.values.values()]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"A header breaks the protocol: {str(error)[:_MAX_MESSAGE]}") from error
    if head.probe not in names:
        raise WireError("A frame names a probe that is not in the job.")
    tensors = unpack(blob, MAX_ENTRIES_BYTES) if blob else {}
    if len(tensors) > MAX_TENSORS:
        raise WireError(f"A probe sent more than {MAX_TENSORS} tensors.")
    _check(values, tensors)
    return (
        ProbeResult(name=head.probe, status=head.status, message=head.message, wall_s=head.wall_s),
        head.values,
        tensors,
    )


def _check(values: Any, tensors: dict[str, RawTensor]) -> None:
    waiting, references = [(values, 0)], set()
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise WireError("Values are nested too deeply.")
        if isinstance(value, dict):
            if "$tensor" in value and not (isinstance(value["$tensor"], str) and value["$tensor"] in tensors):
                raise WireError("A value names a tensor that was not sent.")
            if "$tensor" in value and value["$tensor"] in references:  # it would be loaded once for each
                raise WireError("Two values name one tensor.")
            references.add(value.get("$tensor"))
            waiting += [(item, depth + 1) for item in value.values()]
        elif isinstance(value, list):
            waiting += [(item, depth + 1) for item in value]
