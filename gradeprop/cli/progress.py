"""How far a class is: a live bar in a terminal, plain lines where there is none."""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gradeprop.core.models import GradeRecord
from gradeprop.grading.jobs import Job

_EVERY_S = 10.0


class Board:
    """Counts what has ended, and what of that failed or waits for a person; what was kept counts as done."""

    def __init__(self, jobs: Sequence[Job], console: Console) -> None:
        self.total, self.counts = len(jobs), Counter[str]()
        self._began = self._told = time.monotonic()
        self._console = console
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}"),
        )
        remaining = (TimeRemainingColumn(compact=True), "left")
        self._bar = Progress(*columns, *remaining, console=console, transient=True)
        self._task = self._bar.add_task("grading", total=self.total, told="")

    def watch(self, job: Job, record: GradeRecord) -> None:
        """One job has ended."""
        self.counts.update(["done", record.status, *(["worked"] if job.need != "nothing" else [])])
        if self._console.is_terminal:
            doing = "writing the gradebook" if self.counts["done"] == self.total else "grading"
            self._bar.update(self._task, advance=1, told=self.told, description=doing)
        elif (now := time.monotonic()) - self._told > _EVERY_S:
            self._told = now
            self.say(f"{self.counts['done']} of {self.total} done, {self.told}, {self.left} left")

    def say(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True, markup=False)

    @property
    def told(self) -> str:
        failed, review = self.counts["not_graded"], self.counts["needs_review"]
        return f"{failed} failed, {review} to review, {60 * self._rate_hz:.0f}/min"

    @property
    def left(self) -> str:
        """Time left, from the rate until now."""
        if not self._rate_hz:
            return "no telling how long is"
        left_s = (self.total - self.counts["done"]) / self._rate_hz
        return f"{left_s:.0f} s" if left_s < 90 else f"{left_s / 60:.0f} min"

    @property
    def _rate_hz(self) -> float:
        """Of what took work: what was kept takes no time, and says nothing of the rest."""
        return self.counts["worked"] / max(time.monotonic() - self._began, 1e-3)

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        if not self._console.is_terminal:
            yield
            return
        with self._bar:
            yield


def summary(jobs: Sequence[Job], graded: Sequence[GradeRecord]) -> list[str]:
    """What was done and why, a line for each reason, what is most first."""
    words = {"all": "graded", "checks": "judged again", "nothing": "kept"}
    counted = Counter((job.need, job.why) for job in jobs)
    lines = []
    for (need, why), number in counted.most_common():
        lines.append(f"{words[need]:14}{number:6}  {why}")
    if left := len(jobs) - len(graded):
        lines.append(f"{'left':14}{left:6}  stopped; the same command goes on with them")
    return lines
