"""Grade on a Dask cluster that is there already: hand out, take back, and write with this one process.

A submission is copied in here, as ever; a worker gets the path of the copy and its hash, or the bytes where it does
not see the path, and sends back what is to be kept. Each worker is asked first what it would grade with, and one that
has anything else than this process is refused by name. A worker that is lost costs nothing but time: what it had is
handed out again. One that joins late gets its share.
"""

import asyncio
import contextlib
import io
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import msgspec

from gradeprop.core import storage
from gradeprop.core.errors import JailError
from gradeprop.core.models import GradeRecord, Submission
from gradeprop.core.paths import StudentPaths
from gradeprop.course.bundle import course_files, zip_files
from gradeprop.grading import dask_worker, fingerprints
from gradeprop.grading.batch import Job, Stop, Watch
from gradeprop.grading.dask_worker import Task, TaskResult
from gradeprop.grading.grader import Grader

_CONNECT_S = 10.0
_PATIENCE_S = 60.0
"""how long to wait for a worker that can grade"""
_ANSWER_S = 300.0
"""how long for one that is there and has not said yet what it would grade with"""
_POLL_S = 1.0
_HANDED_OUT = 2
"""submissions per thread of a worker: one at work, one to go on with"""
_TRIES = 3
Tell = Callable[[str], None]


class Handed:
    """A submission that is out: where it is kept meanwhile, and what is to come back."""

    def __init__(self, number: int, job: Job, submission: Submission, kept: StudentPaths, slot: contextlib.ExitStack):
        self.number, self.job, self.submission, self.kept, self.slot = number, job, submission, kept, slot
        self.tries, self.workers, self.wants_course = 0, frozenset[str](), False

    def drop(self) -> None:
        """Nothing comes back: what was made aside takes no place."""
        with contextlib.suppress(_Dropped):
            self.slot.__exit__(_Dropped, _Dropped(), None)


class _Dropped(Exception):
    pass


