"""The reference side of a comparison: our solution, the held-out data, and what the probes return for the solution.

All of it is computed in the judge's own process, which student code never enters.
"""

import contextlib
import functools
import hashlib
import io
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import msgspec
import safetensors
import torch
from torch import Tensor

from gradeprop.core import observations, storage
from gradeprop.core.errors import CourseError, JailError
from gradeprop.core.models import JailRun, ProbeResult
from gradeprop.core.paths import AssignmentPaths, StudentPaths
from gradeprop.course.config import load_module, read_assignment
from gradeprop.guest import draw, runner, syscalls
from gradeprop.judge import self_test
from gradeprop.judge.observed import Expected, Observed

_MAX_BYTES = 1 << 30
_WALL_S = 120


@dataclass(frozen=True)
class ReferenceRun:
    """The values that checks compare a submission with, for one data set and seed."""

    solution: ModuleType
    answers: dict[str, Tensor]
    """the part of the held-out data that never enters the jail: labels; and the ``secret`` of the run"""
    expected: Expected
    """the observations of the reference solution, with the same draws"""
    files: StudentPaths
    """where these are stored"""


class Reference:
    """The reference solution and the held-out data of one assignment, loaded when they are first needed.

    Every probe runs under the first seed of a data set, which is where an error of the instructor's shows. Under any
    other seed a probe runs when a check asks for it, in the fork that runs the check.
    """

    def __init__(self, paths: AssignmentPaths, folder: Path) -> None:
        """Work in ``folder``, which the caller removes."""
        self._paths, self._folder = paths, folder
        self._load = functools.cache(load_module)
        self.held_out: Callable[[str, int], tuple[dict[str, Tensor], dict[str, Tensor]]]
        self.held_out = functools.lru_cache(maxsize=2)(self._held_out)
        self._first: dict[str, tuple[int, ReferenceRun]] = {}

    def _held_out(self, dataset: str, seed: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return inputs for the jail and answers for the checks; both are empty without a held_out.py."""
        if not self._paths.held_out.is_file():
            return {}, {}
        data: tuple[dict[str, Tensor], dict[str, Tensor]]
        data = self._load(self._paths.held_out, "held_out").held_out(dataset, seed)
        inputs, answers = data
        digest = hashlib.sha256(f"{seed}:answers".encode()).digest()
        return inputs, {**answers, "secret": torch.frombuffer(bytearray(digest), dtype=torch.uint8)}

    def run(self, dataset: str, seed: int) -> ReferenceRun:
        """Return what checks compare a submission with that ran under a seed.

        Raises:
            JailError: the machine failed.
            CourseError: a probe crashed, or never ended.
        """
        solution = self._load(self._paths.course.solution, "reference_solution")
        inputs, answers = self.held_out(dataset, seed)
        if dataset not in self._first:
            files = observe_reference(self._paths, solution, inputs, seed, self._folder / f"{dataset}-{seed}")
            expected = Expected(open_observations(files.run, files.observations))
            self._first[dataset] = seed, ReferenceRun(solution, answers, expected, files)
            syscalls.prepare_to_fork()
        first_seed, first = self._first[dataset]
        if seed == first_seed:
            return first
        run = functools.partial(_run_one, self._paths, solution, inputs, seed)
        return replace(first, answers=answers, expected=first.expected.under(run))


def observe_reference(
    paths: AssignmentPaths, solution: ModuleType, inputs: dict[str, Tensor], seed: int, home: Path
) -> StudentPaths:
    """Run every probe on the solution, in a fork, and store the observations below the new folder ``home``.

    A probe that needs a submission's files finds none, and its status is "absent"; with any other status than this and
    "ok" the course has an error, which its message explains to the instructor.

    Raises:
        JailError: the fork was killed, or the disk is full.
        CourseError: a probe crashed, or never ended.
    """
    files = StudentPaths(home / "kept")
    shutil.rmtree(home, ignore_errors=True)  # of a fork that was killed
    if (child := os.fork()) == 0:
        syscalls.die_with_parent()
        signal.alarm(_WALL_S)
        null = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):  # the solution's progress bars
            os.dup2(null, descriptor)
        try:
            _observe(paths, solution, inputs, seed, home, files)
        except (JailError, OSError):
            os._exit(os.EX_IOERR)
        except BaseException:
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status in (-signal.SIGKILL, os.EX_IOERR):
        why = "its files cannot be written" if status > 0 else "it was killed"
        raise JailError(f"the process that runs the reference solution failed: {why}")
    if status:
        raise CourseError(self_test.unfinished(home, _WALL_S), paths.probes)
    return files


def _observe(
    paths: AssignmentPaths, solution: ModuleType, inputs: dict[str, Tensor], seed: int, home: Path, files: StudentPaths
) -> None:
    (home / "submission").mkdir(parents=True)
    limits, began_s = read_assignment(paths.course, paths.name).limits, time.process_time()
    probes: list[ProbeResult] = []
    values: dict[str, dict[str, msgspec.Raw]] = {}
    tensors: dict[str, observations.RawTensor] = {}
    for name, probe in runner.load_probes(paths.probes.read_bytes()).items():
        self_test.begin(name, home)
        probe_began_s = time.process_time()
        source, caught = draw.Draw(observations.probe_seed(seed, name), name, home, inputs), list[BaseException]()
        ended = runner.run_probe(self_test.catching(probe, caught), solution, source, _MAX_BYTES)
        status, message, returned, blob = ended
        now_s = time.process_time()
        if status == "ok" and (slow := self_test.exceeded(limits, now_s - probe_began_s, now_s - began_s)):
            status, message = "error", slow
        probes.append(self_test.probe_result(name, status, message, caught, paths))
        values[name] = {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in returned.items()}
        tensors |= {f"{name}/{key}": tensor for key, tensor in (observations.unpack(blob) if blob else {}).items()}
    run = JailRun(
        assignment=paths.name,
        student="reference",
        seed=seed,
        dataset="",
        tier="trusted",
        probes=tuple(probes),
        values=values,
    )
    observations.write_run(run, tensors, files)


def _run_one(
    paths: AssignmentPaths, solution: ModuleType, inputs: dict[str, Tensor], seed: int, name: str
) -> runner.Observed:
    """Run one probe on the solution in this process, and leave everything as it was."""
    probe, folder, silent = runner.load_probes(paths.probes.read_bytes())[name], Path.cwd(), io.StringIO()
    with (
        tempfile.TemporaryDirectory() as home,
        torch.random.fork_rng(devices=[]),
        contextlib.redirect_stdout(silent),
        contextlib.redirect_stderr(silent),
    ):
        (Path(home) / "submission").mkdir()
        try:
            source = draw.Draw(observations.probe_seed(seed, name), name, Path(home), inputs)
            return runner.run_probe(probe, solution, source, _MAX_BYTES)
        finally:
            os.chdir(folder)


def open_observations(run_file: Path, observations_file: Path, expected: Expected | None = None) -> Observed:
    """Open the observations of one run; the file stays open until the process ends."""
    run = storage.read(JailRun, run_file)
    file = safetensors.safe_open(observations_file, framework="pt")
    names = frozenset(file.keys())  # type: ignore[no-untyped-call]

    def tensor(name: str) -> Tensor:
        if name not in names:
            raise KeyError(name)
        value: Tensor = file.get_tensor(name)  # type: ignore[no-untyped-call]
        return value

    return Observed(run.probes, run.values, tensor, run.ended, expected)
