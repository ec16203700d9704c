"""Kill the grader and everything below it, at seeded moments, and see that no grade is lost, invented or old.

    python -m tests.campaigns.chaos [--rounds 200] [--seed N]

Every round starts from a class that is graded whole and grades another set of submissions by the same students:

points   a grader that kills itself just before the n-th change of a file or commit of the gradebook, for every n
grader   a real ``gradeprop grade``, killed from outside at a random moment, start-up included
workers  what a grader started, killed while it works: zygote, judge, driver, runner, and the judge's forks

After a kill of the grader every student's folder is as before, as it must become, absent, or says that it was not
graded; the next run makes it all right. A grader that survives its workers has made it all right itself. Right means:
byte for byte what a calm run with the same seed left, but for times; and no file, folder or process beside that.
"""

import argparse
import contextlib
import functools
import json
import os
import random
import resource
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gradeprop.core.errors import GradepropError, JailError
from gradeprop.core.paths import CoursePaths
from gradeprop.course.config import read_assignment
from gradeprop.grading.batch import run
from gradeprop.grading.grader import Grader, open_grader
from gradeprop.grading.jobs import plan
from gradeprop.grading.settings import RunSettings
from gradeprop.grading.store import Store, StudentFolders
from gradeprop.grading.workers import Serial
from gradeprop.guest import syscalls
from gradeprop.results import gradebook
from gradeprop.submissions import discovery
from tests.conftest import REPOSITORY, copy_toy
from tests.factory import RIGHT, WRONG, submission, zip_file

SEED = 20261121
PATIENCE_S = 120.0
SLOW = "import time\ntime.sleep(0.03)\n"
ANSWERS = (
    RIGHT,
    "def double(x):\n    return x / 2\n",
    SLOW + "def double(x):\n    time.sleep(0.05)\n    return 2 * x\n",
    "def double(x)\n    pass\n",
    "import os\ndef double(x):\n    os._exit(0)\n",
    "from given.helper import FACTOR\nimport time\ndef double(x):\n    time.sleep(0.1)\n    return FACTOR * x\n",
    "def halve(x):\n    return x\n",
    "import os\ndef double(x):\n    if len(x) == 3: os.kill(os.getpid(), 9)\n    return x + x\n",
    WRONG,
    "x = 1\n",
    "def double(x):\n    return x + nothing\n",
    SLOW + "def double(x):\n    return x * 2.0\n",
)
NAMES = ("ada", "bob, Jr", "=cmd()", "李小龍", "eve", "dan", "fay", "gus", "hal", "ivy", "jo", "kim")


def write_class(folder: Path, shift: int, number: int = len(NAMES)) -> Path:
    """A class; with another ``shift`` everybody submits something else. Some are zips."""
    for place, name in enumerate(NAMES[:number]):
        code = ANSWERS[(place + shift) % len(ANSWERS)]
        if place % 6 == 5:
            zip_file(folder / f"{name}.zip", {"student_code.py": code, "notes/read me.txt": name})
        else:
            submission(folder / name, code)
    return folder


# ---- what is there after a run, and what must be


def student(folder: Path) -> dict[str, Any]:
    """All that is kept of a student, without times."""
    kept: dict[str, Any] = {
        str(file.relative_to(folder)): file.read_bytes() if file.is_file() else None for file in folder.rglob("*")
    }
    for name in ("record.json", "run.json"):
        if name in kept:
            kept[name] = _timeless(json.loads(kept[name]))
    return kept


def _timeless(found: Any) -> Any:
    if isinstance(found, dict):
        return {key: _timeless(value) for key, value in found.items() if key not in ("wall_s", "cpu_s", "seen")}
    return [_timeless(value) for value in found] if isinstance(found, list) else found


def students(course: Path) -> dict[str, dict[str, Any]]:
    folder = course / "autograded" / "toy"
    return {each.name: student(each) for each in sorted(folder.glob("[!.]*")) if each.is_dir()}


