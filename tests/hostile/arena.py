"""A course full of canaries, an honest neighbour, and a grader; each attack is a resubmission over a full old score."""

import contextlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from html.parser import HTMLParser
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import pytest
from safetensors.torch import save

from gradeprop.core import storage
from gradeprop.core.models import GradeRecord
from gradeprop.core.paths import CoursePaths
from gradeprop.course import known_answers
from gradeprop.course.config import load_module, read_assignment
from gradeprop.grading.grader import open_grader
from gradeprop.grading.settings import RunSettings
from gradeprop.grading.store import StudentFolders
from gradeprop.results import feedback
from tests.factory import submission
from tests.hostile import canaries, machine
from tests.hostile.catalogue import Attack

REPOSITORY = Path(__file__).parents[2]
COURSE = Path(__file__).parent / "course"
TOY = "tensors"
WALL_S = 40.0  # of an assignment of the real course, where it is 180: many attacks wait until the end
SPARE_UID = 64000 + os.getpid() % 1000  # whom a jail started by root runs as
KEPT = {"submitted", "held", "record.json", "run.json", "observations.safetensors", "feedback.html"}
PLACES = (
    "docstring", "comment", "message", "solution", "labels", "environment", "home", "cwd", "temp", "shm", "descriptor",
    "command line", "neighbour", "file", "gradebook", "grades.csv", "case",
)  # fmt: skip
OF_OTHERS = re.compile(r'Traceback|File "/|site-packages|test_hidden|test_tensors|held_out\.py|grader_tests|/jail/')


