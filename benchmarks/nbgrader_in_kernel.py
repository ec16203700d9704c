"""What the grade cells of the benchmark's notebook call: our probes and hidden checks, run the way nbgrader runs tests,
in the student's own kernel. No jail, no second process, nothing that could not be forged; see nbgrader_ratio.py.
"""

import contextlib
import functools
import importlib
import inspect
import io
import os
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from types import ModuleType
from unittest import mock

with mock.patch.dict(os.environ, QT_API="none"):  # progress bars as text, as for us: no check could see a widget
    import tqdm.auto  # noqa: F401

import msgspec
import safetensors.torch
import torch

from gradeprop.core.models import ProbeResult
from gradeprop.core.observations import probe_seed
from gradeprop.core.paths import CoursePaths
from gradeprop.course.config import load_module, read_assignment
from gradeprop.guest import draw, runner
from gradeprop.judge.accessors import Seen
from gradeprop.judge.assertions import CheckFailed, Points, Show
from gradeprop.judge.observed import Expected, Observed

_BUDGET = 1 << 30


class Observations:
    """The observations of one module, probe by probe as checks ask for them."""

    def __init__(self, probes: dict, module: ModuleType, seed: int, inputs: dict, home: Path, kind: type) -> None:
        self.probes, self.module, self.seed, self.inputs, self.home = probes, module, seed, inputs, home
        self.is_reference = kind is Expected

    @functools.cache  # noqa: B019  (lives as long as the kernel)
    def __call__(self, name: str) -> Seen:
        drawn = draw.Draw(probe_seed(self.seed, name), name, self.home, self.inputs)
        status, message, values, blob = runner.run_probe(self.probes[name], self.module, drawn, _BUDGET)
        tensors = safetensors.torch.load(blob) if blob else {}
        raw = {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in values.items()}
        ended = ProbeResult(name=name, status=status, message=message)
        seen = Observed([ended], {name: raw}, lambda key: tensors[key.partition("/")[2]])
        return Expected(seen)(name) if self.is_reference else seen(name)


class Session:
    """The checks of one assignment, for the student_code.py in the kernel's folder."""

    def __init__(self, root: str, name: str, dataset: str, seed: int) -> None:
        torch.set_num_threads(1)
        paths = CoursePaths(Path(root)).assignment(name)
        sys.path.append(str(paths.course.source))
        here, nowhere = (Path(tempfile.mkdtemp()) for _ in range(2))
        (here / "submission").symlink_to(Path.cwd())
        (nowhere / "submission").mkdir()
        held_out = load_module(paths.held_out, "held_out").held_out if paths.held_out.is_file() else None
        inputs, answers = held_out(dataset, seed) if held_out else ({}, {})
        reference = load_module(paths.course.solution, "reference_solution")
        probes = runner.load_probes(paths.probes.read_bytes())
        self.fixtures = {
            "observed": Observations(probes, importlib.import_module("student_code"), seed, inputs, here, Observed),
            "expected": Observations(probes, reference, seed, inputs, nowhere, Expected),
            "answers": answers,
            "bars": read_assignment(paths.course, name).held_out[dataset].bars,
            "reference": reference,
            "points": Points(),
            "show": Show(),
        }
        self.checks = defaultdict(list)
        for file in sorted(paths.tests.glob("test_*.py")):
            for check in vars(load_module(file, file.stem)).values():
                for mark in getattr(check, "pytestmark", ()):
                    self.checks[mark.kwargs["question"]].append((check, mark.args[0]))

    def question(self, name: str) -> float:
        """The points of a question; nothing is printed, since nbgrader gives 0 for any stderr."""
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return float(sum(self._run(check, points) for check, points in self.checks[name]))

    def _run(self, check, points: float) -> float:
        torch.manual_seed(0)
        try:
            check(**{name: self.fixtures[name] for name in inspect.signature(check).parameters})
        except CheckFailed as failed:
            return max(0.0, min(float(failed.points), points))
        except AssertionError:
            return 0.0
        return points
