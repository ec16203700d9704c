"""The Dask end of a grader: what the client calls in a worker.

admit    compare this worker with the client; if they agree, add a GraderPlugin to it
grade    the task: run and judge one submission
dismiss  remove the plugin; its graders end
"""

import asyncio
import contextlib
import dataclasses
import io
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
from distributed import Worker, WorkerPlugin, get_worker

from gradeprop.core.errors import JailError
from gradeprop.core.models import Submission
from gradeprop.core.paths import CoursePaths, StudentPaths
from gradeprop.core.scratch import ScratchDir
from gradeprop.course.bundle import zip_files
from gradeprop.grading import fingerprints
from gradeprop.grading.fingerprints import Fingerprints
from gradeprop.grading.grader import Grader, open_grader
from gradeprop.grading.settings import RunSettings, Sources
from gradeprop.grading.store import StudentFolders
from gradeprop.submissions import intake

_IDLE_S = 120.0
"""graders without a task for so long end and free their memory, even if the client was killed"""


async def admit(
    run: str, settings: RunSettings, course: bytes, expected: Fingerprints, machine: Fingerprints, dask_worker: Worker
) -> str:
    """Add the graders of a run to this worker; return why it is refused, as a clause, or an empty string.

    Args:
        course: the files of the course as a zip, for workers that do not see its folder.
        expected: the fingerprints of everything that the grade depends on besides the submission.
        machine: the client's fingerprints of the package, the libraries and the data set.
    """
    plugin = await asyncio.to_thread(GraderPlugin, settings, course, expected)
    here = fingerprints.of_machine(plugin.settings.assignment, settings.dataset)
    if refusal := fingerprints.mismatches(here, machine) or plugin.compare(Sources.read(plugin.settings)):
        await plugin.teardown(dask_worker)
    else:
        await dask_worker.plugin_add(plugin, name=run)
    return refusal


async def dismiss(run: str, dask_worker: Worker) -> None:
    """Remove the graders of a run from this worker."""
    await dask_worker.plugin_remove(name=run)


def grade(run: str, submission: Submission, copy: str, sent: bytes = b"") -> bytes | None:
    """Run and judge one submission; return the files of its result as a zip.

    Args:
        copy: the folder of its safe copy.
        sent: that copy as a zip; without it, returns None if this worker does not see the folder.

    Raises:
        JailError: the machine failed; Dask tries again.
    """
    plugin: GraderPlugin = get_worker().plugins[run]
    return plugin.grade(submission, Path(copy), sent)


class GraderPlugin(WorkerPlugin):  # type: ignore[misc]
    """The graders of one run on one worker: one for each thread, warm until the run ends."""

    def __init__(self, settings: RunSettings, course: bytes, expected: Fingerprints) -> None:
        self._scratch, self._lock, self._expected = ScratchDir(), threading.Lock(), expected
        self._idle: list[tuple[Grader, contextlib.ExitStack]] = []
        self._timer, self._closed = threading.Timer(_IDLE_S, self._close_idle), False
        if not settings.course.course_toml.is_file():  # the file system is not shared
            root = self._scratch.path / "course"
            zipfile.ZipFile(io.BytesIO(course)).extractall(root)
            assignment = msgspec.structs.replace(settings.assignment, root=str(root))  # where data sets are looked for
            settings = dataclasses.replace(settings, course=CoursePaths(root), assignment=assignment)
        self.settings = dataclasses.replace(settings, results_folder=self._scratch.path / "results")

    def compare(self, sources: Sources) -> str:
        """Say in what the course differs from the client's, as a clause; empty if in nothing."""
        return fingerprints.mismatches(sources.ran_with | sources.judged_with, self._expected)

    def grade(self, submission: Submission, copy: Path, sent: bytes) -> bytes | None:
        with tempfile.TemporaryDirectory(dir=self._scratch.path) as folder, self._grader() as grader:
            files = StudentPaths(Path(folder) / "student")
            files.folder.mkdir()
            if submission.sha256 and not self._take(submission, copy, sent, files.submitted):
                return None
            grader.run_and_judge(submission, files)
            return zip_folder(files.folder, without=files.submitted)

    def _take(self, submission: Submission, copy: Path, sent: bytes, into: Path) -> bool:
        """Copy the submission from its folder, or from what was sent; return False if it must be sent.

        Raises:
            JailError: the bytes that were sent are others.
        """
        if sent:
            copy = into.parent.with_name("sent.zip")
            copy.write_bytes(sent)
        if not copy.exists():
            return False
        same = intake.take(copy, submission.student, self.settings.assignment, into).sha256 == submission.sha256
        if sent and not same:
            raise JailError("A submission changed on its way to a worker.")
        return same

    @contextlib.contextmanager
    def _grader(self) -> Iterator[Grader]:
        """Yield an idle grader, or open another one.

        Raises:
            JailError: the course has changed since this worker was admitted.
        """
        self._timer.cancel()
        with self._lock:
            grader, stack = self._idle.pop() if self._idle else (None, contextlib.ExitStack())
        grader = grader or stack.enter_context(open_grader(StudentFolders(self.settings)))
        try:
            if differs := self.compare(grader.sources):
                raise JailError(f"A worker cannot grade any more: {differs}.")
            yield grader
        finally:
            with self._lock:
                self._idle.append((grader, stack))
                self._timer = threading.Timer(0 if self._closed else _IDLE_S, self._close_idle)
                self._timer.daemon = True
                self._timer.start()

    def _close_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for _, stack in idle:
            stack.close()

    async def teardown(self, worker: Worker) -> None:
        """End the graders; one that is in use ends after its submission."""
        self._closed = True
        self._timer.cancel()
        await asyncio.to_thread(self._close_idle)
        self._scratch.remove()


def zip_folder(folder: Path, without: Path | None = None) -> bytes:
    """Pack the files of a folder, but for those in ``without``, into a zip."""
    files = (file for file in folder.rglob("*") if file.is_file())
    wanted = (file for file in files if without is None or not file.is_relative_to(without))
    return zip_files({file.relative_to(folder).as_posix(): file.read_bytes() for file in wanted})
