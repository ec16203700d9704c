"""The quick tests on every Python of this machine, with the newest versions and with the oldest allowed torch.

    make matrix
    python -m tests.campaigns.matrix 3.13 3.13/oldest    # some rows

uv finds or downloads each Python and makes its environment in .cache/matrix; pip's settings and UV_* variables apply.
A row runs the tests of ``QUICK``, of a copy that is installed, and says how many passed.
"""

import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

from tests.conftest import REPOSITORY

ROOT = REPOSITORY.root
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
ROWS = (*PYTHONS, "3.11/oldest")
"""a Python; /oldest: torch and torchvision in the oldest versions that pyproject.toml allows"""
QUICK = ("tests/core", "tests/judge", "tests/results", "tests/course", "tests/submissions", "tests/guest")


def oldest() -> list[str]:
    """Return torch and torchvision, pinned to the oldest versions that pyproject.toml allows."""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return [each.replace(">=", "==") + ".*" for each in asked if each.startswith("torch")]


def run_row(row: str) -> tuple[str, str]:
    """Make the environment of a row and run its tests; return the version of torch and the last line of pytest."""
    python, _, what = row.partition("/")
    folder = ROOT / ".cache" / "matrix" / row.replace("/", "-")
    uv = str(Path(sys.executable).parent / "uv")
    versions = oldest() if what else ["-c", "requirements.lock"]
    steps = (
        [uv, "venv", "--quiet", "--clear", "--python", python, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", str(folder), ".[dev]", *versions],
    )
    for command in steps:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.startswith("error:")] or [done.stderr.strip()]
            return "–", f"not installed: {lines[0]}"
    interpreter = str(folder / "bin" / "python")
    tests = [interpreter, "-m", "pytest", "-p", "no:cacheprovider", *QUICK]
    about = {name: value for name, value in os.environ.items() if name != "ALL_TESTS"}
    done = subprocess.run(
        [*tests, "-m", "not slow and not wall_clock"], cwd=ROOT, env=about, capture_output=True, text=True, check=False
    )
    (folder / "pytest.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    version = [interpreter, "-c", "import torch; print(torch.__version__)"]
    torch = subprocess.run(version, capture_output=True, text=True, check=False).stdout.strip()
    last = (done.stdout.strip().splitlines() or [f"ended with {done.returncode}, see {folder}/pytest.txt"])[-1]
    return torch or "–", re.sub(r"^=+ | =+$", "", last)


def main(rows: Sequence[str]) -> int:
    """Print the table, a row when it is done; return 1 if a test failed."""
    failed = False
    print("| Python | torch | tests | seconds |\n|---|---|---|---:|", flush=True)
    for row in rows or ROWS:
        start = time.monotonic()
        torch, said = run_row(row)
        failed |= "passed" not in said or "failed" in said or "error" in said
        print(f"| {row} | {torch} | {said} | {time.monotonic() - start:.0f} |", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
