"""Commands for the course itself: init, new, release, solutions, backup, restore."""

import shlex
import time
from pathlib import Path

import click

from gradeprop.cli.options import EXISTING_FILE, FILE, FOLDER, assignment_argument, complete_assignment, example
from gradeprop.cli.output import progress, warn
from gradeprop.core.paths import CoursePaths
from gradeprop.course.config import read_assignment, read_course


@click.command(epilog=example("gradeprop release", "gradeprop release mnist_lenet --check"))
@click.argument("assignment", required=False, shell_complete=complete_assignment)
@click.option("--check", is_flag=True, help="Write nothing; fail if a release differs from its source.")
@click.option(
    "--with-solutions-of",
    "solutions_of",
    multiple=True,
    metavar="EARLIER",
    help="Hand out the shared functions of an EARLIER assignment, solved, after its deadline; "
    "see gradeprop docs release.",
)
@click.pass_context
def release(ctx: click.Context, assignment: str | None, check: bool, solutions_of: tuple[str, ...]) -> None:
    """Write the folder for students.

    release/ASSIGNMENT is generated from source/ASSIGNMENT; without ASSIGNMENT, every release is written.
    """
    if solutions_of and not assignment:
        raise click.UsageError("--with-solutions-of needs an ASSIGNMENT to hand the solutions out with.")
    from gradeprop.course import release as releases  # loads nbgrader, two seconds

    course = CoursePaths.find(ctx.obj)
    for name in [assignment] if assignment else read_course(course).assignments:
        one = read_assignment(course, name)
        if check:
            releases.check_release(one, course, solutions_of)
        else:
            releases.release(one, course, solutions_of)
        click.echo(f"release/{name} {'is up to date' if check else 'is written'}")
        if solutions_of and not check:
            click.echo(
                f"It holds solutions of {', '.join(solutions_of)}; releasing it without the option removes them."
            )


@click.command(epilog=example("gradeprop solutions mnist_lenet"))
@assignment_argument
@click.option("--to", "folder", type=FOLDER, help="Folder to write; without it solutions/ASSIGNMENT in the course.")
@click.pass_context
def solutions(ctx: click.Context, assignment: str, folder: Path | None) -> None:
    """Write the solutions to hand out after a deadline.

    The notebook and student_code.py with solutions, and sample answers to the written questions with their points.
    Tasks of later assignments stay stubs. Wait for the last extension: see gradeprop student list.
    """
    from gradeprop.course.solved import write_solutions

    course = CoursePaths.find(ctx.obj)
    one = read_assignment(course, assignment)
    to = folder or course.root / "solutions" / assignment
    if to.resolve() == course.root or course.owns(to):
        raise click.UsageError(f"{to} is a folder of the course, and the solutions would replace files in it.")
    for file in write_solutions(one, course, to):
        click.echo(str(file))


@click.command(epilog=example('gradeprop init cnn-2027 --title "Convolutional networks"'))
@click.argument("folder", type=FOLDER, default=".")
@click.option("--title", default="My course", show_default=True, help="Title of the course.")
def init(folder: Path, title: str) -> None:
    """Start a course of your own in an empty FOLDER.

    Without FOLDER, in the current one. Writes source/ with course.toml, an empty solution and the helpers that students
    receive, nbgrader_config.py, README.md and .gitignore. Hidden files such as .git may be there already.
    """
    from gradeprop.course.scaffold import new_course

    course = new_course(folder, title)
    click.echo(f"A course is in {course.root.resolve()}. Next:")
    into = "" if folder == Path() else f"cd {shlex.quote(str(folder))}\n  "
    click.echo(f"  {into}gradeprop new ASSIGNMENT      # a small assignment that already works\n  gradeprop doctor")


@click.command(epilog=example("gradeprop new my_assignment", "gradeprop new my_assignment --undo"))
@click.argument("name")
@click.option("--undo", is_flag=True, help="Remove the assignment again, if none of its files was edited.")
@click.pass_context
def new(ctx: click.Context, name: str, undo: bool) -> None:
    """Create an assignment that already works.

    Writes its two folders and its section of the solution, with a small example to replace.
    """
    from gradeprop.course.scaffold import new_assignment, undo_new_assignment

    course = CoursePaths.find(ctx.obj)
    if undo:
        undo_new_assignment(course, name)
        click.echo(f"{name} is removed; course.toml and the solution are as they were.")
        return
    paths = new_assignment(course, name)
    for what, where in (
        ("for students", paths.source),
        ("for the grader", paths.tests),
        ("solution", f"{course.solution}, in the section {name}"),
    ):
        click.echo(f"{what:16}{where}")
    click.echo(
        f"Next: gradeprop verify {name}, then gradeprop release {name}. How to go on: gradeprop docs check-writer."
    )
    click.echo(f"To remove it again: gradeprop new {name} --undo")


@click.command(epilog=example("gradeprop backup --to /backups/cnn-2026.tar.gz"))
@click.option("--to", type=FILE, help="File to write; without it COURSE-DATE.tar.gz in the current folder.")
@click.pass_context
def backup(ctx: click.Context, to: Path | None) -> None:
    """Back up the whole course into one file.

    It has material, submissions, grades and the gradebook; data sets, caches and environments are left out.
    """
    from gradeprop.course.backup import files_to_keep, write_backup
    from gradeprop.results.gradebook_db import hide_password, url

    course = CoursePaths.find(ctx.obj)
    file = to or Path(f"{course.root.name}-{time.strftime('%Y-%m-%d')}.tar.gz")
    files, links = files_to_keep(course)
    if not (address := url(course)).startswith("sqlite"):
        warn(f"The gradebook is on a database server, and not in this backup: {hide_password(address)}")
    with progress("backing up", len(files)) as tick:
        write_backup(course, files, file, tick)
    if links:
        names = ", ".join(str(link.relative_to(course.root)) for link in links[:5]) + (", …" if len(links) > 5 else "")
        warn(f"Links are not followed, so what they lead to is not in the backup: {names}")
    click.echo(f"{file}: {file.stat().st_size / 2**20:.1f} MiB, {len(files):,} files and the gradebook")


@click.command(epilog=example("gradeprop restore /backups/cnn-2026.tar.gz cnn-2026"))
@click.argument("file", type=EXISTING_FILE)
@click.argument("folder", type=FOLDER)
def restore(file: Path, folder: Path) -> None:
    """Restore a backup FILE into a new FOLDER."""
    from gradeprop.course.backup import restore_backup

    with progress("restoring", None) as tick:
        count = restore_backup(file, folder, tick)
    click.echo(f"{folder}: {count:,} files. Before you grade: gradeprop --course {shlex.quote(str(folder))} doctor")
