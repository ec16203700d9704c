"""Command ``doctor``: test the jail of this machine, and compare its Python with what students are told."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradeprop.cli.options import example
from gradeprop.cli.output import print_table, waiting, warn
from gradeprop.core.errors import CourseError
from gradeprop.core.paths import CoursePaths
from gradeprop.course.config import read_assignment, read_course

if TYPE_CHECKING:
    from gradeprop.jail.tiers import TierReport


@click.command(epilog=example("gradeprop doctor"))
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Test which isolation tiers this machine supports.

    Tries to break out of each, and prints which attacks it stops. In a course, also compares this Python and its
    modules with [grader] of source/course.toml, which students are told.
    """
    from gradeprop.jail import probe_tiers

    with waiting("trying to break out of each jail"):
        reports = probe_tiers()
    print_table(("attack", *(report.tier for report in reports)), list(_attacks(reports)))
    for report in reports:
        click.echo(f"{report.tier}: {report.problem or _how_limited(report)}")
    click.echo("none: stops nothing; student code runs in it only with gradeprop grade --unsafe")
    _print_environment(ctx.obj)
    if all(report.problem for report in reports):
        raise click.ClickException("No jail can be made on this machine, so gradeprop will not run any submission.")


def _print_environment(folder: Path) -> None:
    """Compare this Python with what the course tells students; outside of a course there is nothing to compare."""
    from gradeprop.course import environment

    try:
        course = CoursePaths.find(folder)
    except CourseError:
        return
    graders = [read_assignment(course, name).grader for name in read_course(course).assignments]
    for what in dict.fromkeys(each for grader in graders for each in environment.missing(grader)):
        warn(
            f"[grader] in source/course.toml tells students of {what}, which this machine lacks; it will not grade.",
            "red",
        )
    for clause in dict.fromkeys(each for grader in graders for each in environment.differences(grader)):
        warn(f"{clause} ([grader] in source/course.toml).")


def _attacks(reports: Sequence["TierReport"]) -> Iterator[tuple[str, ...]]:
    words = {True: "stopped", False: "NOT stopped", None: "–"}
    for attempt in dict.fromkeys(attempt for report in reports for attempt in report.stops):
        yield attempt, *(words[report.stops.get(attempt)] for report in reports)


def _how_limited(report: "TierReport") -> str:
    by = "a control group" if report.has_cgroup else "limits of each process, and checks ten times a second"
    return f"ready in {report.ready_s:.1f} s; memory and processes are limited by {by}"
