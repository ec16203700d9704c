"""Run the public checks of an assignment on known answers, as students run them: by source/given/check.py.

The known answers run in processes of their own, with a time limit.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from gradeprop.core.errors import JailError
from gradeprop.core.paths import AssignmentPaths

_PROGRAM = """
import contextlib, io, json, sys
from given import check as given
given.SECONDS = 100  # a busy machine must not decide; whatever hangs is stopped all the same
for line in sys.stdin:
    passed, said = True, io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            given.check(folder=json.loads(line))
        except given.PublicChecksFailed:
            passed = False
    print(json.dumps([passed, said.getvalue()]), flush=True)
"""


class PublicChecks:
    """A process that runs public checks, one folder after the other; it starts with the first.

    Usable as a context manager. ``start`` returns at once, so that the caller grades the same answer meanwhile.
    """

    def __init__(self, paths: AssignmentPaths) -> None:
        self._paths = paths
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "PublicChecks":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process:
            self._process.communicate()  # the end of its input ends it, and the process that waits in it

    @property
    def exist(self) -> bool:
        """True if the assignment has public checks, and the course hands out the program that runs them."""
        return self._paths.public_checks.is_file() and (self._paths.course.given / "check.py").is_file()

    def start(self, folder: Path) -> None:
        """Start the public checks on the answer in a folder; they are copied into it."""
        (folder / self._paths.public_checks.name).write_bytes(self._paths.public_checks.read_bytes())
        if self._process is None:
            path = os.pathsep.join(filter(None, [str(self._paths.course.source), os.environ.get("PYTHONPATH")]))
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _PROGRAM],
                env=os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,  # Ctrl-C is for the grader; the end of its input ends this process
            )
        assert self._process.stdin
        self._process.stdin.write(f"{json.dumps(str(folder))}\n")
        self._process.stdin.flush()

    def finish(self) -> tuple[bool, str]:
        """Wait for the answer that was started last; return whether all public checks passed, and what they printed.

        Raises:
            JailError: the process ended.
        """
        assert self._process
        assert self._process.stdout
        if not (line := self._process.stdout.readline()):
            raise JailError("the process that runs the public checks ended")
        passed, said = json.loads(line)
        return passed, said
