"""The list of possible submissions that a person must assign to a student."""

import msgspec

from gradeprop.core.models import Unattributed
from gradeprop.core.paths import AssignmentPaths


def read_unattributed(paths: AssignmentPaths) -> tuple[Unattributed, ...]:
    """Return the list of the last runs; empty if there is none that can be read."""
    try:
        return msgspec.json.decode(paths.unattributed.read_bytes(), type=tuple[Unattributed, ...])
    except (OSError, msgspec.MsgspecError):
        return ()
