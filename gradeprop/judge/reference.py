"""What the reference gives: the same probes with the same draws on our own solution, in the trusted process."""

import os
import shutil
import signal
from pathlib import Path
from types import ModuleType

import msgspec
from torch import Tensor

from gradeprop.core import observations, storage
from gradeprop.core.errors import JailError
from gradeprop.core.models import JailRun, ProbeResult
from gradeprop.core.paths import AssignmentPaths, StudentPaths
from gradeprop.guest import draw, runner, syscalls

_BUDGET = 1 << 30
_PATIENCE_S = 120


def observe_reference(
    paths: AssignmentPaths, solution: ModuleType, inputs: dict[str, Tensor], seed: int, home: Path
) -> StudentPaths:
    """Run every probe on the solution, in a fork, and keep what came back below the new folder ``home``.

    A probe that needs a submission's files finds none: it is kept as absent.

    Raises:
        JailError: the fork was killed, or the disk is full.
    """
    kept = StudentPaths(home / "kept")
    shutil.rmtree(home, ignore_errors=True)  # of a fork that was killed
    if (child := os.fork()) == 0:
        syscalls.die_with_parent()
        signal.alarm(_PATIENCE_S)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):  # the solution's progress bars
            os.dup2(nowhere, descriptor)
        try:
            _observe(paths, solution, inputs, seed, home, kept)
        except (JailError, OSError):
            os._exit(os.EX_IOERR)
        finally:
            os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status in (-signal.SIGKILL, os.EX_IOERR):
        why = "its files cannot be written" if status > 0 else "it was killed"
        raise JailError(f"the process that runs the reference solution failed: {why}")
    return kept


def _observe(
    paths: AssignmentPaths, solution: ModuleType, inputs: dict[str, Tensor], seed: int, home: Path, kept: StudentPaths
) -> None:
    (home / "submission").mkdir(parents=True)
    probes: list[ProbeResult] = []
    values: dict[str, dict[str, msgspec.Raw]] = {}
    tensors: dict[str, observations.RawTensor] = {}
    for name, probe in runner.load_probes(paths.probes.read_bytes()).items():
        drawn = draw.Draw(seed, name, home, inputs)
        status, message, found, blob = runner.run_probe(probe, solution, drawn, _BUDGET)
        probes.append(ProbeResult(name=name, status=status, message=message))
        values[name] = {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in found.items()}
        tensors |= {f"{name}/{key}": tensor for key, tensor in (observations.unpack(blob) if blob else {}).items()}
    storage.write_bytes(observations.pack(tensors), kept.observations)
    run = JailRun(
        assignment=paths.name,
        student="reference",
        seed=seed,
        dataset="",
        tier="trusted",
        probes=tuple(probes),
        values=values,
    )
    storage.write(run, kept.run)
