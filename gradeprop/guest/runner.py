"""Probe runner: import student_code, then run the probes one after the other.

As soon as the import starts, the process belongs to the student: it may lie, hang or die, and decides nothing.
"""

import importlib
import json
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NoReturn

import matplotlib.pyplot as plt
import numpy as np
import safetensors.torch
import torch

from . import framing
from .draw import Draw
from .serialize import Packer, TooLarge
from .tracebacks import explain

Probe = Callable[[ModuleType, Draw], dict[str, Any]]


def load_probes(source: bytes) -> dict[str, Probe]:
    """Execute probes.py and return the functions probe_<name> by name. Call it before student code runs."""
    module = ModuleType("probes")
    exec(compile(source, "probes.py", "exec", dont_inherit=True), module.__dict__)
    return {name.removeprefix("probe_"): value for name, value in vars(module).items() if name.startswith("probe_")}


def load_inputs(blob: bytes) -> dict[str, torch.Tensor]:
    """Load the held-out inputs from safetensors; {} if there are none."""
    return safetensors.torch.load(blob) if blob else {}


def main(probes: dict[str, Probe], names: Sequence[str], draws: Sequence[Draw], budget: int, results: int) -> NoReturn:
    """Import student_code and send an empty frame, then send one frame for each probe in ``names``; never return."""
    submission = draws[0].submission
    student, failure = _import(submission)
    framing.send(results, b"", b"")
    for name, draw in zip(names, draws, strict=True):
        began = time.monotonic()
        status, message, values, blob = failure or run_probe(probes[name], student, draw, budget)
        header = _header(name, status, message, time.monotonic() - began, values)
        if len(header) > framing.HEADER_LIMIT:
            header, blob = _header(name, "error", _TOO_LARGE, time.monotonic() - began, {}), b""
        sys.__stdout__.flush()  # type: ignore[union-attr]
        framing.send(results, header, blob)
    os._exit(0)


_TOO_LARGE = "The code returned too much data."
Status = Literal["ok", "error", "timeout", "crash", "absent"]
Observed = tuple[Status, str, dict[str, Any], bytes]


def _header(name: str, status: str, message: str, wall_s: float, values: dict[str, Any]) -> bytes:
    header = {"probe": name, "status": status, "message": message, "wall_s": wall_s, "values": values}
    return json.dumps(header, allow_nan=False).encode()


def _import(submission: Path) -> tuple[ModuleType | None, Observed | None]:
    sys.path.insert(0, str(submission))
    sys.argv = ["student_code.py"]  # as for a script without arguments
    os.chdir(submission)
    if not Path("student_code.py").is_file():
        return None, ("absent", "student_code.py is not there.", {}, b"")
    try:
        _reset(0, submission)
        return importlib.import_module("student_code"), None
    except BaseException as error:
        status, message = explain(error, None, submission)
        return None, (status, f"student_code.py could not be imported, so nothing was run: {message}", {}, b"")


def run_probe(probe: Probe, student: ModuleType | None, draw: Draw, budget: int) -> Observed:
    """Run one probe and serialize its result."""
    packer = Packer(budget)
    try:
        _reset(draw.seed, draw.submission)
        assert student is not None
        values = packer.pack(probe(student, draw))
        return "ok", "", values, safetensors.torch.save(packer.tensors) if packer.tensors else b""
    except TooLarge:
        return "error", _TOO_LARGE, {}, b""
    except BaseException as error:
        return (*explain(error, student, draw.submission), {}, b"")


def _reset(seed: int, submission: Path) -> None:
    """Reset the process, so that one probe cannot change the result of the next."""
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would look for devices, and there are none
    torch.set_grad_enabled(True)
    torch.set_default_dtype(torch.float32)
    torch.set_num_threads(1)
    os.chdir(submission)
    plt.close("all")
    if plt.get_backend().lower() != "agg":
        plt.switch_backend("agg")
