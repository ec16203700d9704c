"""A jail for each tier, and short ways to run student code in it."""

import contextlib
import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import msgspec
import pytest
import sklearn

from gradeprop.core.assignment import Limits
from gradeprop.core.errors import NoJailError
from gradeprop.jail import Jail, Job, JobResult, open_jail, wire
from gradeprop.jail.mounts import make_view

ROOT = Path(__file__).parents[2]
CANARY = "canary-7c1f"
PLANTED = "GRADEPROP_PLANTED"
"""an environment variable: folders that root has planted for an ordinary user"""
HIDDEN = Path(sklearn.__file__).parent / "datasets" / "data"
# long times, so that a busy machine does not end honest code
LIMITS = Limits(probe_s=60, wall_s=120, memory_mib=1024, processes=32, disk_mib=16, output_kib=4, answer_mib=4)
ONE = "def probe_it(student, draw):\n    return {'it': student.it(draw)}\n"
SITE = next(Path(entry) for entry in sys.path if Path(entry).name == "site-packages")
PLACES = (
    "/usr/local/share", "/usr/share", "/usr/local/lib", "/opt", "/srv", "/home", "/var/lib", "/etc", "/tmp", "/",
    sys.prefix, f"{sys.prefix}/share", f"{sys.prefix}/lib", SITE.parent, sys.base_prefix, f"{sys.base_prefix}/share",
)  # fmt: skip
PLANTED_FILES = (
    "source/course.toml", "grader_tests/hw/test_hw.py", "data/mnist/labels", "exchange/cs/inbound/ada.py",
    "exchange/cs/feedback/key", "gradebook.db", "libplanted.so", "planted.ttf",
)  # fmt: skip


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


@pytest.fixture(scope="module")
def planted() -> Iterator[list[str]]:
    """A course, data, an exchange and a gradebook beside all that the jail shows; nobody is told where.

    An ordinary user finds those that root has planted for this test: their folders are in the environment.
    """
    if PLANTED in os.environ:
        yield [folder for folder in json.loads(os.environ[PLANTED]) if Path(folder).exists()]
        return
    view = make_view(())
    whole = [
        Path(os.__file__).parent.resolve(),
        *map(Path, view.libraries),
    ]  # Python and its packages: all of it is seen
    places = {parent for path in view.paths for parent in path.parents} | {Path(place).resolve() for place in PLACES}
    folders = []
    with contextlib.ExitStack() as stack:
        for place in sorted(place for place in places if not any(place.is_relative_to(path) for path in whole)):
            folder = place / f"planted-{secrets.token_hex(4)}"
            with contextlib.suppress(OSError):  # in /sys, or not ours
                folder.mkdir()
                stack.callback(shutil.rmtree, folder)
                folders.append(str(folder))
                for file in PLANTED_FILES:
                    (folder / file).parent.mkdir(parents=True, exist_ok=True)
                    (folder / file).write_text("# planted")
        yield folders


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
