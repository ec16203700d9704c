"""The command: arguments to one call each."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from gradeprop import __version__
from gradeprop.core.errors import GradepropError, SubmissionError
from gradeprop.core.models import Assignment, GradeRecord
from gradeprop.core.paths import ASKED, GIVEN, PUBLIC_CHECKS, STUDENT_CODE, CoursePaths
from gradeprop.core.sanitize import for_terminal
from gradeprop.course.config import resolve_dataset as _dataset
from gradeprop.course.config import read_assignment, read_course

if TYPE_CHECKING:
    from gradeprop.grading.batch import How, Job
    from gradeprop.grading.grader import Grader
    from gradeprop.integrations.gradescope import Visibility

out = Console()
_UNSAFE = "ran without a jail (--unsafe): their code could do all that you can, and forge any grade, a classmate's too."


@contextlib.contextmanager
def progress(text: str, total: int | None) -> Iterator[Callable[[], None]]:
    """A bar where a person waits, on stderr; gives what to call at each step."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(text, total=total)
        yield lambda: bar.advance(task)


class Command(click.Group):
    """Turns the errors of the house, and those of the machine, into one sentence and exit status 1."""

    def invoke(self, ctx: click.Context) -> object:
        _open_streams()
        try:
            return super().invoke(ctx)
        except GradepropError as error:
            raise click.ClickException(str(error)) from error
        except BrokenPipeError:  # click's own: who reads has gone, and nothing is to be said
            raise
        except OSError as error:
            raise click.ClickException(f"{error.filename or 'what was to be said'}: {error.strerror}") from error


