"""Pages and grades.csv follow the scores that a person gives in formgrader, in a process of their own."""

import asyncio
import os
import sys
from pathlib import Path

_PAUSE_S = 5.0
"""without another score: a person grades many answers in a row"""


class Refresher:
    """Runs ``gradeprop scores`` for an assignment, soon after the last of several scores."""

    def __init__(self, pause_s: float = _PAUSE_S) -> None:
        """Create a refresher without work."""
        self._pause_s = pause_s
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._running = asyncio.Lock()

    def soon(self, course: Path, assignment: str) -> None:
        """Bring an assignment up to date after a pause, which begins again with each call."""
        if (task := self._waiting.pop(assignment, None)) and not task.done():
            task.cancel()
        self._waiting[assignment] = asyncio.get_running_loop().create_task(self._later(course, assignment))

    async def _later(self, course: Path, assignment: str) -> None:
        await asyncio.sleep(self._pause_s)
        await asyncio.shield(self._refresh(course, assignment))

    async def _refresh(self, course: Path, assignment: str) -> None:
        command = ("-m", "gradeprop.cli.main", "--course", str(course), "scores", assignment)
        async with self._running:
            nowhere = asyncio.subprocess.DEVNULL
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, *command), cwd=course, env=os.environ, stdin=nowhere, stdout=nowhere, stderr=nowhere
            )
            await process.wait()
