"""A worker of a cluster: it is handed a submission, and hands back what a grader would have kept of it.

    grade        called by Dask in a worker: gives the task to a grader in a process of its own, which stays warm
    main         that process: a jail, a judge, one task after the other over a socket

Plain data travels: JSON, paths, and where the file system is not shared, the submission or the course as a zip. The
grader is no child of Dask's threads and forks: what it needs from the system (signals, a death with its parent) it has.
"""

import contextlib
import hashlib
import io
import os
import shutil
import socket
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import msgspec

from gradeprop.core.errors import GradepropError, JailError
from gradeprop.core.models import Record, Submission
from gradeprop.core.paths import CoursePaths, StudentPaths
from gradeprop.core.scratch import ScratchDir
from gradeprop.course.bundle import zip_files
from gradeprop.course.config import read_assignment
from gradeprop.grading import fingerprints
from gradeprop.grading.fingerprints import Parts
from gradeprop.grading.grader import Grader
from gradeprop.judge import protocol
from gradeprop.submissions import intake

_IDLE_S = 120.0
"""a grader that nobody has asked for so long gives its memory back"""
_lock = threading.Lock()
_idle: list["_Child"] = []
_courses: dict[str, Path] = {}


class Task(Record, frozen=True, kw_only=True):
    """One submission to run and judge."""

    root: str
    """where the course lies, for who shares the file system"""
    assignment: str
    dataset: str
    seed: int
    unsafe: bool
    parts: Parts
    """all that the grade depends on but the submission; a worker that has anything else refuses"""
    submission: Submission
    place: str
    """where its safe copy lies, likewise"""


class TaskResult(Record, frozen=True, kw_only=True):
    """What became of a task; with it travels what is to be kept, as a zip."""

    wants: str = ""
    """``submission`` or ``course``, where this worker does not see the file system of who asks"""
    refused: str = ""
    """why this worker grades nothing, as the end of a sentence"""
    failed: str = ""
    """a fault of the machine or of the course, as a sentence"""
    worker: str = ""


def hello(root: str, dataset: str, files: tuple[str, ...]) -> bytes:
    """What this worker would grade with, wherever the course comes from."""
    return msgspec.json.encode(parts(root, dataset, files))


def parts(root: str, dataset: str, files: tuple[str, ...]) -> Parts:
    folder = CoursePaths(Path(root)).data_folder(dataset, files)
    return fingerprints.of_machine() | {"data set": fingerprints.listing(dataset, folder)}


def grade(task: bytes, handed_in: bytes = b"", course: bytes = b"") -> tuple[bytes, bytes]:
    """In a worker of Dask: an ``TaskResult`` as JSON, and what is to be kept as a zip."""
    asked = msgspec.json.decode(task, type=Task)
    root = _root(asked, course)
    if root is None:
        return msgspec.json.encode(TaskResult(wants="course", worker=_address())), b""
    task = msgspec.json.encode(msgspec.structs.replace(asked, root=str(root)))
    for _ in range(2):  # an idle one may have ended a moment ago
        with _lock:
            child = _idle.pop() if _idle else None
        child = child or _Child()
        if (answer := child.ask(task, handed_in)) is not None:
            with _lock:
                _idle.append(child)
            said = msgspec.json.decode(answer[0], type=TaskResult)
            return msgspec.json.encode(msgspec.structs.replace(said, worker=_address())), answer[1]
        child.end()
    return msgspec.json.encode(TaskResult(failed="The process that grades on a worker died.", worker=_address())), b""


def _address() -> str:
    from distributed import get_worker  # no part of a grader that needs no cluster

    return str(get_worker().address)


def _root(task: Task, course: bytes) -> Path | None:
    """The course here: the same folder where it is there, else as it was sent; None: it must be sent."""
    if (Path(task.root) / "source" / "course.toml").is_file():
        return Path(task.root)
    name = hashlib.sha256(msgspec.json.encode([task.parts, task.assignment])).hexdigest()[:16]
    with _lock:
        if name not in _courses and course:
            into = ScratchDir().path / "course"
            zipfile.ZipFile(io.BytesIO(course)).extractall(into)
            _courses[name] = into
        return _courses.get(name)


