"""Commands that bring grades and graders elsewhere: export, report, package."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradeprop.cli.options import (
    EXISTING_FOLDER,
    FILE,
    FOLDER,
    assignment_argument,
    complete_assignment,
    data_option,
    example,
    find_assignment,
    pairs,
    unsafe_option,
)
from gradeprop.cli.output import print_table, waiting, warn
from gradeprop.core.paths import CoursePaths

if TYPE_CHECKING:
    from gradeprop.integrations.gradescope import Visibility
    from gradeprop.integrations.lms.export import Export


@click.command(
    epilog=example(
        "gradeprop export canvas mnist_lenet --roster from_canvas.csv --dry-run",
        "gradeprop export moodle mnist_lenet --roster worksheet.csv --out-of 100",
    )
)
@click.argument("platform", type=click.Choice(["canvas", "moodle", "blackboard", "brightspace", "csv"]))
@click.argument("assignments", nargs=-1, shell_complete=complete_assignment)
@click.option(
    "--roster",
    type=FILE,
    help="Gradebook exported by the platform, or Moodle's grading worksheet: students and columns.",
)
@click.option("--to", type=FILE, help="File to write; without it canvas.csv or similar.")
@click.option("--questions", is_flag=True, help="Add a column for each question.")
@click.option(
    "--column",
    "columns",
    metavar="HW=TITLE",
    multiple=True,
    callback=pairs("mnist_lenet='Homework 1'"),
    help="Title of an assignment's column on the platform.",
)
@click.option("--new-column", is_flag=True, help="Add a column if the roster has none for an assignment.")
@click.option("--id-column", metavar="TITLE", default="", help="Column of the roster that identifies students.")
@click.option(
    "--out-of", metavar="N", type=click.FloatRange(0, min_open=True), help="Scale each assignment to N points."
)
@click.option("--leave-out", metavar="STUDENT", multiple=True, help="Do not export this student; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Write nothing; show what differs from the last export.")
@click.pass_context
def export(
    ctx: click.Context,
    platform: str,
    assignments: Sequence[str],
    roster: Path | None,
    to: Path | None,
    questions: bool,
    columns: dict[str, str],
    leave_out: Sequence[str],
    dry_run: bool,
    new_column: bool,
    id_column: str,
    out_of: float | None,
) -> None:
    """Write a file of grades for a learning platform.

    Writes a file for the platform to import, with the grades of the ASSIGNMENTS, or of all. Students who are not in
    the roster are left out and named.
    """
    from gradeprop.integrations.lms.columns import ExportOptions
    from gradeprop.integrations.lms.export import prepare_export  # loads nbgrader, two seconds
    from gradeprop.integrations.lms.platforms import PLATFORMS

    options = ExportOptions(
        PLATFORMS[platform], roster, questions, columns, frozenset(leave_out), to, out_of, new_column, id_column
    )
    built = prepare_export(CoursePaths.find(ctx.obj), options, tuple(dict.fromkeys(assignments)))
    if dry_run:
        _print_changes(built)
    else:
        file = built.write()
        click.echo(f"{file} is written; students: {len(built.students)}, changed cells: {len(built.changes)}")
    for note in built.warnings:
        warn(note)


def _print_changes(built: "Export") -> None:
    if built.changes:
        cells = ((each.student, each.column, each.before, each.now) for each in built.changes)
        rows = [["–" if cell is None else cell for cell in row] for row in cells]
        print_table(("student", "column", "last export", "now"), rows)
    else:
        click.echo("Nothing has changed since the last export.")


@click.command(
    epilog=example(
        "gradeprop report mnist_lenet",
        "gradeprop report mnist_lenet --earlier ../cnn-2025/autograded/mnist_lenet",
    )
)
@assignment_argument
@click.option("--anonymous", is_flag=True, help="For a lecture: write report-anonymous.html, without names.")
@click.option(
    "--earlier",
    type=EXISTING_FOLDER,
    help="Also compare with the code of a former year: its folder autograded/ASSIGNMENT.",
)
@click.pass_context
def report(ctx: click.Context, assignment: str, anonymous: bool, earlier: Path | None) -> None:
    """Write a page about the class, and report.json.

    It shows scores, the checks as items of a test, misconceptions and frequent mistakes, who needs help, submissions to
    review, and similar submissions.
    """
    from gradeprop.cli.scores import refresh_pages
    from gradeprop.grading.jobs import graded_students
    from gradeprop.results.class_report import write_class_report

    course, one = find_assignment(ctx, assignment)
    paths = course.assignment(one.name)
    graded_students(paths.autograded)  # refuses a class without grades
    with waiting("reading the grade records"):
        file = write_class_report(one, paths, anonymous, earlier, refresh_pages(course, one))
    click.echo(f"report    {file}")


_VISIBILITY = click.Choice(["visible", "after_due_date", "after_published"])


@click.group()
def package() -> None:
    """Package an assignment for another service."""


@package.command(
    "gradescope",
    epilog=example(
        "gradeprop package gradescope mnist_lenet",
        "gradeprop package gradescope mnist_lenet --visibility-of accuracy after_due_date",
    ),
)
@assignment_argument
@click.option("--to", type=FILE, help="Zip to write; without it ASSIGNMENT-gradescope.zip in the current folder.")
@click.option(
    "--visibility",
    type=_VISIBILITY,
    default="visible",
    show_default=True,
    help="When students see the messages of the checks.",
)
@click.option(
    "--visibility-of",
    type=(str, _VISIBILITY),
    multiple=True,
    metavar="QUESTION WHEN",
    help="The same for the checks of one question; may be repeated.",
)
@unsafe_option
@data_option
@click.pass_context
def package_gradescope(
    ctx: click.Context,
    assignment: str,
    to: Path | None,
    visibility: "Visibility",
    visibility_of: tuple[tuple[str, "Visibility"], ...],
    unsafe: bool,
    dataset: str,
) -> None:
    """Write the zip to upload to Gradescope as an autograder. It contains the hidden checks: keep it secret."""
    from gradeprop.core.storage import write_bytes
    from gradeprop.course.config import require_dataset
    from gradeprop.integrations import gradescope

    course, one = find_assignment(ctx, assignment)
    settings = gradescope.Settings(
        assignment=one.name,
        dataset=require_dataset(one, dataset),
        visibility=visibility,
        visibility_of=dict(visibility_of),
        unsafe=unsafe,
    )
    data, file = gradescope.package(course, one, settings), to or Path(f"{one.name}-gradescope.zip")
    write_bytes(data, file)
    click.echo(f"{file}: {len(data) / 2**20:.1f} MiB, held-out images of {settings.dataset or 'no data set'}")
    click.echo(f"Set the autograder points to {one.points:g}. Next steps: gradeprop docs gradescope.")


@package.command("github", epilog=example("gradeprop package github mnist_lenet --organisation my-course"))
@assignment_argument
@click.option("--organisation", required=True, help="GitHub organisation that owns the students' repositories.")
@click.option("--to", type=FOLDER, help="Folder to write; without it ASSIGNMENT-github in the current folder.")
@click.pass_context
def package_github(ctx: click.Context, assignment: str, organisation: str, to: Path | None) -> None:
    """Write workflows for GitHub: public checks for the students, grading for the instructors' repository."""
    from gradeprop.core.storage import write_bytes
    from gradeprop.integrations import github

    _, one = find_assignment(ctx, assignment)
    files, folder = github.workflows(one, organisation), to or Path(f"{one.name}-github")
    for name in files:
        if (folder / name).exists():
            raise click.ClickException(
                f"{folder / name} exists already, perhaps with your changes. Name another folder with --to."
            )
    for name, text in files.items():
        write_bytes(text.encode(), folder / name)
        click.echo(f"{folder / name}")
    click.echo("Where each file belongs, and who may change it: gradeprop docs github.")
