"""Stop a run in order on Ctrl-C."""

import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType

_SIGNALS = signal.SIGINT, signal.SIGTERM


class Stop:
    """Turns the first Ctrl-C or SIGTERM into ``requested``, which backends look at; the second ends the process."""

    def __init__(self, tell: Callable[[str], None] = lambda text: None) -> None:
        self.requested, self._tell = False, tell

    def __enter__(self) -> "Stop":
        self._before = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            os._exit(128 + number)  # our children end with us, and the next run recovers
        self.requested = True
        self._tell("Stopping: submissions in progress are completed first (Ctrl-C again stops at once).")
