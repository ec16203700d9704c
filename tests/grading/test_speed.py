"""The order of magnitude of what a command costs, in processor time, as a multiple of ``import torch``.

benchmarks/cold.py measures it exactly; the limits here are about twice what it measures.
"""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from gradeprop.core.paths import AssignmentPaths
from tests.conftest import REPOSITORY
from tests.factory import submission

TOOL = Path(sys.executable).with_name("gradeprop")


def cpu_s(command: list[str | Path], folder: Path, status: int = 0) -> float:
    """Return the processor time of a command and of all processes that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.fixture(scope="module")
def import_torch_s(tmp_path_factory: pytest.TempPathFactory) -> float:
    command: list[str | Path] = [sys.executable, "-c", "import torch"]
    return min(cpu_s(command, tmp_path_factory.mktemp("empty")) for _ in range(3))


def test_one_submission_costs_a_few_imports_of_torch(
    toy: AssignmentPaths, tmp_path: Path, import_torch_s: float
) -> None:
    command: list[str | Path] = [TOOL, "grade", "toy", submission(tmp_path / "ada")]
    first = cpu_s(command, toy.course.root)
    unchanged = cpu_s(command, toy.course.root)
    assert first < 6 * import_torch_s
    assert unchanged < 2.5 * import_torch_s


def test_a_task_that_is_not_begun_is_named_in_a_part_of_an_import_of_torch(
    tmp_path: Path, import_torch_s: float
) -> None:
    folder = REPOSITORY.assignment("mnist_lenet").release
    command: list[str | Path] = [TOOL, "check", "lenet", "--folder", folder]
    took = cpu_s(command, tmp_path, status=1)
    assert took < 0.8 * import_torch_s
