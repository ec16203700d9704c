"""How grading a class scales: workers side by side, a class of thousands with broken and hostile code, and again.

    python benchmarks/scale.py workers [--n 200] [--workers 1 2 4]
    python benchmarks/scale.py mooc [--n 10000]
    python benchmarks/scale.py again [--n 200]

workers   the same class by 1, 2 and 4 workers: a whole process each, and submissions per minute between the tenth and
          the ninetieth of a hundred records, when every worker has started; efficiency is that rate per worker
mooc      of a hundred submissions one hangs, two raise, one has no code, one attacks (processes, memory, output, exit):
          records per minute, PSS of the processes of each kind at a tenth and at nine tenths of the way, and seconds in
          the jail; probes may take two seconds
again     what the same command costs when nothing, one submission or a check has changed, and --force

The submissions are those of benchmarks/quick: eight quick checks of LeNet-5, one thread each. Nothing else should run.
Prints a table and writes every row to docs/results/bench_scale_<which>.json.
"""

import argparse
import contextlib
import itertools
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

from nbgrader_ratio import RESULTS, SEED, copy_course, machine, submissions

from gradeprop.core import models, storage
from gradeprop.core.paths import STUDENT_CODE, AssignmentPaths, CoursePaths

ROOT = Path(__file__).resolve().parents[1]
Row = dict[str, object]
HOSTILE = (  # each is run at import, in turn
    "import os\nwhile True: os.fork()\n",
    "kept = []\nwhile True: kept.append(bytearray(1 << 24))\n",
    "while True: print('x' * 10_000)\n",
    "import os\nos._exit(0)\n",
)


