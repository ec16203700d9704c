"""Grade on an existing Dask cluster: this process makes the safe copies, and writes every result.

A worker reads the safe copy, or receives its bytes if the file system is not shared, and returns the result's files.
Before it gets a submission, it is compared with this process; one that would grade otherwise is refused by name. Dask
gives the submissions of a lost worker to another one, and tries again if the machine fails.
"""

import asyncio
import contextlib
import io
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradeprop.core import storage
from gradeprop.core.errors import JailError
from gradeprop.core.models import GradeRecord, Submission
from gradeprop.course.bundle import course_files, zip_files
from gradeprop.grading import fingerprints, scoring
from gradeprop.grading.interrupt import Stop
from gradeprop.grading.jobs import Backend, Job, Results, take
from gradeprop.grading.settings import Sources
from gradeprop.grading.store import Store, write_result
from gradeprop.judge.client import Judge

try:
    import dask
    from distributed import Client, as_completed
except ImportError as error:
    raise JailError("A cluster needs an extra: pip install 'gradeprop[cluster]'.") from error

from gradeprop.grading import dask_worker  # itself needs Dask

_CONNECT_S = 10.0
_PATIENCE_S = 60.0
"""wait for a worker that can grade"""
_LOOK_S = 1.0
"""time between two looks at which workers there are"""
_POLL_S = 0.1
_PER_THREAD = 2
"""submissions per thread of a worker: one in progress, one waiting there"""
_RETRIES = 2


@dataclass(frozen=True, slots=True)
class Cluster:
    """The backend that runs student code on the workers of a Dask scheduler."""

    store: Store
    address: str
    local: Backend
    """executes the jobs that run no student code"""
    stop: Stop
    tell: Callable[[str], None]
    """receives sentences on workers that are refused or lost"""
    resources: Mapping[str, float] | None = None
    """what each submission takes of a worker's Dask resources"""
    patience_s: float = _PATIENCE_S

    def run(self, jobs: Sequence[Job]) -> Results:
        """Execute jobs as ``Backend.run`` does.

        Raises:
            JailError: no scheduler answers, none of its workers can grade, or it ended; finished results are kept.
            CourseError: the checks cannot be loaded, or their points do not add up, so that nobody could be graded.
        """
        settings = self.store.settings
        if remote := [job for job in jobs if job.need == "all"]:
            with self._connected() as client:
                with Judge(settings.assignment, settings.paths) as judge:
                    judge.require_sound()
                yield from _Session(self, client, remote).run()
        yield from self.local.run([job for job in jobs if job.need != "all"])

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Client]:
        settings = {
            "distributed.admin.large-graph-warning-threshold": "1GB",  # submissions are meant to travel
            "distributed.comm.timeouts.connect": f"{_CONNECT_S} s",
        }
        with dask.config.set(settings):
            try:
                client = Client(self.address, timeout=_CONNECT_S)
            except (OSError, ValueError) as error:
                why = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise JailError(f"No Dask scheduler answers at {self.address} ({why}). Nothing was graded.") from error
            try:
                yield client
            except (OSError, CancelledError, asyncio.CancelledError) as error:  # those of our files are JailErrors
                message = f"The scheduler at {self.address} has ended; results are kept, the same command continues."
                raise JailError(message) from error
            finally:
                with contextlib.suppress(Exception):  # the scheduler may have ended before us
                    client.close(timeout=2)


@dataclass(slots=True)
class _Sent:
    """A submission that a worker has."""

    job: Job
    submission: Submission
    workers: frozenset[str]
    """those that may run it"""