class Arena:
    """Use it as a context manager: it changes the environment, the current folder and the umask of this process."""

    def __init__(self, tier: str, assignment: str = TOY) -> None:
        self.tier = tier
        self.assignment = assignment
        self.is_toy = assignment == TOY
        self.words = {place: canaries.canary() for place in PLACES}
        self.numbers = canaries.canary_numbers()
        self._stack = contextlib.ExitStack()
        self.honest_s = 0.0

    def __enter__(self) -> "Arena":
        with contextlib.ExitStack() as stack:
            self._build(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    # ---- building

    def _build(self, stack: contextlib.ExitStack) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="hostile-"))
        stack.callback(shutil.rmtree, self.root)
        self.root.chmod(0o777)  # the jail must protect, not the modes of folders
        stack.callback(os.umask, os.umask(0))
        for name in ("cwd", "home", "temp", "submissions"):
            (self.root / name).mkdir()
        self._environment(stack.enter_context(pytest.MonkeyPatch.context()))
        self._plant(stack)
        self._course()
        machine.adopt_orphans()
        assignment = read_assignment(self.course, self.assignment)
        folders = StudentFolders(RunSettings(self.course, assignment, "sample", secrets.randbits(63)))
        self.grader = stack.enter_context(open_grader(folders))
        self._neighbour()

    def _environment(self, patch: pytest.MonkeyPatch) -> None:
        patch.setenv("HOME", str(self.root / "home"))
        patch.setenv("TMPDIR", str(self.root / "temp"))
        patch.setattr(tempfile, "tempdir", str(self.root / "temp"))
        patch.setenv("HOSTILE_SECRET", self.words["environment"])
        patch.setenv("GRADEPROP_TIER", self.tier)
        patch.setenv("PYTHONPATH", str(REPOSITORY))  # the judge is to be of this tree, wherever it starts
        patch.chdir(self.root / "cwd")

    def _plant(self, stack: contextlib.ExitStack) -> None:
        for place in ("home", "cwd", "temp"):
            (self.root / place / "secret.txt").write_text(self.words[place])
        if Path("/dev/shm").is_dir():
            descriptor, name = tempfile.mkstemp(prefix="hostile-", dir="/dev/shm")
            os.write(descriptor, self.words["shm"].encode())
            os.fchmod(descriptor, 0o666)
            os.close(descriptor)
            self.shm = name
            stack.callback(os.unlink, name)
        inherited = os.open(self.root / "home" / "open.txt", os.O_RDWR | os.O_CREAT)
        stack.callback(os.close, inherited)
        os.write(inherited, self.words["descriptor"].encode())
        os.set_inheritable(inherited, True)
        sleep = "import time; time.sleep(10_000)"
        self.other = subprocess.Popen([sys.executable, "-c", sleep, self.words["command line"]])
        stack.callback(self.other.wait)
        stack.callback(self.other.kill)

    def _course(self) -> None:
        self.course = CoursePaths(self.root / "course")
        self.paths = self.course.assignment(self.assignment)
        if self.is_toy:
            self._toy()
        else:
            self._real()
        case = self.paths.wrong / "halves"
        case.mkdir(parents=True)
        (case / "wrong.toml").write_text(f'points = 3\nmessage = "{self.words["case"]}"\n')
        self.course.gradebook.write_bytes(self.words["gradebook"].encode())
        self.paths.autograded.mkdir(parents=True)
        self.paths.grades_csv.write_text(f"student,points\n{self.words['grades.csv']},20\n")

    @property
    def tests_file(self) -> Path:
        return min(self.paths.tests.glob("test_*.py"))

    def _toy(self) -> None:
        """Copy the small course, with a canary in each of its places."""
        shutil.copytree(COURSE, self.course.root, ignore=shutil.ignore_patterns("__pycache__"))
        for file in self.course.root.rglob("*.py"):
            text = file.read_text(encoding="utf-8").replace("@numbers@", repr(self.numbers))
            for place, word in self.words.items():
                text = text.replace(f"@{place}@", word)
            file.write_text(text, encoding="utf-8")

    def _real(self) -> None:
        """Copy an assignment of the course, with a canary in the solution, the checks and the held-out images."""
        known = shutil.ignore_patterns("__pycache__", "wrong", "right", "reference")
        shutil.copytree(REPOSITORY / "source", self.course.source, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(REPOSITORY / "grader_tests" / self.assignment, self.paths.tests, ignore=known)
        places = {"solution": self.course.solution, "comment": self.tests_file, "labels": self.paths.held_out}
        for place, file in places.items():
            file.write_text(f"{file.read_text(encoding='utf-8')}\n# {self.words[place]}\n", encoding="utf-8")
        toml = self.course.course_toml.read_text(encoding="utf-8")
        self.course.course_toml.write_text(re.sub(r"wall-s = .*", f"wall-s = {WALL_S}", toml), encoding="utf-8")

    def _neighbour(self) -> None:
        """An honest submission, graded twice: the second time says how long that takes."""
        code = self.course.solution.read_text(encoding="utf-8").replace(self.words["solution"], self.words["neighbour"])
        self.ada = submission(self.root / "submissions" / "ada", code, self._files_of_ada())
        record = self.grade_honest()
        self.points = self.grader.settings.assignment.points
        assert (record.status, record.points) == ("graded", self.points), record
        assert record.tier == self.tier
        self.was = self.record_of_ada()
        self.honest_s = 0.0  # the first waited for the jail to be made
        self.grade_honest()
        assert self.record_of_ada() == self.was, "an honest submission does not give the same record twice"

    def _files_of_ada(self) -> dict[str, str | bytes]:
        files: dict[str, str | bytes] = {f"{self.words['file']}.txt": "mine"}
        if self.is_toy:
            planes = load_module(self.paths.held_out, "held_out").PLANES
            weights = save({"weight": planes.T.contiguous(), "bias": planes.new_zeros(3)})
            return files | {"weights.safetensors": weights}
        folder = known_answers.reference_weights(CoursePaths(REPOSITORY).assignment(self.assignment), "sample")
        files[self.paths.notebook.name] = self.paths.notebook.read_bytes()
        return files | {file.name: file.read_bytes() for file in folder.iterdir()}

    # ---- grading

    def grade(self, path: Path, student: str) -> GradeRecord:
        record = self.grader.grade_one(path, student)
        feedback.write_feedback(
            self.grader.settings.assignment, record, self.grader.folders.student(record.key).feedback
        )
        return record

    def grade_honest(self) -> GradeRecord:
        began = time.monotonic()
        record = self.grade(self.ada, "ada")
        self.honest_s = max(self.honest_s, time.monotonic() - began)
        return record

    def record_of_ada(self) -> dict[str, Any]:
        """All that is kept of the neighbour, but for times."""
        kept = self.grader.folders.student("ada")
        run, record = json.loads(kept.run.read_bytes()), json.loads(kept.record.read_bytes())
        for timed in (run, record, *run["probes"]):
            timed.pop("wall_s", None)
            timed.pop("cpu_s", None)
            timed.pop("seen", None)
        if not self.is_toy:
            del run["values"], run["output"]  # progress bars in them show times
        submitted = {str(file): file.read_bytes() for file in kept.submitted.rglob("*") if file.is_file()}
        page = kept.feedback.read_bytes()
        return {"run": run, "record": record, "kept": kept.observations.read_bytes(), "files": submitted, "page": page}

    def withstand(self, attack: Attack) -> None:
        """Grade an attack, and assert that nothing was gained, seen, harmed or changed by it."""
        folder = Path(tempfile.mkdtemp(dir=self.root / "submissions"))
        try:
            path = attack.make(folder)
            self._aim(path)
            self._over_an_old_score()
            before = self._state()
            began = time.monotonic()
            record = self.grade(path, "eve")
            took_s = time.monotonic() - began
            self._unharmed(before)
            self._ended_in_time(attack, took_s)
            self._earned(attack, record)
            self._told(attack, record)
            self._kept_secret(attack, record)
            self.grade_honest()
            assert self.record_of_ada() == self.was, "the neighbour's record has changed"
        finally:
            shutil.rmtree(self.grader.folders.student("eve").folder, ignore_errors=True)
            shutil.rmtree(folder)

    def _aim(self, path: Path) -> None:
        """Tell the attack where everything is, like a student who has found out."""
        if path.is_dir() and not path.is_symlink() and (path / "student_code.py").exists():
            (path / "target.json").write_text(json.dumps(self.target()))

    def target(self) -> dict[str, Any]:
        ada = self.grader.folders.student("ada")
        jail, judge = self.grader.jail._process, self.grader.judge._process
        assert jail is not None
        files = {
            "tests": self.tests_file,
            "labels": self.paths.held_out,
            "solution": self.course.solution,
            "case": self.paths.wrong / "halves" / "wrong.toml",
            "neighbour": self.ada / "student_code.py",
            "record": ada.record,
            "run": ada.run,
            "gradebook": self.course.gradebook,
            "grades": self.paths.grades_csv,
            "home": self.root / "home" / "secret.txt",
            "cwd": self.root / "cwd" / "secret.txt",
            "temp": self.root / "temp" / "secret.txt",
            "shm": self.shm,
        }
        return {
            "files": {name: str(file) for name, file in files.items()},
            "course": str(self.course.root),
            "mine": str(self.grader.folders.student("eve").folder),
            "grader": os.getpid(),
            "jail": jail.pid,
            "judge": judge.pid,
            "other": self.other.pid,
            "tier": self.tier,
        }

    def _over_an_old_score(self) -> None:
        """Eve's first submission got all points; it must not be what counts, unless the next one needs attention."""
        old = self.grader.folders.student("eve").folder
        shutil.rmtree(old, ignore_errors=True)
        shutil.copytree(self.grader.folders.student("ada").folder, old)
        record = storage.read(GradeRecord, old / "record.json")
        storage.write(msgspec.structs.replace(record, student="eve", key="eve"), old / "record.json")

    def _state(self) -> dict[str, Any]:
        running = machine.processes()
        return {
            "processes": running,
            "descriptors": machine.descriptors([os.getpid(), *running]),
            "mounts": machine.mounts(self.root),
            # hers, the lock, which says for how long the grader is at work, and the folder of safe copies
            "files": {
                name: what
                for name, what in machine.tree(self.root).items()
                if not any(ours in name for ours in ("/eve", "/.lock", "/.copies"))
            },
            "shared": machine.shared_places(SPARE_UID if os.getuid() == 0 else os.getuid()),
            "cwd": Path.cwd(),
            "home": os.environ["HOME"],
        }

    # ---- what must hold

    def _unharmed(self, before: dict[str, Any]) -> None:
        after = self._state()
        for what, was in before.items():
            assert after[what] == was, f"the {what} of the machine have changed"
        kept = {file.name for file in self.grader.folders.student("eve").folder.iterdir()}
        assert kept <= KEPT, "there is more beside the record than we put there"

    def _ended_in_time(self, attack: Attack, took_s: float) -> None:
        """Within the limit and 2 s, and what a machine as busy as this one has taken for an honest submission."""
        more_s = sum(float(why.split()[1]) for why in attack.takes(self.tier))
        limit = self.grader.settings.assignment.limits.wall_s + 2 + more_s
        assert took_s < limit + 5 * self.honest_s, f"it took {took_s:.1f} s; an honest one {self.honest_s:.2f} s"

    def _earned(self, attack: Attack, record: GradeRecord) -> None:
        if record.attention:
            assert record.held, "the older grade is kept, and a person is asked"
            return
        least, most = attack.earns if self.is_toy else (0, 0)  # they know the tasks of the small course only
        assert record.status == "graded", f"{record.status}: {record.reason}"
        assert least <= record.points <= most, _told(record)
        assert record.possible == self.points
        assert record.points == sum(result.points for result in record.results)
        assert {result.verdict for result in record.results} <= {
            "passed",
            "failed",
            "error",
            "timeout",
            "crash",
            "missing",
        }

    def _told(self, attack: Attack, record: GradeRecord) -> None:
        """A plain sentence for every point lost, none of it about us, and a page that nothing in it can change."""
        for result in record.results:
            assert result.points == result.possible or result.message.strip(), "points were lost without a word"
        told = _told(record)
        for words in attack.reads if self.is_toy else ():
            assert words in told, told
        assert not OF_OTHERS.search(told), told
        for path in (self.root, REPOSITORY, sys.prefix, sys.base_prefix):
            assert str(path) not in told, told
        page = _Page()
        page.feed(self.grader.folders.student("eve").feedback.read_text(encoding="utf-8"))
        assert page.live == []

    def _kept_secret(self, attack: Attack, record: GradeRecord) -> None:
        kept = self.grader.folders.student("eve")
        if record.held:  # nothing ran, and what is kept of the older one is a copy of the neighbour's
            said = "\n".join([record.held.reason, *record.held.problems])
            assert not [word for word in self.words.values() if word in said]
            return
        leaked = canaries.found(kept.folder, self.words, self.numbers, "submitted")
        assert leaked == [], leaked
        run = json.loads(kept.run.read_bytes())
        texts = [run["output"], *(probe["message"] for probe in run["probes"])]
        saw = {line.strip() for text in texts for line in re.findall(r"SAW: (.*)", text)}
        saw, known = {f"sees {what}" for what in saw}, set(attack.sees(self.tier))
        assert saw == known if self.is_toy else {line for line in saw if not self._is_within_limits(line)} <= known, saw

    def _is_within_limits(self, line: str) -> bool:
        """Check for an amount of memory or disk beyond the small course's limit, and below that of this assignment."""
        found = re.match(
            r"sees (?:room for more than )?(\d+) ([MG])iB( of memory| in a file| in each of three processes|$)", line
        )
        if not found:
            return False
        amount, unit, what = found.groups()
        mib = int(amount) * {"M": 1, "G": 1024}[unit] * (3 if "three" in what else 1)
        limits = self.grader.settings.assignment.limits
        return mib <= (limits.disk_mib if what in ("", " in a file") else limits.memory_mib)


def _told(record: GradeRecord) -> str:
    """All that the student reads."""
    problems = record.held.problems if record.held else record.problems
    return "\n".join([record.attention, *problems, *(result.message for result in record.results)])


class _Page(HTMLParser):
    """Finds what could run or load something."""

    def __init__(self) -> None:
        super().__init__()
        self.live: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in (
            "script",
            "iframe",
            "object",
            "embed",
            "img",
            "link",
            "base",
            "form",
            "image",
            "use",
            "foreignobject",
        ):
            self.live.append(tag)
        self.live += [
            name
            for name, value in attrs
            if name.startswith("on")
            or name in ("src", "xlink:href", "style")
            or (name == "href" and not (value or "").startswith("#"))  # places on the page
        ]