def _open_streams() -> None:
    """Let a stream that came closed lead nowhere; else a file or socket gets its number, and what is meant for it."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


@click.group(cls=Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="gradeprop")
@click.option(
    "--course",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    help="A folder in the course.",
)
@click.pass_context
def main(ctx: click.Context, course: Path) -> None:
    """Forward the submission, propagate the grade."""
    ctx.obj = course


def _assignment(ctx: click.Context, name: str) -> tuple[CoursePaths, Assignment]:
    course = CoursePaths.find(ctx.obj)
    return course, read_assignment(course, name)


data_option = click.option(
    "--data",
    "dataset",
    default="auto",
    envvar="GRADEPROP_DATASET",
    show_default=True,
    help="Held-out images to measure accuracy on; auto takes the real data where it is on disk.",
)
seed_option = click.option("--seed", type=int, help="Repeat a run: draw the same inputs again.")


@main.command()
@click.argument("assignment", required=False)
@click.option("--check", is_flag=True, help="Change nothing; fail if a release is not what the source makes.")
@click.pass_context
def release(ctx: click.Context, assignment: str | None, check: bool) -> None:
    """Make what students get, release/<hw>, from source/<hw>."""
    from gradeprop.course import release as releasing  # loads nbgrader, two seconds

    course = CoursePaths.find(ctx.obj)
    for name in [assignment] if assignment else read_course(course).assignments:
        one = read_assignment(course, name)
        if check:
            releasing.check_release(one, course)
        else:
            releasing.release(one, course)
        out.print(f"release/{name} {'is what the source makes' if check else 'is made'}", highlight=False)


@main.command()
@click.argument("name")
@click.pass_context
def new(ctx: click.Context, name: str) -> None:
    """Make a new assignment: both its folders, with a small working example to change."""
    from gradeprop.course.scaffold import new_assignment as make_new

    course = CoursePaths.find(ctx.obj)
    paths = make_new(course, name)
    for what, where in (
        ("for students", paths.source),
        ("for the grader", paths.tests),
        ("solution", f"{course.solution}, from the line that says {name}"),
    ):
        out.print(f"{what:16}{where}", highlight=False, soft_wrap=True)
    out.print(
        f"Next: gradeprop verify {name}, gradeprop release {name}; docs/check-writer.md leads on.", highlight=False
    )


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("questions", nargs=-1)
@click.option(
    "--folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".", help="Holds your files."
)
def check(questions: Sequence[str], folder: Path) -> None:
    """Run the public checks on your own code, all or those of some questions."""
    _run_given(folder, "check", questions, STUDENT_CODE, PUBLIC_CHECKS, GIVEN)


def _run_given(folder: Path, module: str, arguments: Sequence[str], *needed: str) -> None:
    """Run what was handed out with the assignment: it works the same without this command."""
    for name in needed:
        if not (folder / name).exists():
            raise click.ClickException(
                f"{folder} holds no {name}; run this in the folder of an assignment, or name it by --folder."
            )
    command = [sys.executable, "-m", f"{GIVEN}.{module}", *arguments]
    sys.exit(subprocess.run(command, cwd=folder, check=False).returncode)


@main.command()
@click.argument("assignment")
@click.argument("submissions", nargs=-1, type=click.Path(path_type=Path))
@click.option("--student", help="Whose it is, where the name of the folder or zip does not say; for one submission.")
@data_option
@seed_option
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Grade this many side by side, about 1 GiB each; without it one, and for a large class one per processor. "
    "One more starts while all of them are held by submissions that take long.",
)
@click.option(
    "--unsafe",
    is_flag=True,
    help="Where no jail can be made, run the code all the same: it can do all that you can, forge grades too.",
)
@click.option("--scheduler", metavar="ADDRESS", help="Run submissions on the workers of this Dask scheduler.")
@click.option(
    "--resources",
    metavar="NAME=N",
    multiple=True,
    help="What each submission takes of a worker's Dask resources, such as GPU=1.",
)
@click.option(
    "--recheck",
    "how",
    flag_value="recheck",
    help="Run the checks again on what is kept of everyone, or of these submissions; no student code runs.",
)
@click.option("--force", "how", flag_value="force", help="Grade all anew, also where nothing has changed.")
@click.pass_context
def grade(
    ctx: click.Context,
    assignment: str,
    submissions: Sequence[Path],
    student: str | None,
    dataset: str,
    seed: int | None,
    unsafe: bool,
    workers: int | None,
    scheduler: str | None,
    resources: Sequence[str],
    how: str | None,
) -> None:
    """Grade folders or zips, each named for its student; a folder that holds nothing else is a class.

    Does only what has changed since: a new submission runs; where the checks alone are others, they judge what is kept
    of the run; all else keeps its record. --recheck and --force do more.
    One zip or folder as Canvas, Moodle or Blackboard hand over a class is one, too.
    """
    from gradeprop.grading import batch
    from gradeprop.submissions import discovery

    course, one = _assignment(ctx, assignment)
    if not submissions and how != "recheck":
        raise click.UsageError("name folders or zips to grade, or give --recheck for all that were graded before.")
    named, left_out = list[tuple[Path, str]](), 0
    if submissions:
        found = _downloaded(ctx, course, one, submissions, student)
        named, left_out = found or (discovery.find_submissions(submissions, student), 0)
    with _grader(course, one, dataset, seed, unsafe=unsafe) as grader:
        if submissions:
            with progress("looking for what has changed", len(named)) as tick:
                jobs = batch.plan(grader, named, _HOW[how], tick)
        else:
            jobs = batch.plan_again(grader, batch.kept_submissions(grader.paths))
        _run(grader, jobs, workers, scheduler, _amounts(resources))
    if left_out:
        raise click.ClickException(f"{left_out} of what is in {submissions[0]} could not be taken; see above.")


_HOW: dict[str | None, "How"] = {None: "changed", "recheck": "recheck", "force": "force"}


def _amounts(resources: Sequence[str]) -> dict[str, float]:
    amounts = {}
    for text in resources:
        name, _, number = text.partition("=")
        try:
            amounts[name] = float(number)
        except ValueError:
            raise click.UsageError(f"--resources {text} is not NAME=N, such as GPU=1.") from None
    return amounts


def _run(
    grader: "Grader",
    jobs: Sequence["Job"],
    workers: int | None,
    scheduler: str | None = None,
    resources: dict[str, float] | None = None,
) -> None:
    """Do it before the eyes of whoever waits; then what was done, and why; exit status 130 where they stopped it."""
    from gradeprop.cli.progress import Board, summary
    from gradeprop.grading import batch

    board, elsewhere = Board(jobs, Console(stderr=True)), None
    if scheduler:
        from gradeprop.grading.dask_client import Cluster

        elsewhere = Cluster(scheduler, resources, board.say).run
    with board.shown(), batch.Stop(board.say) as stop:
        graded = batch.run(grader, jobs, board.watch, stop, workers, elsewhere)
    for line in summary(jobs, graded):
        out.print(line, highlight=False, soft_wrap=True, markup=False)
    if len(graded) == len(jobs):
        _show(grader.paths.course, grader.assignment, graded)
    else:
        sys.exit(128 + signal.SIGINT)


@main.command()
@click.argument("assignment")
@click.option("--only", default="", help="Only cases whose name contains this, and no junk.")
@data_option
@seed_option
@click.pass_context
def verify(ctx: click.Context, assignment: str, only: str, dataset: str, seed: int | None) -> None:
    """Prove the checks: every known answer gets exactly what it must, and junk breaks none."""
    from gradeprop.grading.verify import verify as prove

    course, one = _assignment(ctx, assignment)
    verdicts = []
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        grader = stack.enter_context(_grader(course, one, dataset, seed, scratch))
        tick = stack.enter_context(progress("proving", None))
        for verdict in prove(grader, only):
            verdicts.append(verdict)
            tick()
    table = Table("case", "points", "expected", "")
    for verdict in verdicts:
        if verdict.wrong or not verdict.name.startswith("junk"):
            table.add_row(verdict.name, f"{verdict.points:g}", f"{verdict.expected:g}", verdict.wrong or "holds")
    failed = sum(bool(verdict.wrong) for verdict in verdicts)
    out.print(table, markup=False)
    out.print(f"{len(verdicts) - failed} of {len(verdicts)} hold", highlight=False)
    sys.exit(1 if failed else 0)


@main.command()
def doctor() -> None:
    """Say which jails this machine can make, and what each stops, by trying it."""
    from gradeprop.jail import probe_tiers

    with out.status("trying to break out of each jail"):
        reports = probe_tiers()
    table = Table("a submission tries to", *(report.tier for report in reports))
    for attempt in dict.fromkeys(attempt for report in reports for attempt in report.stops):
        stopped = (report.stops.get(attempt) for report in reports)
        table.add_row(attempt, *({True: "stopped", False: "NOT stopped", None: "–"}[found] for found in stopped))
    out.print(table, markup=False)
    for report in reports:
        by = "a control group" if report.has_cgroup else "limits of each process and a look ten times a second"
        made = f"ready in {report.ready_s:.1f} s; memory and processes are held by {by}"
        out.print(f"{report.tier}: {report.problem or made}", highlight=False)
    out.print("none: nothing is stopped; code runs in it only where grade is told --unsafe", highlight=False)
    if all(report.problem for report in reports):
        raise click.ClickException("no jail can be made here, so no submission will be run")


@main.command()
@click.argument("assignment")
@data_option
@click.pass_context
def demo(ctx: click.Context, assignment: str, dataset: str) -> None:
    """Release an assignment and grade a small class of right, wrong, broken and hostile submissions."""
    from gradeprop.course.demo import demo_class
    from gradeprop.course.release import release as make_release
    from gradeprop.grading import batch
    from gradeprop.submissions import discovery

    course, one = _assignment(ctx, assignment)
    make_release(one, course)
    out.print(f"release/{one.name} is made: what students get", highlight=False)
    dataset = _dataset(one, dataset)
    with out.status(f"training the reference on {dataset}, once"):
        folder = demo_class(one, course.assignment(one.name), dataset)
    named = discovery.find_submissions([folder])
    with _grader(course, one, dataset, None) as grader, progress("grading", len(named)) as tick:
        graded = batch.grade_class(grader, named, tick)
    _show(course, one, graded)


@main.command()
@click.option(
    "--folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".", help="Holds your files."
)
def submit(folder: Path) -> None:
    """Check that all you hand in is there, pack it into one zip, and print a receipt."""
    _run_given(folder, "submit", (), f"{GIVEN}/{ASKED}")


@main.command()
@click.argument("platform", type=click.Choice(["canvas", "moodle", "blackboard"]))
@click.argument("assignments", nargs=-1)
@click.option(
    "--roster",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The gradebook as the platform exported it: whose row is whose, and which columns there are.",
)
@click.option("--to", type=click.Path(dir_okay=False, path_type=Path), help="The file to write, else canvas.csv or so.")
@click.option("--questions", is_flag=True, help="A column for each question, too.")
@click.option("--column", "columns", metavar="HW=TITLE", multiple=True, help="What the platform calls an assignment.")
@click.option("--leave-out", metavar="STUDENT", multiple=True, help="Export the others; may be given several times.")
@click.option("--dry-run", is_flag=True, help="Write nothing; show what is not as in the last export.")
@click.pass_context
def export(
    ctx: click.Context,
    platform: str,
    assignments: Sequence[str],
    roster: Path | None,
    to: Path | None,
    questions: bool,
    columns: Sequence[str],
    leave_out: Sequence[str],
    dry_run: bool,
) -> None:
    """Write the grades of these assignments, or of all, as a file that Canvas, Moodle or Blackboard imports."""
    from gradeprop.integrations.lms import export as lms  # loads nbgrader, two seconds
    from gradeprop.integrations.lms.platforms import PLATFORMS

    titles = dict(text.partition("=")[::2] for text in columns)
    if strange := [text for text in columns if not all(text.partition("="))]:
        raise click.UsageError(f"--column {strange[0]} is not HW=TITLE, such as mnist_lenet='Homework 1'.")
    wish = lms.ExportOptions(PLATFORMS[platform], roster, questions, titles, frozenset(leave_out), to)
    made = lms.prepare_export(CoursePaths.find(ctx.obj), wish, assignments)
    if dry_run:
        table = Table("student", "column", "last export", "now")
        for change in made.changes:
            cells = (change.student, change.column, *("–" if c is None else c for c in (change.before, change.now)))
            table.add_row(*map(for_terminal, cells))
        out.print(table if made.changes else "nothing has changed since the last export", markup=False)
    else:
        changed = len(made.changes)
        out.print(f"{made.write()} is written: {len(made.students)} students, {changed} cells are new",
                  highlight=False, soft_wrap=True, markup=False)  # fmt: skip
    for note in made.warnings:
        click.secho(for_terminal(note), fg="yellow", err=True)


@main.command()
@click.argument("assignment")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--once", is_flag=True, help="End when all that is there is graded.")
@data_option
@seed_option
@click.pass_context
def watch(ctx: click.Context, assignment: str, folder: Path, once: bool, dataset: str, seed: int | None) -> None:
    """Grade what comes into a folder, as it comes: nbgrader's inbound folder, or any with folders and zips.

    Each once, in order of arrival, and of each student the latest; Ctrl-C ends it after the submission at work.
    """
    from gradeprop.grading import batch
    from gradeprop.grading.watch import Watch

    course, one = _assignment(ctx, assignment)
    aside = Console(stderr=True)

    def say(sentence: str) -> None:
        aside.print(
            f"{_now()}  {for_terminal(sentence)}", style="yellow", highlight=False, markup=False, soft_wrap=True
        )

    graded: list[GradeRecord] = []

    def show(record: GradeRecord) -> None:
        graded.append(record)
        points = f"{record.points:g} / {record.possible:g}" if record.status == "graded" else record.status
        line = f"{_now()}  {for_terminal(record.student):24} {points:14} {_stands_out(record)}"
        out.print(line, highlight=False, markup=False, soft_wrap=True)
        status.update(f"watching {folder}: {len(graded)} graded")

    with (
        _grader(course, one, dataset, seed) as grader,
        aside.status(f"watching {folder}") as status,
        batch.Stop(say) as stop,
    ):
        Watch(grader, folder, say, show).run(stop, once)
    held = sum(record.status != "graded" for record in graded)
    out.print(f"{len(graded)} graded{f', {held} of them held back' if held else ''}", highlight=False)


@main.group()
def package() -> None:
    """Make what grades an assignment elsewhere."""


@package.command("gradescope")
@click.argument("assignment")
@click.option("--to", type=click.Path(dir_okay=False, path_type=Path), help="The zip; else <hw>-gradescope.zip here.")
@click.option(
    "--visibility",
    type=click.Choice(["visible", "after_due_date", "after_published"]),
    default="visible",
    show_default=True,
    help="When students see what each check says.",
)
@click.option("--unsafe", is_flag=True, help="Where no jail can be made, run the code all the same; see docs.")
@data_option
@click.pass_context
def package_gradescope(
    ctx: click.Context, assignment: str, to: Path | None, visibility: "Visibility", unsafe: bool, dataset: str
) -> None:
    """Make the zip that Gradescope takes as an autograder. It holds the hidden checks: keep it as you keep them."""
    from gradeprop.core.storage import write_bytes
    from gradeprop.integrations import gradescope

    course, one = _assignment(ctx, assignment)
    settings = gradescope.Settings(
        assignment=one.name, dataset=_dataset(one, dataset), visibility=visibility, unsafe=unsafe
    )
    data, file = gradescope.package(course, one, settings), to or Path(f"{one.name}-gradescope.zip")
    write_bytes(data, file)
    out.print(f"{file}: {len(data) / 2**20:.1f} MiB, held-out images of {settings.dataset or 'no data set'}")
    out.print(f"max. points of the autograder: {one.points:g}; docs/gradescope.md leads on", highlight=False)


@package.command("github")
@click.argument("assignment")
@click.option("--organisation", required=True, help="Where the students' repositories are.")
@click.option("--to", type=click.Path(file_okay=False, path_type=Path), help="A folder; else <hw>-github here.")
@click.pass_context
def package_github(ctx: click.Context, assignment: str, organisation: str, to: Path | None) -> None:
    """Write the workflows for GitHub: public checks for students, and grading in the instructors' repository."""
    from gradeprop.core.storage import write_bytes
    from gradeprop.integrations import github

    _, one = _assignment(ctx, assignment)
    files, folder = github.workflows(one, organisation), to or Path(f"{one.name}-github")
    for name in files:
        if (folder / name).exists():
            raise click.ClickException(
                f"{folder / name} is there already, perhaps changed; name another folder by --to."
            )
    for name, text in files.items():
        write_bytes(text.encode(), folder / name)
        out.print(f"{folder / name}", highlight=False, soft_wrap=True)
    out.print("docs/github.md says where they go, and what is protected from whom", highlight=False)


