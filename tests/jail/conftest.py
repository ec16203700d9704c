"""A jail for each tier, and short ways to run student code in it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import msgspec
import pytest
import sklearn

from gradeprop.core.errors import NoJailError
from gradeprop.core.models import Limits
from gradeprop.jail import Jail, Job, JobResult, open_jail, wire

ROOT = Path(__file__).parents[2]
CANARY = "canary-7c1f"
HIDDEN = Path(sklearn.__file__).parent / "datasets" / "data"
# long times, so that a busy machine does not end honest code
LIMITS = Limits(probe_s=60, wall_s=120, memory_mib=1024, processes=32, disk_mib=16, output_kib=4, answer_mib=4)
ONE = "def probe_it(student, draw):\n    return {'it': student.it(draw)}\n"


class Result(NamedTuple):
    """The result of one probe: ``it`` is the value that it returned."""

    status: str
    message: str
    it: Any


@pytest.fixture(scope="module", params=["full", "restricted"])
def jail(request: pytest.FixtureRequest) -> Iterator[Jail]:
    """A jail of each tier that this machine supports."""
    os.environ["GRADEPROP_CANARY"] = CANARY
    try:
        with open_jail(ROOT, HIDDEN, tier=request.param) as jail:
            yield jail
    except NoJailError as error:
        pytest.skip(str(error))


def full(jail: Jail) -> None:
    """Skip the test in other tiers than the full one."""
    if jail.tier != "full":
        pytest.skip("child processes are only allowed where the job has namespaces of its own")


def submit(jail: Jail, code: str, probes: str = ONE, files: dict[str, bytes] | None = None, **limits: Any) -> JobResult:
    """Run student code and some probes as a job."""
    job = Job(
        files={"student_code.py": dedent(code).encode()} | (files or {}),
        given={"given/helper.py": b"X = 1\n"},
        probes=dedent(probes).encode(),
        inputs=b"",
        seed=5,
        limits=msgspec.structs.replace(LIMITS, **limits),
    )
    return jail.run(job)


def result_of(result: JobResult, name: str = "it") -> Result:
    """Decode the frame of one probe."""
    for header, blob in result.frames:
        probe, values, _ = wire.decode(header, blob, frozenset([json.loads(header)["probe"]]))
        if probe.name == name:
            it = json.loads(bytes(values["it"])) if "it" in values else None
            return Result(probe.status, probe.message, it)
    raise AssertionError(f"no frame of {name}: {result}")


def ask(jail: Jail, code: str, **limits: Any) -> Result:
    """Call the student's function ``it`` in the jail."""
    return result_of(submit(jail, code, **limits))


def running(pid: int) -> bool:
    """Check that a process exists and has not ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
