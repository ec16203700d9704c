"""Commands for the course itself: release, new."""

import click

from gradeprop.core.paths import CoursePaths
from gradeprop.course.config import read_assignment, read_course


@click.command()
@click.argument("assignment", required=False)
@click.option("--check", is_flag=True, help="Write nothing; fail if a release differs from its source.")
@click.pass_context
def release(ctx: click.Context, assignment: str | None, check: bool) -> None:
    """Write the folder for students.

    release/ASSIGNMENT is generated from source/ASSIGNMENT; without ASSIGNMENT, every release is written.
    """
    from gradeprop.course import release as releases  # loads nbgrader, two seconds

    course = CoursePaths.find(ctx.obj)
    for name in [assignment] if assignment else read_course(course).assignments:
        one = read_assignment(course, name)
        if check:
            releases.check_release(one, course)
        else:
            releases.release(one, course)
        click.echo(f"release/{name} {'is up to date' if check else 'is written'}")


@click.command()
@click.argument("name")
@click.pass_context
def new(ctx: click.Context, name: str) -> None:
    """Create an assignment that already works.

    Writes its two folders and its section of the solution, with a small example to replace.
    """
    from gradeprop.course.scaffold import new_assignment as create

    course = CoursePaths.find(ctx.obj)
    paths = create(course, name)
    for what, where in (
        ("for students", paths.source),
        ("for the grader", paths.tests),
        ("solution", f"{course.solution}, in the section {name}"),
    ):
        click.echo(f"{what:16}{where}")
    click.echo(f"Next: gradeprop verify {name}, then gradeprop release {name}. How to go on: docs/check-writer.md.")
