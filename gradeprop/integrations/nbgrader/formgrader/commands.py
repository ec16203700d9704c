"""nbgrader's commands as processes, one after the other, with the progress of ``nbgrader autograde``."""

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

_MAX_LINES, _MAX_LINE_CHARACTERS = 2_000, 2_000
"""of a log: nbgrader repeats messages of students' code, of any length"""
# without a module that slows nbgrader's start by two seconds: a grammar for URIs, which nothing uses
_NBGRADER = "import sys; sys.modules['rfc3987_syntax'] = None; from nbgrader.apps.nbgraderapp import main; main()"
_CONVERTING = re.compile(r"\b(?:Sanitizing|Copying|Converting notebook) (?P<path>.*)")
_GRADED = re.compile(r"\bGraded (?P<done>\d+) of \d+$")


@dataclass(slots=True)
class Course:
    """The course that a command works on."""

    root: Path
    db_url: str
    submitted: str
    """a pattern for the folder of a submission, with a group ``student``"""


@dataclass(slots=True)
class Command:
    """One command: waiting, running or ended."""

    name: str
    assignment: str
    students: Sequence[str] = ()
    options: Sequence[str] = ()
    students_begun: list[str] = field(default_factory=list)
    """the students whose notebooks nbgrader has begun to convert; the last one is in progress"""
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_MAX_LINES))
    graded: int | None = None
    """the number of graded submissions; None if nbgrader grades without our exporter, which counts them"""
    started: float | None = None
    seconds: float = 0.0
    """the run time of a command that has ended"""
    status: int | None = None

    def read_line(self, line: str, submitted: re.Pattern[str]) -> None:
        """Add a line to the log, and take the progress from it."""
        line = line[:_MAX_LINE_CHARACTERS]
        self.lines.append(line)
        if graded := _GRADED.search(line.rstrip()):
            self.graded = int(graded["done"])
        if (converting := _CONVERTING.search(line)) and (match := submitted.search(converting["path"])):
            student = match["student"]
            if student in self.students and student not in self.students_begun:
                self.students_begun.append(student)

    def end(self, status: int) -> None:
        """Record the end, with the exit status."""
        self.status = status
        self.seconds = time.monotonic() - self.started if self.started is not None else 0.0

    @property
    def log(self) -> str:
        """The last lines that the command printed."""
        return "\n".join(self.lines)

    def state(self) -> dict[str, Any]:
        """Return the progress, as the page reads it."""
        ended = self.status is not None
        running = self.started is not None and not ended
        done = self.graded if self.graded is not None else max(0, len(self.students_begun) - (not ended))
        return {
            "students": len(self.students),
            "done": len(self.students) if self.status == 0 else min(done, len(self.students)),
            "current": self.students_begun[-1] if self.students_begun and not ended else None,
            "state": "ended" if ended else "running" if running else "waiting",
            "seconds": round(time.monotonic() - self.started if running and self.started else self.seconds, 1),
            "success": self.status == 0 if ended else None,
        }


class Queue:
    """Runs one command after the other: grading a submission may take a gigabyte."""

    def __init__(self) -> None:
        """Create an empty queue."""
        self._running = asyncio.Lock()
        self._commands: list[Command] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def commands(self, assignment: str) -> list[Command]:
        """Return the last command of an assignment that ended, and those that are running or waiting."""
        commands = [one for one in self._commands if one.assignment == assignment]
        ended = [one for one in commands if one.status is not None]
        return [*ended[-1:], *(one for one in commands if one.status is None)]

    def is_covered(self, command: Command) -> bool:
        """Return True if a waiting command has the same options and includes all students of this one."""
        return any(
            other.started is None and other.options == command.options and set(other.students) >= set(command.students)
            for other in self.commands(command.assignment)
        )

    def start(self, command: Command, course: Course) -> "asyncio.Task[None]":
        """Put a command at the end of the queue; the task ends when the command has."""
        self._commands = [
            other for other in self._commands if other.status is None or other in self.commands(other.assignment)
        ]
        if all(other.status is not None for other in self._commands):
            command.started = time.monotonic()  # it waits for nothing
        self._commands.append(command)
        task = asyncio.get_running_loop().create_task(self._run(command, course))
        self._tasks.add(task)  # asyncio keeps only weak references to tasks
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, command: Command, course: Course) -> None:
        async with self._running:
            command.started = time.monotonic()
            try:
                command.end(status := await _run_process(command, course))
                if status and not command.log.strip():
                    command.lines.append(f"nbgrader {command.name} ended without a word, with status {status}")
            except OSError as error:
                command.lines.append(f"nbgrader {command.name} could not be started: {error}")
                command.end(1)
            finally:
                if command.status is None:  # the server stops
                    command.end(1)


async def _run_process(command: Command, course: Course) -> int:
    """Run a command and read its output; return its exit status."""
    options = [f"--assignment={command.assignment}", f"--course-dir={course.root}", f"--db={course.db_url}"]
    # nbgrader starts programs of its environment by their bare names
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _NBGRADER, command.name, *options, *command.options),
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
                command.read_line(line, submitted)
        command.read_line(rest, submitted)
        return await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