@main.command()
@click.argument("assignment")
@click.pass_context
def report(ctx: click.Context, assignment: str) -> None:
    """Write one page on the class: scores, commonest mistakes, what to review, who handed in the same."""
    from gradeprop.grading import batch
    from gradeprop.results.class_report import write_class_report

    course, one = _assignment(ctx, assignment)
    paths = course.assignment(one.name)
    batch.kept_submissions(paths)
    with out.status("reading what was graded"):
        file = write_class_report(one, paths)
    out.print(f"report    {file}", highlight=False, soft_wrap=True)


def _now() -> str:
    return time.strftime("%H:%M:%S")


def _downloaded(
    ctx: click.Context, course: CoursePaths, one: Assignment, paths: Sequence[Path], student: str | None
) -> tuple[list[tuple[Path, str]], int] | None:
    """The class in a learning platform's download, unpacked until the command ends, and how many could not be taken."""
    from gradeprop.submissions.lms_downloads import open_lms_download

    if len(paths) != 1 or student is not None or not paths[0].exists():
        return None
    try:
        download = ctx.with_resource(open_lms_download(paths[0], one, course.cache))
    except SubmissionError:  # a student's, and the record says so
        return None
    if download is None:
        return None
    count = len(download.submissions)
    out.print(f"{paths[0].name} is a download from {download.platform}, of {count} students", highlight=False)
    for sentence in download.warnings:
        click.secho(sentence, fg="yellow", err=True)
    return list(download.submissions), len(download.warnings)