class Cluster:
    """The workers of one scheduler, for one run of one grader."""

    def __init__(
        self, address: str, resources: Mapping[str, float] | None, tell: Tell, patience_s: float = _PATIENCE_S
    ) -> None:
        self._address, self._resources, self._tell, self._patience_s = address, dict(resources or {}), tell, patience_s
        self._workers: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        self._greeted: dict[str, Any] = {}
        self._out: dict[Any, Handed] = {}
        self._undone: list[Handed] = []
        self._waiting_since = time.monotonic()
        self._shared = True

    def run(self, grader: Grader, left: dict[int, Job], done: dict[int, GradeRecord], watch: Watch, stop: Stop) -> None:
        """Move from ``left`` to ``done``.

        Raises:
            JailError: no scheduler answers, none of its workers can grade, or it went away; what was graded is kept.
        """
        self._grader = grader
        grader.turn.begin()
        with self._connected():
            try:
                while self._at_work() or (left and not stop.asked):
                    self._greet()
                    self._feed(left, stop)
                    for handed, record in self._returned():
                        done[handed.number] = record
                        watch(left.pop(handed.number), record)
            finally:
                for handed in (*self._out.values(), *self._undone):  # only where something went wrong
                    handed.drop()
                with contextlib.suppress(OSError):
                    self._client.cancel(list(self._out))
                grader.recover()

    @contextlib.contextmanager
    def _connected(self) -> Any:
        try:
            import dask
            from distributed import Client  # an extra, which a single machine does without
        except ImportError as error:
            raise JailError("a cluster needs the extra: pip install 'gradeprop[cluster]'.") from error
        large, patient = "distributed.admin.large-graph-warning-threshold", "distributed.comm.timeouts.connect"
        dask.config.set({large: "1GB", patient: f"{_CONNECT_S} s"})  # submissions are meant to travel
        try:
            client = Client(self._address, timeout=_CONNECT_S)
        except (OSError, ValueError) as error:
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise JailError(f"No Dask scheduler answers at {self._address} ({why}). Nothing was graded.") from error
        self._client = client
        try:
            yield
        except (OSError, CancelledError, asyncio.CancelledError) as error:  # files of ours are JailErrors already
            gone = f"The scheduler at {self._address} has gone; what was graded is kept, the same command goes on."
            raise JailError(gone) from error
        finally:
            with contextlib.suppress(Exception):  # whatever it is, the scheduler has gone before us
                client.close(timeout=2)

    def _greet(self) -> None:
        """Ask who is new what it would grade with; forget who has gone."""
        # asked directly: what scheduler_info() returns, the client overwrites every two seconds with a list of nobody
        there = self._client.sync(self._client.scheduler.identity, n_workers=-1)["workers"]
        if self._client.status != "running":
            raise ConnectionError(self._client.status)
        for address in self._workers.keys() - there.keys():
            self._tell(f"worker {self._names[address]} is lost; what it had is graded elsewhere")
            del self._workers[address]
            self._greeted.pop(address)
        for address in self._greeted.keys() - there.keys() - self._refused.keys():
            # what Dask does to a worker that cannot load what it is sent
            self._refuse(address, "it ended when asked for its version; is this gradeprop installed there?")
        for address, about in there.items():
            self._names[address] = f"{about.get('name', '')} at {address}"
            if address not in self._greeted:
                self._greeted[address] = self._client.submit(
                    dask_worker.hello, *_data_of(self._grader), key=_key("hello"), workers=[address], priority=100
                )
            elif address not in self._workers and address not in self._refused and self._greeted[address].done():
                self._hear(address, about["nthreads"])

    def _hear(self, address: str, threads: int) -> None:
        future = self._greeted[address]
        if future.status != "finished":
            self._refuse(address, f"it cannot load this gradeprop: {_why(future)}")
        elif differs := fingerprints.others(
            msgspec.json.decode(future.result(), type=fingerprints.Parts), dask_worker.parts(*_data_of(self._grader))
        ):
            self._refuse(address, differs)
        else:
            self._workers[address] = threads

    def _refuse(self, address: str, why: str) -> None:
        self._refused[address] = why
        self._workers.pop(address, None)
        self._tell(f"worker {self._names[address]} is refused: {why}")

    def _asked(self) -> bool:
        """Whether a worker still owes an answer to what it would grade with: its first import may take long."""
        return any(not self._greeted[each].done() for each in self._greeted.keys() - self._refused.keys())

    def _at_work(self) -> set[int]:
        return {handed.number for handed in (*self._out.values(), *self._undone)}

    def _feed(self, left: Mapping[int, Job], stop: Stop) -> None:
        """Hand out as much as the workers can hold, and again what came back undone or only lost ones held."""
        live = frozenset(self._workers)
        if live:
            self._waiting_since = time.monotonic()
        elif time.monotonic() - self._waiting_since > (_ANSWER_S if self._asked() else self._patience_s):
            refused = "; ".join(f"{self._names[address]}: {why}" for address, why in self._refused.items())
            raise JailError(f"No worker at {self._address} can grade ({refused or 'none is there'}).")
        for future, handed in list(self._out.items()):
            if live and not handed.workers & live and not future.done():
                self._client.cancel([future])
                self._undone.append(self._out.pop(future))
        while live and self._undone:
            self._hand_out(self._undone.pop())
        room = _HANDED_OUT * sum(self._workers.values()) - len(self._out)
        for number in [number for number in left if number not in self._at_work()][: max(0, room)]:
            if not stop.asked:
                self._begin(number, left[number])

    def _begin(self, number: int, job: Job) -> None:
        slot = contextlib.ExitStack()
        submission, kept = slot.enter_context(self._grader.handing_out(Path(job.path), job.student, f"-{number}"))
        self._hand_out(Handed(number, job, submission, kept, slot))

    def _hand_out(self, handed: Handed) -> None:
        live = frozenset(self._workers)
        handed.workers = handed.workers & live or live  # who asked for more, if it is still there
        grader = self._grader
        task = Task(
            root=str(grader.paths.course.root),
            assignment=grader.assignment.name,
            dataset=grader.dataset,
            seed=grader.seed,
            unsafe=grader.unsafe,
            parts=grader.ran_with | grader.judged_with,
            submission=handed.submission,
            place=str(handed.kept.submitted.absolute()),
        )
        future = self._client.submit(
            dask_worker.grade,
            msgspec.json.encode(task),
            b"" if self._shared else dask_worker.pack(handed.kept.submitted),
            self._course() if handed.wants_course else b"",
            key=_key("grade"),
            workers=sorted(handed.workers),
            allow_other_workers=False,
            resources=self._resources or None,
            pure=False,
        )
        self._out[future] = handed

    def _course(self) -> bytes:
        return zip_files(course_files(self._grader.paths.course, self._grader.assignment))

    def _returned(self) -> Iterator[tuple[Handed, GradeRecord]]:
        """What has come back since, kept and in its place; what was not done is to be handed out again."""
        from distributed import wait  # as in _connected

        if not self._out:
            time.sleep(_POLL_S / 10)
            return
        with contextlib.suppress(TimeoutError):
            wait(list(self._out), timeout=_POLL_S, return_when="FIRST_COMPLETED")
        for future in [future for future in self._out if future.done()]:
            handed = self._out.pop(future)
            if future.status == "finished":
                answer, data = future.result()
                said = msgspec.json.decode(answer, type=TaskResult)
            else:
                said, data = TaskResult(failed=f"A worker failed: {_why(future)}"), b""
            if said.refused and said.worker not in self._refused:
                self._refuse(said.worker, said.refused)
            handed.tries += bool(said.failed)
            if said.wants or said.refused or (said.failed and handed.tries < _TRIES):
                handed.workers = frozenset({said.worker}) if said.wants else frozenset()
                handed.wants_course |= said.wants == "course"
                self._shared &= said.wants != "submission"
                self._undone.append(handed)
            else:
                yield handed, self._keep(handed, said, data)

    def _keep(self, handed: Handed, said: TaskResult, data: bytes) -> GradeRecord:
        """Put what came back beside the safe copy; it takes its place with the end of the slot."""
        if said.failed:
            record = self._grader.give_up(handed.submission, said.failed, handed.kept)
        else:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                kept = handed.kept
                for file in (kept.observations, kept.run, kept.feedback, kept.record):
                    if file.name in archive.namelist():
                        storage.write_bytes(archive.read(file.name), file)
            record = storage.read(GradeRecord, kept.record)
        handed.slot.close()
        return record


def _why(future: Any) -> str:
    return "it was cancelled" if future.status == "cancelled" else str(future.exception())[:300]


def _key(what: str) -> str:
    return f"gradeprop-{what}-{uuid.uuid4().hex}"


def _data_of(grader: Grader) -> tuple[str, str, tuple[str, ...]]:
    """Root of the course, data set and its files: what a worker needs to find its own copy of the data."""
    requirements = grader.assignment.held_out.get(grader.dataset)
    return str(grader.paths.course.root), grader.dataset, requirements.files if requirements else ()
