"""Print lines, tables, progress bars, and the results of a run.

Text of students goes through ``for_terminal``: it must not move the cursor. rich is imported where it is used, because
it takes as long as all else that most commands need.
"""

import contextlib
import textwrap
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from gradeprop.cli.options import QUIET
from gradeprop.cli.reports import GradeLine, print_json
from gradeprop.core.assignment import Assignment
from gradeprop.core.models import GradeRecord, Unattributed
from gradeprop.core.paths import AssignmentPaths, CoursePaths
from gradeprop.core.sanitize import for_terminal

if TYPE_CHECKING:
    from rich.console import Console

_LARGE = 40
"""submissions; a table of more is read for what has changed"""
_UNSAFE = (
    "ran without a jail (--unsafe). Their code could do all that you can, and forge any grade, also a classmate's."
)
_WHAT_TO_DO = """\
Look at each submission: complete or rename its files, or ask the student to submit again; then run the same command.
To grade one as it is:            gradeprop grade ASSIGNMENT PATH --student NAME --as-is
To name the student of one:       gradeprop grade ASSIGNMENT PATH --student NAME"""


def warn(sentence: str, colour: str = "yellow") -> None:
    """Print a coloured line on stderr."""
    click.secho(for_terminal(sentence), fg=colour, err=True)


def print_line(text: str) -> None:
    """Print a line on stdout, also while rich shows a spinner on stderr and redirects what is printed to it."""
    from rich.console import Console

    Console().print(text, highlight=False, markup=False, soft_wrap=True)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> None:
    """Print a table as wide as the terminal allows; cells are plain text."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*header, title=title)
    for row in rows:
        table.add_row(*map(_one_line, row))
    Console().print(table, markup=False)


def progress_console() -> "Console":
    """Return the console for progress, on stderr; it is silent with ``gradeprop --quiet``."""
    from rich.console import Console

    ctx = click.get_current_context(silent=True)
    return Console(stderr=True, quiet=ctx is not None and QUIET in ctx.meta)


@contextlib.contextmanager
def waiting(text: str) -> Iterator[None]:
    """Show a spinner while the block runs."""
    with progress_console().status(text):
        yield


@contextlib.contextmanager
def progress(text: str, total: int | None) -> Iterator[Callable[..., None]]:
    """Show a bar on stderr; call what it yields once for each step, with a line to print above the bar if any."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=progress_console(), transient=True) as bar:
        task = bar.add_task(text, total=total)

        def tick(line: str = "") -> None:
            if line:
                bar.console.print(line, markup=False, highlight=False)
            bar.advance(task)

        yield tick


def print_results(
    course: CoursePaths,
    assignment: Assignment,
    graded: Sequence[GradeRecord],
    unattributed: Sequence[Unattributed] = (),
    as_json: bool = False,
    unchanged: Collection[str] = (),
) -> int:
    """Print the table of a run, the files that it wrote, and the submissions that need attention; return their number.

    With ``as_json`` all of it is one list of objects. In a large class, the table leaves out grades whose keys are in
    ``unchanged``.

    Raises:
        click.ClickException: a submission got no grade.
    """
    attention = [(record.student, record.attention) for record in graded if record.attention]
    attention += [("?", each.reason) for each in unattributed]
    if as_json:
        print_json(list(_lines(course.assignment(assignment.name), graded, unattributed)))
    else:
        _print_tables(course, assignment, graded, attention, unchanged if len(graded) > _LARGE else ())
    waits = [record for record in graded if record.status not in ("graded", "needs_attention")]
    if waits:
        raise click.ClickException(f"{len(waits)} of {len(graded)} on hold. The first: {_one_line(waits[0].reason)}")
    return len(attention)


def _lines(
    paths: AssignmentPaths, graded: Sequence[GradeRecord], unattributed: Sequence[Unattributed]
) -> Iterator[GradeLine]:
    for record in graded:
        yield GradeLine.of(record, str(paths.student(record.key).record))
    for each in unattributed:
        yield GradeLine("", "needs_attention", 0.0, 0.0, "", each.reason, "")


def _print_tables(
    course: CoursePaths,
    assignment: Assignment,
    graded: Sequence[GradeRecord],
    attention: Sequence[tuple[str, str]],
    left_out: Collection[str],
) -> None:
    from gradeprop.cli.scores import score_columns, waiting_answers
    from gradeprop.results import refresh

    pairs = refresh.read_pairs(course, assignment, graded)
    titles, texts = score_columns([score for _, score in pairs])
    rows = [
        [score.label, *cells, _status(record), main_remark(record)]
        for (record, score), cells in zip(pairs, texts, strict=True)
        if record.key not in left_out or record.status != "graded"
    ]
    if rows:
        print_table(("student", *titles, "status", "main remark"), rows, assignment.title)
    if len(rows) < len(pairs):
        click.echo(
            f"{len(pairs) - len(rows)} unchanged grades are not listed; gradeprop scores {assignment.name} has all"
        )
    for what, where in _written(course, assignment, graded):
        click.echo(f"{what:10}{where}")
    if sentence := waiting_answers(assignment, pairs):
        click.echo(sentence)
    if unsafe := sum(record.unsafe for record in graded):
        warn(f"WARNING: {unsafe} of {len(graded)} {_UNSAFE}", "red")
    if attention:
        print_table(("student", "what was found"), attention, need_attention(len(attention)))
        click.echo(_WHAT_TO_DO)


def need_attention(number: int) -> str:
    """Count submissions: "1 needs attention", "2 need attention"."""
    return f"{number} need{'s' * (number == 1)} attention"


def _one_line(text: str) -> str:
    return for_terminal(" ".join(text.split()))


def _status(record: GradeRecord) -> str:
    return record.status.replace("_", " ") + (", no jail" if record.unsafe else "")


def _written(course: CoursePaths, assignment: Assignment, graded: Sequence[GradeRecord]) -> Iterator[tuple[str, str]]:
    from gradeprop.results import gradebook_db  # loads nbgrader, which grading has done already

    paths = course.assignment(assignment.name)
    yield "pages", f"{paths.autograded}/*/feedback.html"
    yield "table", str(paths.grades_csv)
    yield "gradebook", gradebook_db.hide_password(gradebook_db.url(course))
    if assignment.held_out:
        datasets = ", ".join(sorted({record.dataset for record in graded if record.dataset}))
        yield "accuracy", f"measured on held-out images of {datasets or 'no data set'} (to choose: --data)"


def points(record: GradeRecord) -> str:
    """Write the points of a graded record as "8 / 10"; empty without a grade."""
    return f"{record.points:g} / {record.possible:g}" if record.status == "graded" else ""


def main_remark(record: GradeRecord) -> str:
    """Cut out the first line of the reason that cost most points."""
    messages = [record.reason, *(cause.message for cause in record.causes), *record.problems]
    first = next((message.splitlines()[0] for message in messages if message), "")
    return for_terminal(textwrap.shorten(first.replace("``", ""), 100, placeholder="…"))
