"""nbgrader's commands as processes, one after the other, and how far ``nbgrader autograde`` has come."""

import asyncio
import os
import re
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_MOST_LINES, _MOST_CHARACTERS = 2_000, 2_000
"""of a log: what students' code makes nbgrader say is not without end"""
# without what makes nbgrader's start two seconds longer: a grammar for URIs that nothing asks for
_NBGRADER = "import sys; sys.modules['rfc3987_syntax'] = None; from nbgrader.apps.nbgraderapp import main; main()"
_AT_WORK = re.compile(r"\b(?:Sanitizing|Copying|Converting notebook) (?P<path>.*)")
_GRADED = re.compile(r"\bGraded (?P<done>\d+) of \d+$")


@dataclass(slots=True)
class Course:
    """Where the command runs, and how it is told."""

    root: Path
    db_url: str
    submitted: str
    """a pattern for the folder of a submission, with a group ``student``"""


@dataclass(slots=True)
class Command:
    """One command: waiting, at work or ended."""

    name: str
    assignment: str
    students: Sequence[str] = ()
    options: Sequence[str] = ()
    begun: list[str] = field(default_factory=list)
    """the students it has come to; the last is at work"""
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_LINES))
    graded: int | None = None
    """how many are graded, where nbgrader grades by ours, which does so before it comes to the notebooks"""
    started: float | None = None
    seconds: float = 0.0
    """how long it took, once it has ended"""
    status: int | None = None

    def hear(self, line: str, submitted: re.Pattern[str]) -> None:
        """Take in a line of its log."""
        line = line[:_MOST_CHARACTERS]
        self.lines.append(line)
        if counted := _GRADED.search(line.rstrip()):
            self.graded = int(counted["done"])
        if (said := _AT_WORK.search(line)) and (match := submitted.search(said["path"])):
            student = match["student"]
            if student in self.students and student not in self.begun:
                self.begun.append(student)

    def end(self, status: int) -> None:
        """It has ended; 0 says that all went well."""
        self.status = status
        self.seconds = time.monotonic() - self.started if self.started is not None else 0.0

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    def state(self) -> dict[str, Any]:
        """How far it is, for the page."""
        ended = self.status is not None
        at_work = self.started is not None and not ended
        done = self.graded if self.graded is not None else max(0, len(self.begun) - (not ended))
        return {
            "students": len(self.students),
            "done": len(self.students) if self.status == 0 else min(done, len(self.students)),
            "at": self.begun[-1] if self.begun and not ended else None,
            "state": "ended" if ended else "at work" if at_work else "waiting",
            "seconds": round(time.monotonic() - self.started if at_work and self.started else self.seconds, 1),
            "success": self.status == 0 if ended else None,
        }


class Queue:
    """Runs one command after the other: a submission that is graded may take a gigabyte."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._known: list[Command] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def of(self, assignment: str) -> list[Command]:
        """What is waiting or at work for an assignment, and the last that ended."""
        every = [one for one in self._known if one.assignment == assignment]
        ended = [one for one in every if one.status is not None]
        return [*ended[-1:], *(one for one in every if one.status is None)]

    def waits(self, one: Command) -> bool:
        """Whether one that covers all of its students has not been started yet."""
        return any(
            other.started is None and other.options == one.options and set(other.students) >= set(one.students)
            for other in self.of(one.assignment)
        )

    def start(self, one: Command, course: Course) -> "asyncio.Task[None]":
        """Put it at the end of the queue; the task ends when the command has."""
        self._known = [other for other in self._known if other.status is None or other in self.of(other.assignment)]
        self._known.append(one)
        task = asyncio.get_running_loop().create_task(self._run(one, course))
        self._tasks.add(task)  # a task that nobody holds may be thrown away
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, one: Command, course: Course) -> None:
        async with self._turn:
            one.started = time.monotonic()
            try:
                one.end(await _process(one, course))
            except OSError as error:
                one.lines.append(f"nbgrader {one.name} could not be started: {error}")
                one.end(1)
            finally:
                if one.status is None:  # the server stops
                    one.end(1)


async def _process(one: Command, course: Course) -> int:
    options = [f"--assignment={one.assignment}", f"--course-dir={course.root}", f"--db={course.db_url}", *one.options]
    # nbgrader starts programs of its own environment by their bare names
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _NBGRADER, one.name),
        *options,
        cwd=course.root,
        env=os.environ | {"PATH": path, "PYTHONUNBUFFERED": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    submitted, rest = re.compile(course.submitted), ""
    try:
        while piece := await process.stdout.read(65_536):
            *lines, rest = (rest + piece.decode(errors="replace")).split("\n")
            rest = rest[-65_536:]
            for line in lines:
                one.hear(line, submitted)
        one.hear(rest, submitted)
        return await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