class _Child:
    """A grader in a process of its own, seen from the worker."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        package = str(Path(__file__).parents[2])
        path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "gradeprop.grading.dask_worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=os.environ | {"PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
            )
        self._channel = ours

    def ask(self, task: bytes, handed_in: bytes) -> tuple[bytes, bytes] | None:
        """None where it has died."""
        try:
            for part in (task, handed_in):
                protocol.send_bytes(self._channel, part)
        except OSError:
            return None
        answer, kept = protocol.receive_bytes(self._channel), protocol.receive_bytes(self._channel)
        return None if answer is None or kept is None else (answer, kept)

    def end(self) -> None:
        self._channel.close()
        self._process.kill()
        self._process.wait()


class _Desk:
    """The grader of a child: kept warm from one task to the next of the same course."""

    def __init__(self) -> None:
        self.scratch, self._stack = ScratchDir(), contextlib.ExitStack()
        self._about: tuple[str, ...] = ()
        self._grader: Grader

    def answer(self, task: Task, handed_in: bytes) -> tuple[TaskResult, bytes]:
        try:
            grader = self._for(task)
            if differs := fingerprints.others(grader.ran_with | grader.judged_with, task.parts):
                return TaskResult(refused=differs), b""
            kept = StudentPaths(self.scratch.path / "at-work")
            shutil.rmtree(kept.folder, ignore_errors=True)
            kept.folder.mkdir()
            if not self._take(task, handed_in, kept):
                return TaskResult(wants="submission"), b""
            grader.grade_taken(task.submission, kept)
            return TaskResult(), pack(kept.folder, but=kept.submitted)
        except (GradepropError, OSError) as error:
            return TaskResult(failed=str(error)), b""

    def _for(self, task: Task) -> Grader:
        about = (task.root, task.assignment, task.dataset, str(task.unsafe), *task.parts.values())
        if about != self._about:
            self._stack.close()
            course = CoursePaths(Path(task.root))
            into = self.scratch.path / "graded"
            one = read_assignment(course, task.assignment)
            grader = Grader(course, one, task.dataset, task.seed, into, task.unsafe, member=True)
            self._grader, self._about = self._stack.enter_context(grader), about
        self._grader.seed = task.seed
        return self._grader

    def _take(self, task: Task, handed_in: bytes, kept: StudentPaths) -> bool:
        """The very bytes that were meant, from the folder or as they were sent.

        Raises:
            JailError: what was sent is not what was meant.
        """
        if not task.submission.sha256:  # nothing of it could be read
            return True
        where = Path(task.place)
        if handed_in:
            where = self.scratch.path / "handed in.zip"
            where.write_bytes(handed_in)
        if not where.exists():
            return False
        taken = intake.take(where, task.submission.student, self._grader.assignment, kept.submitted)
        if (same := taken.sha256 == task.submission.sha256) or not handed_in:
            return same
        raise JailError("a submission changed on its way to a worker")

    def close(self) -> None:
        self._stack.close()
        self.scratch.remove()


def pack(folder: Path, but: Path | None = None) -> bytes:
    """The files of a folder as a zip."""
    wanted = (f for f in folder.rglob("*") if f.is_file() and (but is None or not f.is_relative_to(but)))
    return zip_files({file.relative_to(folder).as_posix(): file.read_bytes() for file in wanted})


def main(fd: int) -> None:
    """Answer until the worker has gone, or has not asked for long."""
    channel, desk = socket.socket(fileno=fd), _Desk()
    channel.settimeout(_IDLE_S)
    try:
        with contextlib.suppress(TimeoutError):
            while (task := protocol.receive_bytes(channel)) is not None:
                handed_in = protocol.receive_bytes(channel) or b""
                answer, kept = desk.answer(msgspec.json.decode(task, type=Task), handed_in)
                protocol.send(channel, answer)
                protocol.send_bytes(channel, kept)
    except OSError:  # the worker has gone
        pass
    finally:
        desk.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
