"""The command verify: test the checks of an assignment."""

import secrets
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradeprop.cli.grade import settings_of
from gradeprop.cli.options import RunOptions, assignment_argument, data_option, example, find_assignment, seed_option
from gradeprop.cli.output import print_line, print_table, progress, waiting
from gradeprop.cli.reports import CaseLine, json_option, print_json
from gradeprop.cli.requirements import needs_linux
from gradeprop.core.errors import GradepropError
from gradeprop.core.paths import CoursePaths
from gradeprop.core.sanitize import for_terminal
from gradeprop.course.config import read_assignment, resolve_dataset
from gradeprop.course.known_answers import read_known_answers

if TYPE_CHECKING:
    from gradeprop.grading.settings import RunSettings
    from gradeprop.grading.verify import CaseResult


@click.command(epilog=example("gradeprop verify mnist_lenet", "gradeprop verify mnist_lenet --only no_step --watch"))
@assignment_argument
@click.option("--only", default="", help="Try only the cases whose name contains this text, and no junk.")
@data_option
@seed_option
@click.option("--watch", "watching", is_flag=True, help="Stay, and repeat after each edit the cases that it affects.")
@json_option
@click.pass_context
@needs_linux
def verify(
    ctx: click.Context, assignment: str, only: str, dataset: str, seed: int | None, watching: bool, as_json: bool
) -> None:
    """Test the checks against known answers and junk.

    Every known answer must get exactly its points, and junk in place of any value must not break a check. The public
    checks must accept right answers, and should show the mistakes of wrong ones.
    """
    from gradeprop.core.warm import warm_process

    course, one = find_assignment(ctx, assignment)
    warm_process()
    from gradeprop.grading.grader import open_grader
    from gradeprop.grading.store import StudentFolders
    from gradeprop.grading.verify import verify as run_cases

    one_seed = secrets.randbits(63) if seed is None else seed  # so that the reference runs once
    run, results = RunOptions(dataset=resolve_dataset(one, dataset) or "auto", seed=one_seed), list["CaseResult"]()
    if not any(only in case.name for case in read_known_answers(one, course.assignment(one.name))):
        raise click.ClickException(f"No case of {one.name} has {only!r} in its name; --only takes a part of a name.")
    if watching:
        if as_json:
            raise click.UsageError("--watch prints text; leave --json out.")
        _watch(course, one.name, only, run)
        return
    with (
        tempfile.TemporaryDirectory() as scratch,
        open_grader(StudentFolders(settings_of(course, one, run, Path(scratch)))) as grader,
        progress("testing the checks", None) as tick,
    ):
        for result in run_cases(grader, only):
            results.append(result)
            tick(f"{result.name}: {for_terminal(result.wrong)}" if result.wrong else "")
    failed = [result for result in results if result.wrong]
    refused = [result for result in results if result.is_refused]
    if as_json:
        print_json([_line(result) for result in results])
    else:
        _print_report(results, failed, refused)
    sys.exit(1 if failed or refused else 0)


def _print_report(
    results: "Sequence[CaseResult]", failed: "Sequence[CaseResult]", refused: "Sequence[CaseResult]"
) -> None:
    _print_cases(results)
    for result in failed:
        _print_failure(result)
    _print_refused(refused)
    _print_unseen([result for result in results if result.public and result.name.startswith("wrong/")])
    click.echo(f"{len(results) - len(failed)} of {len(results)} cases passed")


def _watch(course: CoursePaths, name: str, only: str, run: RunOptions) -> None:
    """Print results after each edit until Ctrl-C."""
    from gradeprop.grading.interrupt import Stop
    from gradeprop.grading.verify_watch import VerifyWatch

    paths = course.assignment(name)
    with tempfile.TemporaryDirectory() as scratch, Stop() as stop:

        def settings() -> "RunSettings":
            return settings_of(course, read_assignment(course, name), run, Path(scratch))

        with VerifyWatch(paths, only, settings) as watch, waiting(f"watching {paths.source} and {paths.tests}"):
            while not stop.requested:
                began = time.monotonic()
                try:
                    for result in watch.results():
                        _print_watched(result, time.monotonic() - began)
                        if stop.requested:
                            break
                except (GradepropError, OSError) as error:  # an editor may replace a file at this moment
                    print_line("\n".join(map(for_terminal, f"FAILED  {error}".splitlines())))
                watch.wait(stop)


def _print_watched(result: "CaseResult", seconds: float) -> None:
    if result.public:
        print_line(f"        public checks of {result.name}: {_public_verdict(result)} ({seconds:.1f} s)")
        _print_refused([result] if result.is_refused else [])
    else:
        verdict = "FAILED" if result.wrong else "passed"
        print_line(f"{verdict}  {result.name}: {result.points:g} points ({seconds:.1f} s)")
        if result.wrong:
            _print_failure(result)


def _print_failure(result: "CaseResult") -> None:
    print_line(f"\n{result.name}: {for_terminal(result.wrong)}")
    for detail in result.details:
        print_line("\n".join(f"    {for_terminal(line)}" for line in detail.splitlines()))


def _line(result: "CaseResult") -> CaseLine:
    return CaseLine(
        result.name, result.points, result.expected, result.wrong, list(result.details), _public_verdict(result)
    )


def _public_verdict(result: "CaseResult") -> str:
    return "" if result.public is None else "pass" if result.public.passed else "fail"


def _print_cases(results: "Sequence[CaseResult]") -> None:
    shown = [result for result in results if result.wrong or not result.name.startswith("junk")]
    header, rows = ["case", "points", "expected", ""], list[list[str]]()
    for result in shown:
        rows.append([result.name, f"{result.points:g}", f"{result.expected:g}", result.wrong or "passed"])
    if any(result.public for result in shown):
        header.append("public checks")
        for row, result in zip(rows, shown, strict=True):
            row.append(_public_verdict(result))
    print_table(header, rows)


def _print_refused(refused: "Iterable[CaseResult]") -> None:
    for result in refused:
        print_line(f"\nthe public checks do not accept {result.name}, which is right:")
        for line in result.public.failures if result.public else ():
            print_line(f"    {for_terminal(line)}")


def _print_unseen(wrong: "Sequence[CaseResult]") -> None:
    """Print how many wrong answers the public checks catch, and which of the others have no reason in wrong.toml."""
    if not wrong:
        return
    caught = {result.name for result in wrong if result.public and not result.public.passed}
    click.echo(f"the public checks catch {len(caught)} of {len(wrong)} wrong answers")
    if unseen := [result.name for result in wrong if result.is_unseen]:
        click.echo(f"{len(unseen)} that they do not catch have no unseen_by_public_checks in wrong.toml:")
        click.echo("".join(f"    {name}\n" for name in unseen), nl=False)
    for result in wrong:
        if result.public and result.public.why and result.name in caught:
            click.echo(f"{result.name} has unseen_by_public_checks in wrong.toml, and they catch it")