def scores(course: Path) -> dict[str, list[Any]]:
    """By student: each cell's scores, and what a person is told."""
    query = """
        SELECT submitted_assignment.student_id, base_cell.name, grade.auto_score, grade.needs_manual_grade
        FROM grade JOIN base_cell ON base_cell.id = grade.cell_id
        JOIN submitted_notebook ON submitted_notebook.id = grade.notebook_id
        JOIN submitted_assignment ON submitted_assignment.id = submitted_notebook.assignment_id
        UNION ALL SELECT submitted_assignment.student_id, base_cell.name, comment.auto_comment, NULL
        FROM comment JOIN base_cell ON base_cell.id = comment.cell_id
        JOIN submitted_notebook ON submitted_notebook.id = comment.notebook_id
        JOIN submitted_assignment ON submitted_assignment.id = submitted_notebook.assignment_id"""
    rows: dict[str, list[Any]] = {}
    if (course / "gradebook.db").exists():
        with (
            contextlib.closing(sqlite3.connect(course / "gradebook.db")) as database,
            contextlib.suppress(sqlite3.OperationalError),  # no tables yet
        ):
            for name, *row in sorted(database.execute(query).fetchall(), key=repr):
                rows.setdefault(name, []).append(row)
    return rows


def state(course: Path) -> dict[str, Any]:
    table = course / "autograded" / "toy" / "grades.csv"
    found = {"students": students(course), "table": table.read_bytes() if table.exists() else b""}
    return found | {"gradebook": scores(course)}


def differences(found: dict[str, Any], right: dict[str, Any]) -> list[str]:
    """Where two states differ, in words."""
    wrong = [f"the {what} differs" for what in ("table",) if found[what] != right[what]]
    for what in ("students", "gradebook"):
        for name in sorted({*found[what], *right[what]}):
            if (got := found[what].get(name)) != (must := right[what].get(name)):
                wrong.append(f"{what}: {name}: {_first(got, must)}")
    return wrong


def _first(got: Any, must: Any) -> str:
    if isinstance(got, dict) and isinstance(must, dict):
        key = next(key for key in [*must, *got] if got.get(key) != must.get(key))
        return f"{key}: {_first(got.get(key), must.get(key))}"
    return f"{str(got)[:200]} and not {str(must)[:200]}"


