"""Correct answers under many seeds: does a verdict depend on chance?

    python -m tests.campaigns.seeds mnist_lenet [--seeds 1000] [--first 0] [--only TEXT] [--all] [--probes NAME …]

Each correct answer that draws random numbers of its own, and the reference, must get full points with every seed.
Without a jail, in one process: the real probes run on the answer and on the reference, then the real checks compare
the two. Checks that need trained weights are left out. Prints each failure, and a count per answer; ends with 1 if a
check failed.
"""

import argparse
import collections
import contextlib
import io
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import msgspec
import pytest
import safetensors.torch
import torch

from gradeprop.core.assignment import DatasetRequirements
from gradeprop.core.models import CheckResult, ProbeResult
from gradeprop.core.observations import probe_seed
from gradeprop.core.paths import STUDENT_CODE, AssignmentPaths, CoursePaths, StudentPaths
from gradeprop.course import known_answers
from gradeprop.course.config import load_module, read_assignment
from gradeprop.guest import draw, runner
from gradeprop.judge import plugin
from gradeprop.judge.observed import Expected, Observed
from gradeprop.judge.plugin import CheckContext
from gradeprop.judge.reference import ReferenceRun
from gradeprop.judge.server import _arguments

ROOT = Path(__file__).resolve().parents[2]
RANDOM = re.compile(r"rand|drop|shuffle|bernoulli|uniform|normal_|multinomial|sample|choice|seed", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """A correct answer, loaded, in the folder of its submission."""

    name: str
    module: ModuleType
    home: Path


class Campaign:
    """A pytest plugin whose run loop judges every answer under every seed, instead of running the checks once."""

    def __init__(self, paths: AssignmentPaths, answers: list[Answer], seeds: range, only: list[str]) -> None:
        self._answers, self._seeds, self._reference = answers, seeds, answers[0]
        probes = runner.load_probes(paths.probes.read_bytes())
        self._probes = {
            name: probe for name, probe in probes.items() if not only or any(name.startswith(one) for one in only)
        }
        self.failures: collections.Counter[str] = collections.Counter()
        self.judged = 0
        """checks that ran, over all answers and seeds"""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Judge, and tell pytest that there is nothing left to run."""
        began, items = time.monotonic(), []
        for number, seed in enumerate(self._seeds, start=1):
            reference = self._observe(self._reference, seed)
            expected = Expected(reference)
            run = ReferenceRun(self._reference.module, {}, expected, StudentPaths(self._reference.home))
            # which checks the chosen probes suffice for is seen on the reference, once
            items = items or [item for item in session.items if self._can_run(item, reference, run)]
            for answer in self._answers:
                seen = reference if answer is self._reference else self._observe(answer, seed, expected)
                for result in self._failed(items, seen, run):
                    self.failures[answer.name] += 1
                    print(f"{answer.name} seed {seed}: {result.check}: {result.message}", file=sys.__stdout__)
            if number % 50 == 0:
                print(f"… {number} seeds, {time.monotonic() - began:.0f} s", file=sys.__stdout__, flush=True)
        return True

    def _can_run(self, item: pytest.Item, reference: Observed, run: ReferenceRun) -> bool:
        observed = reference.swapped()
        result = plugin.run_check(item, CheckContext(observed, run, DatasetRequirements(bars={})))
        return result.verdict in ("passed", "failed") and observed.used <= self._probes.keys()

    def _failed(self, items: list[pytest.Item], seen: Observed, run: ReferenceRun) -> Iterator[CheckResult]:
        for item in items:
            result = plugin.run_check(item, CheckContext(seen.swapped(), run, DatasetRequirements(bars={})))
            self.judged += 1
            if result.points < result.possible:
                yield result

    def _observe(self, answer: Answer, seed: int, expected: Expected | None = None) -> Observed:
        """Run the probes on an answer; the observations stay in memory, after the same conversions as in the jail."""
        tensors: dict[str, torch.Tensor] = {}
        found, values = [], {}
        shutil.rmtree(answer.home / "draws", ignore_errors=True)
        for name, probe in self._probes.items():
            with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
                source = draw.Draw(probe_seed(seed, name), name, answer.home, {})
                status, message, returned, blob = runner.run_probe(probe, answer.module, source, 1 << 30)
            found.append(ProbeResult(name=name, status=status, message=message))
            values[name] = {key: msgspec.Raw(json.dumps(value).encode()) for key, value in returned.items()}
            tensors |= {f"{name}/{key}": t for key, t in (safetensors.torch.load(blob) if blob else {}).items()}
        # a check may write into a tensor
        return Observed(tuple(found), values, lambda key: tensors[key].clone(), expected=expected)


def load_answers(paths: AssignmentPaths, folder: Path, chosen: Callable[[str, str], bool]) -> list[Answer]:
    """Write and load the reference, and the other correct answers for which ``chosen(name, changed code)`` holds."""
    solution = paths.course.solution.read_text(encoding="utf-8")
    answers = []
    for number, case in enumerate(known_answers.read_known_answers(read_assignment(paths.course, paths.name), paths)):
        if case.name == "stub" or not (case.name == "reference" or chosen(case.name, _changed(case, solution))):
            continue
        home = folder / str(number)
        nothing = folder / "no weights"
        nothing.mkdir(exist_ok=True)
        without = msgspec.structs.replace(case, weights="none", remove=())
        submission = known_answers.write_answer(without, paths, nothing, home / "submission")
        answers.append(Answer(case.name, load_module(submission / STUDENT_CODE, f"answer_{number}"), home))
    return answers


def _changed(case: known_answers.KnownAnswer, solution: str) -> str:
    own = Path(case.folder) / STUDENT_CODE
    if case.folder and own.is_file():
        return "\n".join(set(own.read_text(encoding="utf-8").splitlines()) - set(solution.splitlines()))
    return "\n".join(new for _, new in case.replace)


def main(arguments: list[str] | None = None) -> int:
    """Run the campaign; return 1 if a check failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.seeds", description=__doc__.splitlines()[0])
    parser.add_argument("assignment")
    parser.add_argument("--seeds", type=int, default=1000, help="number of seeds (default: 1000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--only", default="", help="only answers whose name contains this")
    parser.add_argument("--all", action="store_true", help="also answers that draw no random numbers of their own")
    parser.add_argument("--probes", nargs="*", default=[], help="beginnings of the names of probes (default: all)")
    options = parser.parse_args(arguments)
    paths = CoursePaths(ROOT).assignment(options.assignment)

    def chosen(name: str, changed: str) -> bool:
        return name.startswith("right/") and options.only in name and (options.all or bool(RANDOM.search(changed)))

    torch.set_num_threads(1)
    here, folder = Path.cwd(), Path(tempfile.mkdtemp(prefix="seeds-"))
    sys.path.insert(0, str(paths.course.source))
    try:
        answers = load_answers(paths, folder, chosen)
        seeds = range(options.first, options.first + options.seeds)
        campaign = Campaign(paths, answers, seeds, options.probes)
        collected: Any = [plugin, campaign]
        with mock.patch.dict(os.environ, {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}):
            pytest.main(_arguments(paths), plugins=collected)
    finally:
        os.chdir(here)
        shutil.rmtree(folder, ignore_errors=True)
    for answer in answers:
        print(f"{answer.name}: {campaign.failures[answer.name]} failures with {options.seeds} seeds")
    print(f"{campaign.judged:,} checks ran.")
    return int(campaign.failures.total() > 0 or campaign.judged == 0)


if __name__ == "__main__":
    sys.exit(main())
