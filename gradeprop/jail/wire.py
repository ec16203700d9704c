"""Read what came out of the jail, and believe nothing: sizes before bytes, types before values.

A frame is a header, JSON of a closed type, and a blob, safetensors. Values stay undecoded JSON: what they mean is for
the check that looks at them. They are only known to be JSON, not too deep, and to name tensors that are there. Tensors
stay bytes: this side needs no torch, and no decoder but the one below, which reads nothing that it has not measured.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw

from gradeprop.core.errors import WireError
from gradeprop.core.models import ProbeResult, ProbeStatus
from gradeprop.core.observations import BLOB_LIMIT, RawTensor, unpack
from gradeprop.guest.framing import HEADER_LIMIT

TENSORS = 2000  # of one probe
DEPTH = 20  # the jail packs 16
ENTRIES_LIMIT = 256 * TENSORS  # bytes of JSON before the tensors: read whole, before they can be counted
_TELLING = 200  # characters of a decoder's message, which repeats what was sent


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    probe: str
    status: ProbeStatus
    message: Annotated[str, Meta(max_length=4096)]
    wall_s: Annotated[float, Meta(ge=0, le=1e6)]
    values: dict[str, Raw]


def decode(
    header: bytes, blob: bytes, names: frozenset[str]
) -> tuple[ProbeResult, dict[str, Raw], dict[str, RawTensor]]:
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
    return (
        ProbeResult(name=head.probe, status=head.status, message=head.message, wall_s=head.wall_s),
        head.values,
        tensors,
    )


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
