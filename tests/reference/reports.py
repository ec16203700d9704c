"""The JSON Schema of what commands print with ``--json``, made from the records."""

from typing import Any

import msgspec

from gradeprop.cli.reports import (
    AssignmentStatus,
    CaseLine,
    DatasetLine,
    DoctorReport,
    GradeLine,
    ScoreLine,
    StudentLine,
)

REPORTS: dict[str, Any] = {
    "data": list[DatasetLine],
    "doctor": DoctorReport,
    "grade": list[GradeLine],
    "scores": list[ScoreLine],
    "status": list[AssignmentStatus],
    "student list": list[StudentLine],
    "verify": list[CaseLine],
}
"""command → what ``--json`` prints"""


def schema() -> str:
    """Return the JSON Schema of all reports, under the name of each command."""
    schemas, definitions = msgspec.json.schema_components(REPORTS.values(), ref_template="#/$defs/{name}")
    found = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "What commands print with --json"}
    return msgspec.json.format(
        msgspec.json.encode({**found, "properties": dict(zip(REPORTS, schemas, strict=True)), "$defs": definitions}),
        indent=2,
    ).decode()
