"""Run every attack under both tiers, as the calling user and, for root, as an ordinary user too; write the table.

    python -m tests.hostile.report [FILE…]    →  docs/results/hostile.md, and the same on the terminal

An ordinary user is ``nobody``, if that user reaches this Python and this folder. Elsewhere, let a user run
``HOSTILE_RESULTS=FILE python -m pytest tests/hostile`` in a clone of their own, and name FILE here: it is added.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import torch

from tests.hostile.arena import TOY

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results" / "hostile.md"
NOBODY = 65534
TIERS = ("full", "restricted")
MODULES = (*(f"test_{tier}" for tier in TIERS), "test_assignments")
WORDS = {"passed": "stopped", "failed": "NOT STOPPED", "skipped": "no such tier", "error": "NOT STOPPED"}


def run(uid: int | None, results: Path) -> int:
    """Run the attacks, and add a line per outcome to ``results``."""
    user = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid else []
    files = [str(ROOT / "tests" / "hostile" / f"{module}.py") for module in MODULES]
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o777)
        base = str(Path(home, "base"))
        options = ["-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
        command = [*user, sys.executable, "-m", "pytest", *options, f"--basetemp={base}", *files]
        environment = os.environ | {
            "ALL_TESTS": "1",
            "HOSTILE_RESULTS": str(results),
            "HOME": home,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def reachable(uid: int) -> bool:
    """Return True if an ordinary user can run this Python on this folder, and start it once more from there."""
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import torch, gradeprop'], check=True)"
    command = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", sys.executable, "-c", code]
    return (
        shutil.which("setpriv") is not None
        and not subprocess.run(command, cwd=ROOT, check=False, stderr=subprocess.DEVNULL).returncode
    )


def table(rows: list[dict[str, str]]) -> list[str]:
    """Draw a row per attack: its outcome by tier, for all users together."""
    found: dict[tuple[str, str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in (row for row in rows if row["assignment"] == TOY):
        said = f"{WORDS[row['outcome']]}{''.join(f'; {known}' for known in row['known'])}"
        found[row["heading"], row["attack"], row["sentence"]][row["tier"]].add(said)
    lines, last = [], ""
    for (heading, _, sentence), tiers in found.items():
        if heading != last:
            lines += ["", f"## {heading}", "", f"| attack | {' | '.join(TIERS)} |", f"|---|{'---|' * len(TIERS)}"]
            last = heading
        cells = [" / ".join(sorted(tiers[tier])) or "–" for tier in TIERS]
        lines.append(f"| {sentence.replace('|', '&#124;').replace('<', '&lt;')} | {' | '.join(cells)} |")
    return lines


def assignments_table(rows: list[dict[str, str]]) -> list[str]:
    """Draw a row per assignment of the course: how many runs held by tier, and the attacks that were not stopped."""
    found: dict[str, dict[str, list[dict[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for row in (row for row in rows if row["assignment"] != TOY):
        found[row["assignment"]][row["tier"]].append(row)
    lines = ["", "## The assignments of the course", "", f"| assignment | {' | '.join(TIERS)} |", "|---|---|---|"]
    for assignment, tiers in found.items():
        lines.append(f"| {assignment} | {' | '.join(_held(tiers[tier]) for tier in TIERS)} |")
    return lines if found else []


def _held(rows: list[dict[str, str]]) -> str:
    failed = sorted({row["attack"] for row in rows if row["outcome"] in ("failed", "error")})
    return f"{sum(row['outcome'] == 'passed' for row in rows)} of {len(rows)}{''.join(f'; NOT {it}' for it in failed)}"


def head(rows: list[dict[str, str]], users: list[str]) -> list[str]:
    attacks = {(row["heading"], row["attack"]) for row in rows}
    held = sum(row["outcome"] == "passed" for row in rows)
    versions = f"Linux {platform.release()}, python {platform.python_version()}, torch {torch.__version__}"
    return [
        "# Hostile submissions: what was tried, and what happened",
        "",
        f"{len(attacks)} attacks, each a resubmission over an old full score, graded under both tiers as",
        f"{' and as '.join(users)}: {held} of {len(rows)} runs held. In each, no point was gained, none of the",
        "secrets planted in the course was found in what was kept, no process, file, mount or descriptor was left, the",
        "run ended in time, the student was told why in plain words, and the record of the neighbour graded next was",
        "the same, times aside; what a row says besides is excepted. The attacks know the tasks of a small course;",
        "they were submitted to it and to the assignments of the course, whose time limit was cut to 40 s.",
        f"Versions, as root or the user who made this table: {versions}.",
        "",
        "“stopped; sees …” is what a tier is known not to stop, “takes …” where it needs longer than the limit.",
        "Again: `make hostile`.",
    ]


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder, "results")
        results.touch()
        results.chmod(0o666)
        Path(folder).chmod(0o777)
        users = ["root"] if os.getuid() == 0 else ["an ordinary user"]
        failed = run(None, results)
        if os.getuid() == 0 and reachable(NOBODY):
            users.append("an ordinary user")
            failed = run(NOBODY, results) or failed
        files = [results, *map(Path, sys.argv[1:])]
        rows = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    if any(row["uid"] for row in rows) and "an ordinary user" not in users:
        users.append("an ordinary user")
    order = ("grade", "secrets", "machine", "neighbours", "files")
    rows.sort(key=lambda row: (order.index(row["heading"]), row["attack"]))
    text = "\n".join([*head(rows, users), *assignments_table(rows), *table(rows), ""])
    RESULTS.write_text(text, encoding="utf-8")
    print(text)
    return failed


if __name__ == "__main__":
    sys.exit(main())
