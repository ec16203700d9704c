"""Commands that bring feedback pages to students: feedback moodle, canvas, folder, github."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradeprop.cli.options import FILE, FOLDER, assignment_argument, example, find_assignment
from gradeprop.cli.output import progress, waiting, warn
from gradeprop.cli.push import canvas_target, dry_run_option, leave_out_option, print_deliveries, report
from gradeprop.core.assignment import Assignment
from gradeprop.core.paths import AssignmentPaths

if TYPE_CHECKING:
    from gradeprop.integrations.push.pages import PageTarget, StudentPages


@click.group()
def feedback() -> None:
    """Bring feedback pages to the students.

    Each student gets their own page, and the notebook with people's comments if nbgrader generate_feedback has made
    it.
    """


@feedback.command(epilog=example("gradeprop feedback moodle mnist_lenet --roster worksheet.csv"))
@assignment_argument
@click.option(
    "--roster",
    type=FILE,
    help="Grading worksheet of the assignment; needed unless students are called by their participant numbers.",
)
@click.option("--to", type=FILE, help="Without it, ASSIGNMENT-feedback.zip.")
@leave_out_option
@click.pass_context
def moodle(
    ctx: click.Context, assignment: str, roster: Path | None, to: Path | None, leave_out: tuple[str, ...]
) -> None:
    """Write the zip for Moodle's Upload multiple feedback files in a zip."""
    from gradeprop.core.storage import write_bytes
    from gradeprop.integrations.lms.platforms import MOODLE
    from gradeprop.integrations.lms.roster import list_names, read_roster
    from gradeprop.integrations.push.pages import moodle_zip

    one, _, everyone = _collect(ctx, assignment, leave_out)
    worksheet = read_roster(roster, MOODLE) if roster else None
    with progress("packing", len(everyone)) as tick:
        data, gone = moodle_zip(everyone, worksheet, tick)
    write_bytes(data, file := to or Path(f"{one.name}-feedback.zip"))
    click.echo(f"{file} is written: the pages of {len(everyone) - len(gone)} students, {len(data) / 1024:,.0f} KiB")
    if gone:
        warn(f"Not in the worksheet, so left out: {list_names(gone)}.")


@feedback.command(epilog=example("gradeprop feedback folder mnist_lenet --to feedback_1"))
@assignment_argument
@click.option("--to", type=FOLDER, help="Without it, ASSIGNMENT-feedback.")
@leave_out_option
@click.pass_context
def folder(ctx: click.Context, assignment: str, to: Path | None, leave_out: tuple[str, ...]) -> None:
    """Write a folder per student, and a table with e-mail addresses for a mail merge."""
    from gradeprop.integrations.push.pages import write_folder

    one, _, everyone = _collect(ctx, assignment, leave_out)
    with progress("copying", len(everyone)) as tick:
        table = write_folder(everyone, to or Path(f"{one.name}-feedback"), tick)
    click.echo(f"{table.parent} is written: the pages of {len(everyone)} students; {table.name} lists them")


@feedback.command(epilog=example("gradeprop feedback canvas mnist_lenet --dry-run"))
@assignment_argument
@click.option("--column", metavar="TITLE", help="Title or id of the assignment on Canvas.")
@leave_out_option
@dry_run_option
@click.pass_context
def canvas(ctx: click.Context, assignment: str, column: str | None, leave_out: tuple[str, ...], dry_run: bool) -> None:
    """Attach each student's page to a comment on their submission, with the access token in CANVAS_TOKEN."""
    one, paths, everyone = _collect(ctx, assignment, leave_out)
    connect = canvas_target(paths.course, one, column)
    with waiting("asking Canvas for its students and comments"):
        target = connect()
    _deliver(target, everyone, paths, "canvas-feedback", dry_run)


@feedback.command(epilog=example("gradeprop feedback github mnist_lenet --dry-run"))
@assignment_argument
@leave_out_option
@dry_run_option
@click.pass_context
def github(ctx: click.Context, assignment: str, leave_out: tuple[str, ...], dry_run: bool) -> None:
    """Commit each student's page to the branch feedback of their repository, with the token in STUDENTS_TOKEN."""
    from gradeprop.integrations.push.github import GithubTarget
    from gradeprop.integrations.push.settings import GITHUB_TOKEN, read_settings, section, token

    one, paths, everyone = _collect(ctx, assignment, leave_out)
    settings = section(read_settings(paths.course).github, "github", paths.course)
    target = GithubTarget(settings, token(GITHUB_TOKEN), one.name)
    _deliver(target, everyone, paths, "github-feedback", dry_run)


def _collect(
    ctx: click.Context, assignment: str, leave_out: tuple[str, ...]
) -> "tuple[Assignment, AssignmentPaths, list[StudentPages]]":
    """Bring the pages up to date, collect them, and warn of students on hold."""
    from gradeprop.cli.scores import refresh_pages
    from gradeprop.integrations.lms.roster import list_names
    from gradeprop.integrations.push.pages import collect_pages
    from gradeprop.results import refresh

    course, one = find_assignment(ctx, assignment)
    paths = course.assignment(one.name)
    with waiting("collecting the pages"):
        graded = refresh_pages(course, one) or refresh.read_graded(course, one)
        everyone, on_hold = collect_pages(paths, graded, frozenset(leave_out))
    if on_hold:
        warn(f"On hold, so left out: {list_names(on_hold)}.")
    return one, paths, everyone


def _deliver(
    target: "PageTarget", everyone: "list[StudentPages]", paths: AssignmentPaths, name: str, dry_run: bool
) -> None:
    """Send the pages that students do not have yet, and print the table of who received what."""
    from gradeprop.integrations.push.journal import Journal
    from gradeprop.integrations.push.pages import plan_pages, send_pages

    with waiting("comparing with the pages that are there"):
        deliveries = plan_pages(target, everyone, paths.name)
    if dry_run:
        print_deliveries(deliveries)
        return
    journal = Journal(paths.pushed(name), target.column)
    with progress("sending", total=sum(each.state == "to send" for each in deliveries)) as tick:
        report(send_pages(target, everyone, deliveries, paths.name, journal, tick), len(deliveries))