class _Session:
    """One run on a cluster: the workers that were admitted, and the submissions that they have."""

    def __init__(self, cluster: Cluster, client: Client, jobs: Sequence[Job]) -> None:
        self._cluster, self._client, self._store = cluster, client, cluster.store
        self._waiting, self._sent = list(jobs)[::-1], dict[Any, _Sent]()
        self._threads: dict[str, int] = {}
        """by address of each admitted worker"""
        self._names: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        self._completed = as_completed()
        self._shares_files = True
        self._look_at, self._give_up_at = 0.0, time.monotonic() + cluster.patience_s
        self._sources = Sources.read(self._store.settings)
        self._run, settings = f"gradeprop-{uuid.uuid4().hex}", self._store.settings
        machine = fingerprints.of_machine(settings.assignment, settings.dataset)
        course = zip_files(course_files(settings.course, settings.assignment))
        self._admission = self._run, settings, course, self._sources.ran_with | self._sources.judged_with, machine

    def run(self) -> Results:
        try:
            while self._sent or (self._waiting and not self._cluster.stop.requested):
                self._meet_workers()
                yield from self._send_more()
                time.sleep(_POLL_S)
                for future in self._completed.next_batch(block=False):
                    if (sent := self._sent.pop(future, None)) and (record := self._result(future, sent)):
                        yield sent.job, record
        finally:
            with contextlib.suppress(OSError, RuntimeError):
                self._client.cancel(list(self._sent))
                self._client.run(dask_worker.dismiss, self._run, workers=list(self._threads), on_error="ignore")

    def _meet_workers(self) -> None:
        """Admit or refuse new workers, forget lost ones, and give up if for long there is none that can grade."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + _LOOK_S
        # asked directly, since the client overwrites the answer of scheduler_info() every two seconds
        workers = self._client.sync(self._client.scheduler.identity, n_workers=-1)["workers"]
        if self._client.status != "running":
            raise ConnectionError(self._client.status)
        for address in self._threads.keys() - workers.keys():
            self._cluster.tell(f"The worker {self._names[address]} is lost; others grade what it had.")
            del self._threads[address]
        new = [address for address in workers if address not in self._threads.keys() | self._refused.keys()]
        self._names |= {address: f"{workers[address].get('name', '')} at {address}" for address in new}
        if new:
            answers = self._client.run(dask_worker.admit, *self._admission, workers=new, on_error="return")
            for address, refusal in answers.items():
                if refusal == "":
                    self._threads[address] = workers[address]["nthreads"]
                else:
                    self._refuse(address, refusal)
        if self._threads:
            self._give_up_at = time.monotonic() + self._cluster.patience_s
        elif time.monotonic() > self._give_up_at:
            refused = "; ".join(f"{self._names[address]}: {why}" for address, why in self._refused.items())
            raise JailError(f"No worker at {self._cluster.address} can grade ({refused or 'none is there'}).")

    def _refuse(self, address: str, refusal: object) -> None:
        why = refusal if isinstance(refusal, str) else f"it cannot load this gradeprop: {refusal}"
        self._refused[address] = why
        self._cluster.tell(f"The worker {self._names[address]} is refused: {why}.")

    def _send_more(self) -> Results:
        """Send as much as the workers can hold; send again what only lost workers may run, since Dask would wait.

        Yields:
            The submissions that need attention, which no worker gets.
        """
        live = frozenset(self._threads)
        if not live:
            return
        for future, sent in list(self._sent.items()):
            if not sent.workers & live and not future.done():
                del self._sent[future]
                future.cancel()
                self._send(sent.job, sent.submission)
        room = _PER_THREAD * sum(self._threads.values()) - len(self._sent)
        while self._waiting and room > 0 and not self._cluster.stop.requested:
            job, room = self._waiting.pop(), room - 1
            submission = job.submission or self._take(job)
            if self._store.settings.holds(submission):
                yield job, self._store.folders.hold(submission)
            else:
                self._send(job, submission)

    def _take(self, job: Job) -> Submission:
        copy = self._store.folders.copy_folder(job.key)
        return take(self._store.settings, self._sources, Path(job.path), job.student, copy)

    def _send(self, job: Job, submission: Submission) -> None:
        copy, workers = self._store.folders.copy_folder(job.key), frozenset(self._threads)
        future = self._client.submit(
            dask_worker.grade,
            self._run,
            submission,
            str(copy.absolute()),
            b"" if self._shares_files else dask_worker.zip_folder(copy),
            key=f"{self._run}-{uuid.uuid4().hex}",
            workers=sorted(workers),
            resources=dict(self._cluster.resources or {}) or None,
            retries=_RETRIES,
            pure=False,
        )
        self._sent[future] = _Sent(job, submission, workers)
        self._completed.add(future)

    def _result(self, future: Any, sent: _Sent) -> GradeRecord | None:
        """Return the record of a submission that came back; None if it must be sent again, with its files."""
        data = future.result() if future.status == "finished" else b""
        if data is None:
            self._shares_files = False
            self._send(sent.job, sent.submission)
            return None
        return self._write(sent, data, "" if data else f"A worker failed: {_failure(future)}")

    def _write(self, sent: _Sent, data: bytes, failure: str) -> GradeRecord:
        """Write the result of a worker beside the safe copy, as the student's folder."""
        settings, copy = self._store.settings, self._store.folders.copy_folder(sent.job.key)
        with self._store.folders.replace(sent.job.key) as files:
            if copy.exists():
                copy.rename(files.submitted)
            if failure:
                record = scoring.not_graded(settings.assignment, sent.submission, failure)
                write_result(settings.assignment, record, files)
                return record
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for file in (files.observations, files.run, files.feedback, files.record):
                    if file.name in archive.namelist():
                        storage.write_bytes(archive.read(file.name), file)
            return storage.read(GradeRecord, files.record)


def _failure(future: Any) -> str:
    return "it was cancelled" if future.status == "cancelled" else str(future.exception())[:300]