def _grader(
    course: CoursePaths, one: Assignment, dataset: str, seed: int | None, into: Path | None = None, unsafe: bool = False
) -> "Grader":
    from gradeprop.grading.grader import Grader  # loads the jail, which most commands need not

    return Grader(course, one, _dataset(one, dataset), seed, into, unsafe)


def _show(course: CoursePaths, one: Assignment, graded: Sequence[GradeRecord]) -> None:
    """The table of a run, and where everything lies; exit status 1 if a grade is held back."""
    from gradeprop.results import gradebook_db  # loads nbgrader, which grading has done already

    paths = course.assignment(one.name)
    table = Table("student", "points", "status", "what stands out", title=one.title)
    for record in graded:
        points = f"{record.points:g} / {record.possible:g}" if record.status == "graded" else "–"
        status = record.status.replace("_", " ") + (", no jail" if record.unsafe else "")
        table.add_row(for_terminal(record.student), points, status, _stands_out(record))
    out.print(table, markup=False)
    for what, where in (("pages", f"{paths.autograded}/*/feedback.html"), ("table", paths.grades_csv)):
        out.print(f"{what:10}{where}", highlight=False, soft_wrap=True)
    out.print(
        f"gradebook {gradebook_db.hide_password(gradebook_db.url(course))}",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )
    datasets = ", ".join(sorted({record.dataset for record in graded if record.dataset}))
    if one.held_out:
        out.print(f"accuracy  on held-out images of {datasets or 'no data set'} (--data chooses)", highlight=False)
    if unsafe := sum(record.unsafe for record in graded):
        click.secho(f"WARNING: {unsafe} of {len(graded)} {_UNSAFE}", fg="red", err=True)
    if held := [record for record in graded if record.status != "graded"]:
        raise click.ClickException(f"{len(held)} of {len(graded)} are held back: {held[0].reason}")


def _stands_out(record: GradeRecord) -> str:
    """The first line of what cost the most."""
    lost = sorted((o for o in record.results if o.points < o.possible), key=lambda o: o.points - o.possible)
    messages = [record.reason, *(result.message for result in lost), *record.problems]
    return next((for_terminal(message.splitlines()[0][:100]) for message in messages if message), "")


if __name__ == "__main__":
    main()
