"""Command ``doctor``: look at all that grading needs on this machine, and say what to do."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradeprop.cli.options import example
from gradeprop.cli.output import print_table, waiting, warn
from gradeprop.cli.reports import DoctorReport, Finding, JailLine, json_option, print_json
from gradeprop.cli.requirements import linux_sentence
from gradeprop.core.errors import CourseError
from gradeprop.core.paths import CoursePaths

if TYPE_CHECKING:
    from gradeprop.jail.tiers import TierReport

_COLOURS = {"note": "yellow", "problem": "red"}


@click.command(epilog=example("gradeprop doctor", "gradeprop doctor --json"))
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check what grading needs, and say what to do.

    Tries to break out of each jail of this machine, and prints which attacks it stops. Compares the installed versions
    with what gradeprop needs. In a course also looks at data sets, gradebook and exchange, and compares this Python
    with [grader] of source/course.toml, which students are told. Ends with status 1 if grading is not possible.
    """
    from gradeprop.cli.health import versions

    reports = _probe()
    findings = [*_jail_findings(reports), *versions(), *_of_course(ctx.obj)]
    if as_json:
        print_json(DoctorReport(findings, [JailLine(each.tier, each.problem, each.stops) for each in reports]))
    else:
        _print(reports, findings)
    if any(each.state == "problem" for each in findings):
        sys.exit(1)


def _probe() -> "Sequence[TierReport]":
    if sys.platform != "linux":
        return ()
    from gradeprop.jail import probe_tiers

    with waiting("trying to break out of each jail"):
        return probe_tiers()


def _jail_findings(reports: "Sequence[TierReport]") -> Iterator[Finding]:
    if not reports:
        yield Finding("jail", "problem", linux_sentence("gradeprop grade"), "use Linux, a container, or WSL 2")
    elif all(report.problem for report in reports):
        found = "No jail can be made on this machine, so gradeprop will not run any submission."
        yield Finding("jail", "problem", found, "; ".join(dict.fromkeys(report.problem for report in reports)))
    else:
        best = next(report.tier for report in reports if not report.problem)
        yield Finding("jail", "ok", f"submissions run in the {best} tier")


def _of_course(folder: Path) -> Iterator[Finding]:
    """Look at the course; outside of one there is nothing to look at."""
    from gradeprop.cli.health import course_findings

    try:
        course = CoursePaths.find(folder)
    except CourseError:
        return
    yield from course_findings(course)


def _print(reports: "Sequence[TierReport]", findings: Sequence[Finding]) -> None:
    if reports:
        print_table(("attack", *(report.tier for report in reports)), list(_attacks(reports)))
    for report in reports:
        click.echo(f"{report.tier}: {report.problem or _how_limited(report)}")
    if reports:
        click.echo("none: stops nothing; student code runs in it only with gradeprop grade --unsafe")
    for each in findings:
        line = f"{each.area}: {each.found}" + (f"\n    to do: {each.to_do}" if each.to_do else "")
        if each.state == "ok":
            click.echo(line)
        else:
            for part in line.splitlines():
                warn(part, _COLOURS[each.state])


def _attacks(reports: "Sequence[TierReport]") -> Iterator[tuple[str, ...]]:
    words = {True: "stopped", False: "NOT stopped", None: "–"}
    for attempt in dict.fromkeys(attempt for report in reports for attempt in report.stops):
        yield attempt, *(words[report.stops.get(attempt)] for report in reports)


def _how_limited(report: "TierReport") -> str:
    by = "a control group" if report.has_cgroup else "limits of each process, and checks ten times a second"
    return f"ready in {report.ready_s:.1f} s; memory and processes are limited by {by}"