def command(course: Path, handed_in: Path, *options: object) -> list[str]:
    start = "from gradeprop.cli.main import main; main()"
    where = ["--course", str(course), "grade", "quick", str(handed_in)]
    return [sys.executable, "-c", start, *where, *map(str, options)]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def grade(course: Path, handed_in: Path, *options: object) -> float:
    """Seconds of the whole command; a submission on hold is no failure here."""
    began = time.perf_counter()
    done = subprocess.run(
        command(course, handed_in, *options), env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode and "on hold" not in done.stderr:
        sys.exit(f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return time.perf_counter() - began


def fresh(home: Path, name: str) -> tuple[Path, AssignmentPaths]:
    course = home / name
    shutil.copytree(home / "course", course)
    return course, CoursePaths(course).assignment("quick")


def workers(home: Path, arguments: argparse.Namespace) -> list[Row]:
    rows: list[Row] = []
    for number, n in itertools.product(range(arguments.rounds), arguments.workers):
        course, paths = fresh(home, f"workers{n}-{number}")
        wall_s = grade(course, home / "class", "--workers", n, "--seed", SEED)
        ended = sorted(file.stat().st_mtime for file in paths.autograded.glob("*/record.json"))
        first, last = len(ended) // 10, len(ended) * 9 // 10
        rate = 60 * (last - first) / (ended[last] - ended[first])
        rows.append({"round": number, "workers": n, "wall_s": round(wall_s, 2), "per_minute": round(rate, 1)})
        print(rows[-1], flush=True)
        shutil.rmtree(course)
    best = {n: statistics.median(row["per_minute"] for row in rows if row["workers"] == n) for n in arguments.workers}
    alone = best[min(best)] / min(best)
    for n, rate in best.items():
        print(f"{n} workers {rate:8.0f}/min, {rate / alone:5.2f} times one, efficiency {rate / alone / n:.2f}")
    return rows


def spoil(handed_in: Path) -> None:
    """Five of a hundred, spread over the class."""
    for number, folder in enumerate(sorted(handed_in.iterdir())):
        code = folder / STUDENT_CODE
        match number % 100:
            case 7:
                code.write_text("import time\nwhile True: time.sleep(1)\n")
            case 27 | 47:
                code.write_text(code.read_text() + "\nraise RuntimeError('half done')\n")
            case 67:
                code.unlink()
            case 87:
                code.write_text(HOSTILE[number // 100 % len(HOSTILE)])


def mooc(home: Path, arguments: argparse.Namespace) -> list[Row]:
    spoil(home / "class")
    course, paths = fresh(home, "mooc")
    toml = paths.toml
    toml.write_text(f"{toml.read_text()}\n[limits]\nprobe-s = 2.0\nwall-s = 10.0\n")
    began, rows = time.perf_counter(), list[Row]()
    grader = subprocess.Popen(
        command(course, home / "class", "--workers", arguments.workers[0], "--seed", SEED),
        env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while grader.poll() is None:
        done = sum(1 for _ in paths.autograded.glob("[!.]*"))
        rows.append({"at_s": round(time.perf_counter() - began, 1), "done": done, "pss_mib": memory(grader.pid)})
        with contextlib.suppress(subprocess.TimeoutExpired):
            grader.wait(arguments.every_s)
    wall_s = time.perf_counter() - began
    graded = [storage.read(models.GradeRecord, file) for file in paths.autograded.glob("*/record.json")]
    took = sorted(record.wall_s for record in graded)
    warm = [row for row in rows if len(graded) <= 10 * row["done"] <= 9 * len(graded)] or rows
    print(f"{len(graded)} records in {wall_s:.0f} s: {60 * len(graded) / wall_s:.0f}/min")
    middle, late = statistics.median(took), took[int(0.95 * len(took))]
    print(f"in the jail: median {middle:.3f} s, p95 {late:.3f} s, most {took[-1]:.1f} s")
    for what in warm[0]["pss_mib"]:
        early, end = warm[0]["pss_mib"][what], warm[-1]["pss_mib"].get(what, 0)
        print(f"{what:10} {early:6.0f} MiB at a tenth {end:6.0f} MiB at nine tenths")
    kinds = defaultdict(int)
    for record in graded:
        kinds[record.status] += 1
    print(dict(kinds))
    return [*rows, {"wall_s": round(wall_s, 1), "records": len(graded), "p95_s": took[int(0.95 * len(took))], **kinds}]


def memory(grader: int) -> dict[str, float]:
    """PSS in MiB of the grader and of all below it, by kind."""
    found: dict[str, float] = defaultdict(float)
    below = [(grader, "grader")]
    while below:
        process, kind = below.pop()
        with contextlib.suppress(OSError, IndexError):
            name = Path(f"/proc/{process}/comm").read_text().strip()
            names = {"gradeprop-warm": "warm", "gradeprop-judge": "judges", "gradeprop-jail": "jails"}
            kind = names.get(name, kind)
            pss = next(
                row for row in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines() if row[:4] == "Pss:"
            )
            found[kind] += int(pss.split()[1]) / 1024
            for task in Path(f"/proc/{process}/task").iterdir():
                below += [(int(child), kind) for child in (task / "children").read_text().split()]
    return {kind: round(mib, 1) for kind, mib in found.items()}


def again(home: Path, arguments: argparse.Namespace) -> list[Row]:
    course, paths = fresh(home, "again")
    rows: list[Row] = []

    def measure(what: str, *options: object) -> None:
        rows.append(
            {
                "what": what,
                "wall_s": round(grade(course, home / "class", "--workers", arguments.workers[0], *options), 2),
            }
        )
        print(rows[-1], flush=True)

    measure("all, for the first time")
    measure("nothing has changed")
    code = sorted((home / "class").iterdir())[0] / STUDENT_CODE
    code.write_text(code.read_text() + "\n# handed in again\n")
    measure("one submission has changed")
    checks = paths.tests / "test_quick.py"
    checks.write_text(checks.read_text() + "\n# mended\n")
    measure("a check has changed")
    measure("--recheck", "--recheck")
    measure("--force", "--force")
    first = rows[0]["wall_s"]
    for row in rows:
        print(f"{row['what']:28} {row['wall_s']:8.2f} s {row['wall_s'] / first:8.3f} of the first time")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("which", choices=("workers", "mooc", "again"))
    parser.add_argument("--n", type=int, help="submissions")
    parser.add_argument("--workers", type=int, nargs="+", help="of mooc and again, the first counts")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--every-s", type=float, default=5.0, help="how often memory is looked at")
    arguments = parser.parse_args()
    arguments.n = arguments.n or {"workers": 200, "mooc": 10_000, "again": 200}[arguments.which]
    arguments.workers = arguments.workers or {"workers": [1, 2, 4]}.get(arguments.which, [os.cpu_count()])
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        submissions(copy_course("quick", home / "course"), "sample", arguments.n, home / "class")
        rows = {"workers": workers, "mooc": mooc, "again": again}[arguments.which](home, arguments)
    versions = {name: version(name) for name in ("gradeprop", "torch")} | {"python": platform.python_version()}
    result = {
        "schema": 1, "what": f"{arguments.which}: {__doc__.splitlines()[0]}", "machine": machine(),
        "load_average_before": round(load, 1), "versions": versions, "n": arguments.n, "workers": arguments.workers,
        "rows": rows,
    }  # fmt: skip
    storage.write_bytes(json.dumps(result, indent=2).encode() + b"\n", RESULTS / f"bench_scale_{arguments.which}.json")
    print(f"{machine()}; {versions}; load before {load:.1f}")


if __name__ == "__main__":
    main()