def mixtures(course: Path, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What is neither as before nor as it must become, nor says that it was not graded."""
    wrong = []
    for name, found in students(course).items():
        waits = set(found) == {"record.json", "feedback.html"} and found["record.json"]["status"] == "not_graded"
        if not waits and found not in (before["students"].get(name), after["students"].get(name)):
            wrong.append(f"{name} is a mixture of {sorted(found)}")
    table = course / "autograded" / "toy" / "grades.csv"
    if table.exists() and table.read_bytes() not in (before["table"], after["table"]):
        wrong.append("the table is neither the old nor the new one")
    for name, rows in scores(course).items():
        if rows not in (before["gradebook"].get(name), after["gradebook"].get(name)):
            wrong.append(f"the gradebook has a mixture for {name}: {rows}")
    return wrong


def litter(course: Path, temporary: Path | None = None) -> list[str]:
    """Files and folders that no finished run leaves."""
    folder = course / "autograded" / "toy"
    found = [*folder.glob(".*"), *folder.glob("*/.*"), *course.glob("gradebook.db-*"), *course.glob(".*")]
    found += temporary.glob("[!t]*") if temporary else ()  # torchinductor_…: a cache of torch's, one per user
    wrong = [f"{path} is left" for path in found if path.name != ".lock"]
    return wrong + ([".lock still names a grader"] if (folder / ".lock").stat().st_size else [])


# ---- processes


def children(process: int) -> list[int]:
    with contextlib.suppress(OSError):
        tasks = Path(f"/proc/{process}/task").glob("*/children")
        return [int(child) for task in tasks for child in task.read_text().split()]
    return []


def roles(grader: int) -> Iterator[tuple[str, int]]:
    """What a grader has started: (role, process)."""
    for child in children(grader):
        with contextlib.suppress(OSError):
            name = Path(f"/proc/{child}/comm").read_text().strip()
            if name == "gradeprop-warm":
                yield "warm", child
            elif name == "gradeprop-judge":
                yield "judge", child
                yield from (("fork", fork) for fork in children(child))
            elif name == "gradeprop-jail":
                yield "outer", child
                below = children(child)
                zygote = below[0] if below and _namespace(child) != _namespace(below[0]) else child  # if it has its own
                yield "zygote", zygote
                for driver in children(zygote):
                    yield "driver", driver
                    yield from (("runner", runner) for runner in children(driver))


def _namespace(process: int) -> str:
    return os.readlink(f"/proc/{process}/ns/pid")  # noqa: PTH115


def wait_for_orphans(but: tuple[int, ...] = ()) -> list[str]:
    """We adopt what a killed grader leaves behind (see ``kernel.adopt_orphans``); all of it must end by itself."""
    deadline = time.monotonic() + PATIENCE_S
    while left := [child for child in children(os.getpid()) if child not in but]:
        for child in left:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, os.WNOHANG)
        if time.monotonic() > deadline:
            names = [Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ")[:200] for child in left]
            return [f"processes are left: {names}"]
        time.sleep(0.01)
    return []


class Server:
    """A process that has a grader warm and grades when told to; it is the program below, ``serve``."""

    def __init__(self, course: Path, temporary: Path) -> None:
        command = [sys.executable, "-m", "tests.campaigns.chaos", "--serve", str(course)]
        self._process = subprocess.Popen(
            command, cwd=REPOSITORY.root, env=environment(temporary), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.pid, self._heard = self._process.pid, b""

    def ready(self) -> "Server":
        assert self.hear() == "ready"
        return self

    def tell(self, *words: object) -> None:
        assert self._process.stdin
        self._process.stdin.write("\t".join(map(str, words)).encode() + b"\n")
        self._process.stdin.flush()

    def speaks(self, within_s: float) -> bool:
        """Whether a line is there, or comes in time."""
        assert self._process.stdout
        return b"\n" in self._heard or bool(select.select([self._process.stdout], [], [], within_s)[0])

    def hear(self) -> str:
        assert self._process.stdout
        while b"\n" not in self._heard:
            more = os.read(self._process.stdout.fileno(), 1 << 16)
            assert more, "the grader died"
            self._heard += more
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode()

    def grade(self, folder: Path, kill_at: int = 0, largest_file: int = -1) -> int:
        """In a fork: grade a class, or be killed before the n-th change; the number of changes, negative if killed.

        Raises:
            JailError: the text of whatever error of the house ended the fork.
        """
        self.tell("fork", folder, kill_at, largest_file)
        told = self.hear()
        if told.startswith("!"):
            raise JailError(told[1:])
        return int(told)

    def close(self) -> None:
        self._process.communicate()


def environment(temporary: Path) -> dict[str, str]:
    temporary.mkdir(exist_ok=True)
    return os.environ | {"TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}


def serve(course: Path) -> None:
    """Grade one class after the other, as standard input says; a line per submission and one at the end."""
    paths = CoursePaths(course)
    settings = RunSettings(paths, read_assignment(paths, "toy"), "sample", SEED)
    with open_grader(StudentFolders(settings)) as grader:
        grader.judge.wait_until_loaded()
        say("ready")
        for line in sys.stdin:
            how, folder, *more = line.rstrip("\n").split("\t")
            named = list(discovery.find_submissions([Path(folder)], settings.assignment).submissions)
            if how == "grade":
                say("begin")
                grade(grader, named, lambda: say("next"))
                say("end")
            else:
                say(_in_a_fork(grader, named, *map(int, more)))


def grade(grader: Grader, named: list[tuple[Path, str]], tick: Callable[[], None] = lambda: None) -> None:
    with Store(grader.settings) as store:
        run(store, plan(store, named), Serial(grader), lambda job, record: tick())


def say(what: object) -> None:
    print(what, flush=True)


def _in_a_fork(grader: Grader, named: list[tuple[Path, str]], kill_at: int, largest_file: int) -> str:
    """Grade with the warm jail and judge of this process, in a process that can be killed."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        grader.jail._process.poll = lambda: None  # type: ignore[union-attr,method-assign]  # alive, but not our child
        count = _count_changes(kill_at)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
        gradebook.write = functools.partial(gradebook.write, patience_s=1)
        try:
            grade(grader, named)
            told = str(count())
        except GradepropError as error:
            told = f"!{error}".replace("\n", " ")
        os.write(writer, told.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        told = file.read()
    os.waitpid(child, 0)
    return told or f"-{kill_at}"


def _count_changes(kill_at: int) -> Any:
    """Count what changes a file's name or the gradebook; be killed before the n-th."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    done = 0

    def step(*_: object) -> None:
        nonlocal done
        done += 1
        if done == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(real: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            step()
            return real(*arguments, **named)

        return call

    for name in ("rename", "replace", "mkdir", "rmdir", "unlink", "ftruncate"):
        setattr(os, name, watched(getattr(os, name)))
    event.listen(Engine, "commit", step)
    event.listen(Engine, "before_cursor_execute", lambda *a: step() if a[2].lstrip()[:6].upper() == "CREATE" else None)
    return lambda: done


# ---- the three series


class Chaos:
    """A scratch folder with a course for each series, the calm states, and what was found wrong."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.random = root, random.Random(seed)
        self.kills: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.folders = [write_class(root / f"class{shift}", shift) for shift in (0, 1)]
        self.few = [write_class(root / f"few{shift}", shift, 2) for shift in (0, 2)]

    def found(self, where: str, wrong: list[str]) -> None:
        self.wrong += [f"{where}: {each}" for each in wrong]
        for each in wrong:
            print(f"  {where}: {each}", flush=True)

    def calm(self, course: Path, server: Server, folders: list[Path]) -> list[dict[str, Any]]:
        """The state after an undisturbed run of each class; the last one is what is there."""
        states = []
        for folder in folders:
            for old in (course / "autograded", course / "gradebook.db"):
                shutil.rmtree(old, ignore_errors=True)
                old.unlink(missing_ok=True) if old.is_file() else None
            server.grade(folder)
            states.append(state(course))
        self.found("calm", differences(states[-1], states[-1]) + litter(course))
        return states

    def open(self, name: str) -> tuple[Path, Server]:
        """A course of its own, and a warm grader for it."""
        course = copy_toy(self.root / name).course.root
        return course, Server(course, self.root / f"tmp-{name}").ready()

    def points(self, course: Path, server: Server, every: int = 1) -> None:
        """Killed before every n-th change, over a class that was graded before and over a course that is new."""
        before, after = self.calm(course, server, self.few)
        server.grade(self.few[0])
        saved = self.root / "saved"
        shutil.copytree(course, saved)
        new = {"students": {}, "gradebook": {}, "table": b""}
        for start in (saved, None):
            changes, number = 0, 0
            while number <= changes:
                restore(course, start)
                if number == 0:
                    changes = server.grade(self.few[1])
                elif server.grade(self.few[1], number) < 0:
                    self.kills["grader, at a change"] += 1
                    where = f"killed before change {number} of {changes}{'' if start else ' of a new course'}"
                    self.found(where, mixtures(course, before if start else new, after))
                    server.grade(self.few[1])
                    self.found(where, differences(state(course), after) + litter(course))
                number += every if number else 1

    def graders(self, course: Path, server: Server, rounds: int) -> None:
        """Real graders killed from outside, a third of them while they start."""
        states = self.calm(course, server, self.folders)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment(self.root / "tmp2")}
        subprocess.run(self.command(course, 0), check=True, **quiet)
        self.found("a real run", differences(state(course), states[0]) + litter(course, self.root / "tmp2"))
        start_s, number = 5.0, 0
        while self.kills["grader"] < rounds:
            old, new = number % 2, 1 - number % 2
            number, began = number + 1, time.time()
            grader = subprocess.Popen(self.command(course, new), **quiet)
            place = self.random.randrange(-len(NAMES) // 2, len(NAMES) + 1)  # below 0: while it starts
            if place >= 0:
                wait_for(course, place, began, grader)
                start_s = time.time() - began if place == 0 else start_s
            after_s = self.random.uniform(0, 0.3 if place >= 0 else start_s)
            with contextlib.suppress(subprocess.TimeoutExpired):
                grader.wait(after_s)
            self.kills["grader"] += grader.poll() is None
            grader.kill()
            grader.wait()
            where = f"grader killed {after_s:.2f} s after {max(0, place)} of {len(NAMES)} were graded"
            self.found(where, mixtures(course, states[old], states[new]))
            server.grade(self.folders[new])
            self.found(where, differences(state(course), states[new]))
            self.found(where, wait_for_orphans((server.pid,)) + litter(course, self.root / "tmp2"))

    def command(self, course: Path, which: int) -> list[str]:
        grade = "from gradeprop.cli.main import main; main()"
        where = ["--course", str(course), "grade", "toy", str(self.folders[which]), f"--seed={SEED}"]
        return [sys.executable, "-c", grade, *where]

    def workers(self, course: Path, server: Server, rounds: int) -> None:
        """One long-lived grader, of which a worker is killed at every submission it is in time for."""
        states, passes = self.calm(course, server, self.folders), 0
        workers = ("warm", "outer", "zygote", "judge", "fork", "driver", "runner")
        while sum(self.kills[role] for role in workers) < rounds:
            which = passes % 2
            heavy = self.random.choice(("zygote", "judge", "outer", "warm"))
            victims = {place: self.random.choice(("fork", "driver", "runner")) for place in range(len(NAMES))}
            victims[self.random.randrange(len(NAMES))] = heavy
            server.tell("grade", self.folders[which])
            assert server.hear() == "begin"
            told: list[str] = []
            for place in range(len(NAMES)):
                told.append(self.kill(server, victims[place]))
            assert server.hear() == "end", "the grader did not come to its end"
            where = f"class {passes}, killed {', '.join(filter(None, told))}"
            self.found(where, differences(state(course), states[which]) + litter(course))
            passes += 1

    def kill(self, server: Server, role: str) -> str:
        """Kill a worker while one submission is graded; the role, or nothing if it was over before."""
        delay_s = self.random.choice((0.0, self.random.uniform(0, 0.02), self.random.uniform(0, 0.2)))
        killed = ""
        while not server.speaks(0.002):
            for found, process in () if killed else roles(server.pid):
                if found == role:
                    if server.speaks(delay_s):
                        break
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
                        killed = role
                        self.kills[role] += 1
                    break
        assert server.hear() == "next"
        return killed


def wait_for(course: Path, number: int, since: float, grader: subprocess.Popen[bytes]) -> None:
    """Until so many students have been graded; 0: until the first is begun."""
    folder = course / "autograded" / "toy"
    while grader.poll() is None:
        with contextlib.suppress(FileNotFoundError):  # renamed meanwhile
            fresh = [each for each in folder.glob("[!.]*/record.json") if each.stat().st_mtime > since]
            if (folder / ".lock").stat().st_mtime > since and len(fresh) >= number:
                return
        time.sleep(0.002)


def restore(course: Path, saved: Path | None) -> None:
    shutil.rmtree(course / "autograded", ignore_errors=True)
    for file in course.glob("gradebook.db*"):
        file.unlink()
    if saved:
        shutil.copytree(saved / "autograded", course / "autograded")
        shutil.copy(saved / "gradebook.db", course / "gradebook.db")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200, help="kills from outside; those at every change come on top")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
        return 0
    print(f"seed {arguments.seed}, {arguments.rounds} rounds", flush=True)
    syscalls.adopt_orphans()
    began = time.monotonic()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # a kill needs no disk, and the gradebook syncs it
    with tempfile.TemporaryDirectory(prefix="chaos-", dir=memory) as folder:
        chaos = Chaos(Path(folder), arguments.seed)
        graders = arguments.rounds // 10
        workers = arguments.rounds - graders
        for run, rounds in (chaos.points, 1), (chaos.graders, graders), (chaos.workers, workers):
            course, server = chaos.open(run.__name__)
            run(course, server, rounds)
            server.close()
            chaos.found(run.__name__, wait_for_orphans() + litter(course, chaos.root / f"tmp-{run.__name__}"))
            print(f"{time.monotonic() - began:5.0f} s  {run.__name__}: {sum(chaos.kills.values())} kills", flush=True)
    kinds = ", ".join(f"{number} {role}" for role, number in sorted(chaos.kills.items()))
    print(f"{sum(chaos.kills.values())} kills ({kinds}): {len(chaos.wrong)} wrong; seed {arguments.seed}")
    return 1 if chaos.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
