"""The same submission and seed give the same record and observations, byte for byte: again, in any tier, as any user.

python -m tests.grading.test_reproducible HW [part of a name]      the same for every known answer of an assignment
"""

import contextlib
import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from gradeprop.core import storage
from gradeprop.core.errors import NoJailError
from gradeprop.core.models import GradeRecord
from gradeprop.course import known_answers
from gradeprop.grading.grader import Grader, open_grader
from gradeprop.grading.settings import RunSettings
from gradeprop.grading.store import StudentFolders
from gradeprop.jail import Jail, open_jail
from tests.conftest import REPOSITORY, copy_toy, read_assignment
from tests.factory import submission
from tests.grading.runs import settings_of
from tests.jail.test_isolation import _reach

LOADER = """
import torch
from torch.utils.data import DataLoader, TensorDataset
def double(x):
    torch.set_num_threads(2)
    torch.rand(700, 700) @ torch.rand(700, 700)
    return torch.cat([2 * batch for (batch,) in DataLoader(TensorDataset(x), 2, num_workers=2)])
"""
THREADS = """
import torch
def double(x):
    torch.set_num_threads({})
    a = torch.randint(-9, 9, (700, 700), generator=torch.Generator().manual_seed(1)).double()
    assert torch.get_num_threads() == {}
    return 2 * x + (a @ a).sum()
"""
CODES = {
    "right": "def double(x):\n    return x + x\n",
    "rounded": "def double(x):\n    return x / 3 * 7\n",
    "drawn": "import torch, random, numpy\ndef double(x):\n"
    "    return x + torch.rand(3)[0] + random.random() + numpy.random.rand()\n",
    "one_thread": THREADS.format(1, 1),
    "two_threads": THREADS.format(2, 2),
    "tells_an_address": "def double(x):\n    raise ValueError(object())\n",
    "tells_a_set": "def double(x):\n    raise ValueError({'a', 'b', 'c', 'd', 'e'})\n",
    "tells_a_place": "import os\ndef double(x):\n    open(os.environ['HOME'] + '/draws/x')\n",
    "crashes": "import ctypes\ndef double(x):\n    ctypes.string_at(0)\n",
    "is_not_there": "",
}


Jails = dict[str, Jail]


def open_jails(stack: contextlib.ExitStack, root: Path) -> Jails:
    """By tier, those that this machine can make."""
    made = {}
    for tier in ("full", "restricted"):
        with contextlib.suppress(NoJailError):
            made[tier] = stack.enter_context(open_jail(root, tier=tier))  # type: ignore[arg-type]
    return made


def toy_grader(stack: contextlib.ExitStack, root: Path) -> Grader:
    """With a judge alone; each test gives it a jail."""
    return stack.enter_context(open_grader(StudentFolders(settings_of(copy_toy(root), 5)), with_jail=False))


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Grader, Jails]]:
    root = tmp_path_factory.mktemp("course")
    with contextlib.ExitStack() as stack:
        yield toy_grader(stack, root), open_jails(stack, root)


def grade_in(jail: Jail, grader: Grader, name: str, code: str) -> GradeRecord:
    folder = grader.settings.course.root / "handed in" / name
    submission(folder, "", {"student_code.py": code})
    return dataclasses.replace(grader, jail=jail).grade_one(folder)


def timeless(record: GradeRecord) -> bytes:
    return storage.to_json(msgspec.structs.replace(record, wall_s=0, cpu_s=0, tier="", seen=""))


def digest(grader: Grader, record: GradeRecord) -> str:
    """Of all that must be the same."""
    return sha256(timeless(record) + grader.folders.student(record.key).observations.read_bytes()).hexdigest()


def test_again_and_in_every_tier_the_record_is_the_same(room: tuple[Grader, Jails]) -> None:
    grader, jails = room
    digests: dict[str, set[str]] = {name: set() for name in CODES}
    for jail in (*jails.values(), *jails.values()):
        for name, code in CODES.items():
            record = grade_in(jail, grader, name, code)
            assert record.tier == jail.tier
            digests[name].add(digest(grader, record))
    assert {name for name, found in digests.items() if len(found) > 1} == set()
    assert len(set.union(*digests.values())) == len(CODES), "other code, another record"


def test_two_threads_give_what_one_gives(room: tuple[Grader, Jails]) -> None:
    grader, jails = room
    for jail in jails.values():
        one, two = (grade_in(jail, grader, name, CODES[name]) for name in ("one_thread", "two_threads"))
        assert one.results == two.results
        assert "differ from what was expected" in one.results[0].message


def test_a_data_loader_with_workers_gets_full_points_even_where_no_process_can_be_started(
    room: tuple[Grader, Jails],
) -> None:
    grader, jails = room
    assert [grade_in(jail, grader, "loader", LOADER).points for jail in jails.values()] == [10, 10]


@pytest.mark.slow
@pytest.mark.skipif("ALL_TESTS" not in os.environ, reason="takes long; make check runs it")
@pytest.mark.skipif(os.getuid() != 0, reason="we are an ordinary user already")
def test_an_ordinary_user_with_two_threads_in_their_environment_gets_the_same(room: tuple[Grader, Jails]) -> None:
    grader, jails = room
    if "full" not in jails:
        pytest.skip("no full tier on this machine")
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            _reach(Path(sys.base_prefix))
            os.dup2(writer, 1)
            user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
            environment = ["env", "HOME=/tmp", "OMP_NUM_THREADS=2", "MKL_NUM_THREADS=2", "PYTHONDONTWRITEBYTECODE=1"]
            os.execvp(user[0], [*user, *environment, sys.executable, "-m", "tests.grading.test_reproducible", "toy"])
        finally:
            os._exit(70)
    os.close(writer)
    with os.fdopen(reader) as said:
        theirs = said.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code and not theirs:
        pytest.skip("an ordinary user cannot be made to reach this Python")
    ours = {name: digest(grader, grade_in(jails["full"], grader, name, code)) for name, code in CODES.items()}
    assert json.loads(theirs) == ours


def print_toy() -> None:
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        grader, jail = toy_grader(stack, root), stack.enter_context(open_jail(root, tier="full"))
        print(json.dumps({name: digest(grader, grade_in(jail, grader, name, code)) for name, code in CODES.items()}))


def compare_tiers(name: str, part: str) -> None:
    """Print which known answers have another record, or other observations, in one tier than in the other."""
    paths, assignment = REPOSITORY.assignment(name), read_assignment(REPOSITORY, name)
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folders = StudentFolders(RunSettings(REPOSITORY, assignment, "sample", 5, root / "kept"))
        grader = stack.enter_context(open_grader(folders, with_jail=False))
        jails, reference = open_jails(stack, REPOSITORY.root), known_answers.reference_weights(paths, "sample")
        chosen = [case for case in known_answers.read_known_answers(assignment, paths) if part in case.name]
        for number, case in enumerate(chosen):
            folder, found, digests = (
                known_answers.write_answer(case, paths, reference, root / str(number)),
                set(),
                set(),
            )
            for jail in jails.values():
                record = dataclasses.replace(grader, jail=jail).grade_one(folder, case.name)
                found.add(timeless(record))
                digests.add(digest(grader, record))
            same = "OTHER RECORD" if len(found) > 1 else "other observations" if len(digests) > 1 else "same"
            print(f"{case.name:50} {same}", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "toy":
        print_toy()
    else:
        compare_tiers(sys.argv[1], *sys.argv[2:] or ("",))
