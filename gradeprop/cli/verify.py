"""The command verify: test the checks of an assignment."""

import secrets
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradeprop.cli.grade import settings_of
from gradeprop.cli.options import RunOptions, assignment_argument, data_option, example, find_assignment, seed_option
from gradeprop.cli.output import print_table, progress
from gradeprop.cli.reports import CaseLine, json_option, print_json
from gradeprop.cli.requirements import needs_linux
from gradeprop.core.sanitize import for_terminal
from gradeprop.course.config import resolve_dataset
from gradeprop.course.known_answers import read_known_answers

if TYPE_CHECKING:
    from gradeprop.grading.verify import CaseResult


@click.command(epilog=example("gradeprop verify mnist_lenet", "gradeprop verify mnist_lenet --only wrong/no_step"))
@assignment_argument
@click.option("--only", default="", help="Try only the cases whose name contains this text, and no junk.")
@data_option
@seed_option
@json_option
@click.pass_context
@needs_linux
def verify(ctx: click.Context, assignment: str, only: str, dataset: str, seed: int | None, as_json: bool) -> None:
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
    with (
        tempfile.TemporaryDirectory() as scratch,
        open_grader(StudentFolders(settings_of(course, one, run, Path(scratch)))) as grader,
        progress("testing the checks", None) as tick,
    ):
        for result in run_cases(grader, only):
            results.append(result)
            tick(f"{result.name}: {for_terminal(result.wrong)}" if result.wrong else "")
    failed = [result for result in results if result.wrong]
    if as_json:
        print_json([_line(result) for result in results])
        sys.exit(1 if failed else 0)
    _print_cases(results)
    for result in failed:
        click.echo(f"\n{result.name}: {for_terminal(result.wrong)}")
        for detail in result.details:
            click.echo("".join(f"    {for_terminal(line)}\n" for line in detail.splitlines()), nl=False)
    _print_refused(result for result in results if result.is_refused)
    _print_unseen([result for result in results if result.public and result.name.startswith("wrong/")])
    click.echo(f"{len(results) - len(failed)} of {len(results)} cases passed")
    sys.exit(1 if failed else 0)


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
        click.echo(f"\nthe public checks do not accept {result.name}, which is right:")
        for line in result.public.failures if result.public else ():
            click.echo(f"    {for_terminal(line)}")


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
