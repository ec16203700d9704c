"""The command data: which data sets are on this machine; get one."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradeprop.cli.options import example
from gradeprop.cli.output import print_table
from gradeprop.cli.reports import DatasetLine, json_option, print_json
from gradeprop.core.paths import CoursePaths
from gradeprop.course.config import read_course

if TYPE_CHECKING:
    from gradeprop.course.datasets import Dataset


@click.command(
    epilog=example("gradeprop data", "gradeprop data mnist_lenet", "gradeprop data mnist --from ~/Downloads")
)
@click.argument("name", required=False)
@click.option(
    "--from",
    "source",
    type=click.Path(exists=True, path_type=Path),
    help="Folder, file or archive that has its files already.",
)
@json_option
@click.pass_context
def data(ctx: click.Context, name: str | None, source: Path | None, as_json: bool) -> None:
    """List the data sets of the course, or get one.

    NAME is a data set, or an assignment, for the data sets that its grades require. Downloads them, or copies them
    --from this machine, and checks them. They are then where notebooks and grading look for them.
    """
    from gradeprop.course import datasets

    course = CoursePaths.find(ctx.obj)
    known = datasets.list_datasets(course)
    if name is None:
        if source is not None:
            raise click.UsageError("--from needs the NAME of the data set.")
        _print_list(known, as_json)
        return
    chosen = [each for each in known if name == each.name or name in each.required_by]
    if not chosen and name in read_course(course).assignments:
        click.echo(f"{name} requires no data set")
    elif not chosen:
        names = ", ".join(each.name for each in known) or "the sample, which is always there"
        raise click.ClickException(f"There is no data set {name!r} to get; this course has {names}.")
    for one in chosen:
        folder = datasets.place(course, one, source) if source else datasets.fetch(course, one)
        click.echo(f"{one.name} is complete, in {folder}")


def _line(one: "Dataset") -> DatasetLine:
    return DatasetLine(one.name, list(one.assignments), list(one.required_by), str(one.folder) if one.folder else None)


def _print_list(known: list["Dataset"], as_json: bool) -> None:
    if as_json:
        print_json([_line(each) for each in known])
        return
    rows = [(each.name, ", ".join(each.assignments), str(each.folder or "not on this machine")) for each in known]
    print_table(("data set", "of", "folder"), rows)
    for each in known:
        if each.folder is None:
            needed = f": {', '.join(each.required_by)} cannot be graded without it" if each.required_by else ""
            click.echo(f"gradeprop data {each.name} downloads it, or says where to get it{needed}")
