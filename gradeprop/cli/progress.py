"""Progress of a class: a live bar in a terminal, plain lines elsewhere; and a summary at the end."""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gradeprop.core.models import GradeRecord
from gradeprop.grading.jobs import Job

_EVERY_S = 10.0


class ProgressDisplay:
    """Counts finished jobs, and those without a grade; a job that needed no work counts as finished."""

    def __init__(self, jobs: Sequence[Job], console: Console) -> None:
        self.total, self.counts = len(jobs), Counter[str]()
        self._began = self._last_line = time.monotonic()
        self._console = console
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[counts]}"),
        )
        remaining = (TimeRemainingColumn(compact=True), "left")
        self._bar = Progress(*columns, *remaining, console=console, transient=True)
        self._task = self._bar.add_task("grading", total=self.total, counts="")

    def job_finished(self, job: Job, record: GradeRecord) -> None:
        """Count one job; in a terminal update the bar, elsewhere print a line every ten seconds."""
        self.counts.update(["done", record.status, *(["worked"] if job.need != "nothing" else [])])
        if self._console.is_terminal:
            doing = "writing the gradebook" if self.counts["done"] == self.total else "grading"
            self._bar.update(self._task, advance=1, counts=self._counted(), description=doing)
        elif (now := time.monotonic()) - self._last_line > _EVERY_S:
            self._last_line = now
            self.say(f"{self.counts['done']} of {self.total} done, {self._counted()}, {self._time_left()}")

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._console.print(text, highlight=False, soft_wrap=True, markup=False)

    def _counted(self) -> str:
        words = {"not_graded": "not graded", "needs_review": "to review", "needs_attention": "need attention"}
        counted = ", ".join(f"{self.counts[status]} {word}" for status, word in words.items())
        return f"{counted}, {60 * self._rate_hz():.0f}/min"

    def _time_left(self) -> str:
        if not self._rate_hz():
            return "time left unknown"
        left_s = (self.total - self.counts["done"]) / self._rate_hz()
        return f"{left_s:.0f} s left" if left_s < 90 else f"{left_s / 60:.0f} min left"

    def _rate_hz(self) -> float:
        """Jobs with work per second: those without take no time, and say nothing about the rest."""
        return self.counts["worked"] / max(time.monotonic() - self._began, 1e-3)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Show the bar while the block runs, if there is a terminal."""
        if not self._console.is_terminal:
            yield
            return
        with self._bar:
            yield


def summary(jobs: Sequence[Job], graded: Sequence[GradeRecord]) -> list[str]:
    """Count the jobs by what was done and why: a line for each, the most frequent first."""
    words = {"all": "graded", "checks": "re-evaluated", "nothing": "unchanged"}
    counted = Counter((job.need, job.why) for job in jobs)
    lines = []
    for (need, why), number in counted.most_common():
        lines.append(f"{words[need]:14}{number:6}  {why}")
    if left := len(jobs) - len(graded):
        lines.append(f"{'left':14}{left:6}  stopped; run the same command again to continue")
    return lines
