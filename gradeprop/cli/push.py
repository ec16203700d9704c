"""Commands that send grades to a platform through its API: push lti, push canvas, push key."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gradeprop.cli.options import FILE, assignment_argument, example, find_assignment
from gradeprop.cli.output import print_table, progress, waiting, warn
from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import CourseError, GradepropError
from gradeprop.core.paths import CoursePaths
from gradeprop.core.storage import write_secret

if TYPE_CHECKING:
    from gradeprop.integrations.push.scores import Delivery
    from gradeprop.integrations.push.target import Target

F = TypeVar("F", bound=Callable[..., Any])
dry_run_option = click.option("--dry-run", is_flag=True, help="Send nothing; show who would get what.")
leave_out_option = click.option(
    "--leave-out", metavar="STUDENT", multiple=True, help="Skip this student; may be repeated."
)
_ADVICE = {
    "rejected": "the platform rejected them; the reasons are in the table, and the same command tries them again",
    "changed on the platform": "somebody has changed them there; --overwrite replaces them",
    "not on the platform": "they are not students of the course there",
    "not graded yet": "a question is still to be graded",
}
"""what a person may have to do, by state"""


@click.group()
def push() -> None:
    """Send grades to a platform through its API.

    The file push.toml says where the course is; see gradeprop docs lms.
    """


def _shared(command: F) -> F:
    for option in (
        dry_run_option,
        click.option("--overwrite", is_flag=True, help="Replace grades that somebody has changed on the platform."),
        leave_out_option,
        click.option("--column", metavar="TITLE", help="Title or id of the assignment on the platform."),
    ):
        command = option(command)
    return command


@push.command(epilog=example("gradeprop push lti mnist_lenet --dry-run"))
@assignment_argument
@_shared
@click.option("--new-column", is_flag=True, help="Create the column if the platform has none.")
@click.pass_context
def lti(ctx: click.Context, /, assignment: str, column: str | None, new_column: bool, **options: Any) -> None:
    """Push the scores of ASSIGNMENT through LTI 1.3 (Moodle, Canvas, Blackboard, Brightspace, Sakai, …).

    Repeating the command sends only what is new.
    """
    course, one = find_assignment(ctx, assignment)
    from gradeprop.integrations.push.settings import read_key, read_settings, section

    settings = section(read_settings(course).lti, "lti", course)
    key = read_key(settings, course)
    LtiTarget = _load("lti").LtiTarget  # noqa: N806
    titles = _titles(one, column)
    _push(course, one, lambda points: LtiTarget(settings, key, titles, points, one.name, new_column), "lti", **options)


@push.command(
    epilog=example("gradeprop push canvas mnist_lenet --dry-run", "gradeprop push canvas mnist_lenet --out-of 100")
)
@assignment_argument
@_shared
@click.option("--out-of", metavar="N", type=click.FloatRange(0, min_open=True), help="Scale the scores to N points.")
@click.pass_context
def canvas(ctx: click.Context, /, assignment: str, column: str | None, out_of: float | None, **options: Any) -> None:
    """Push the scores of ASSIGNMENT to Canvas, with the access token in CANVAS_TOKEN.

    Repeating the command sends only what is new.
    """
    course, one = find_assignment(ctx, assignment)
    target = canvas_target(course, one, column)
    _push(course, one, lambda _: target(), "canvas", out_of=out_of, **options)


@push.command(epilog=example("gradeprop push key --to lti.pem"))
@click.option("--to", type=FILE, default="lti.pem", show_default=True, help="File to write.")
@click.pass_context
def key(ctx: click.Context, to: Path) -> None:
    """Make a key for push lti, and print the public half for the platform.

    An existing key is not replaced, only printed.
    """
    lti = _load("lti")
    if not to.exists():
        write_secret(lti.new_key(), to)
        click.echo(f"{to} is written: the private key. Keep it secret, and out of Git.")
    click.echo(lti.public_key(to.read_text(), to))


def canvas_target(course: CoursePaths, one: Assignment, column: str | None) -> Callable[[], Any]:
    """Read the settings for Canvas; what is returned connects to it."""
    from gradeprop.integrations.push.settings import CANVAS_TOKEN, read_settings, section, token

    settings, secret = section(read_settings(course).canvas, "canvas", course), token(CANVAS_TOKEN)
    CanvasTarget = _load("canvas").CanvasTarget  # noqa: N806
    return lambda: CanvasTarget(settings, secret, _titles(one, column))


def _load(name: str) -> Any:
    """Import the module of a platform, which needs a library of its own."""
    import importlib

    try:
        return importlib.import_module(f"gradeprop.integrations.push.{name}")
    except ModuleNotFoundError as error:
        raise CourseError(f"{error.name} is not installed; run pip install 'gradeprop[push]'", "push") from error


def _titles(one: Assignment, column: str | None) -> list[str]:
    return [column] if column else [one.title, one.name]


def _push(
    course: CoursePaths,
    one: Assignment,
    connect: Callable[[float], "Target"],
    name: str,
    *,
    dry_run: bool,
    overwrite: bool,
    leave_out: Sequence[str],
    out_of: float | None = None,
) -> None:
    """Plan, send, and print the table of who received what."""
    from gradeprop.integrations.push import scores
    from gradeprop.integrations.push.journal import Journal
    from gradeprop.results import gradebook_scores

    [graded] = gradebook_scores.read_course(course, [one.name])
    with waiting("asking the platform for its students and grades"):
        target = connect(sum(graded.max_points.values()))
        journal = Journal(course.assignment(one.name).pushed(name), target.column)
        options = scores.PushOptions(out_of, overwrite, frozenset(leave_out))
        deliveries = scores.plan(target, graded, journal, options)
    if dry_run:
        print_deliveries(deliveries)
        return
    with progress("sending", total=sum(each.state == "to send" for each in deliveries)) as tick:
        report(scores.push(target, deliveries, journal, tick), len(deliveries))


def report(done: "Iterable[Delivery]", total: int) -> None:
    """Print what became of each delivery, also if the platform fails on the way.

    Raises:
        click.ClickException: something was rejected.
    """
    finished: list[Delivery] = []
    try:
        for each in done:
            finished.append(each)
    except (GradepropError, KeyboardInterrupt) as error:
        sentence = "Nothing is lost: what was sent is noted, and the same command goes on from there."
        raise click.ClickException(f"{error or 'Stopped.'} {sentence}") from error
    finally:
        print_deliveries(finished)
    rejected = sum(each.state == "rejected" for each in finished)
    if rejected:
        raise click.ClickException(f"{rejected} of {total} rejected.")


def print_deliveries(deliveries: "Sequence[Delivery]") -> None:
    """Print a row for each student, and a count for each state."""
    sends_scores = any(each.points is not None for each in deliveries)
    columns = {
        "student": [each.student for each in deliveries],
        "score" if sends_scores else "page": [_points(each) for each in deliveries],
        "on the platform": [_there(each) for each in deliveries],
        "state": [each.state.value for each in deliveries],
        "reason": [each.reason for each in deliveries],
    }
    shown = {title: cells for title, cells in columns.items() if any(cells)}
    if shown:
        print_table(tuple(shown), list(zip(*shown.values(), strict=True)))
    for state, number in Counter(each.state.value for each in deliveries).most_common():
        line = f"{number:6}  {state}"
        if advice := _ADVICE.get(state):
            warn(f"{line}: {advice}")
        else:
            click.echo(line)


def _points(each: "Delivery") -> str:
    return each.what if each.points is None else f"{each.points:.6g} / {each.max_points:g}"


def _there(each: "Delivery") -> str:
    return f"{each.there:.6g}" if isinstance(each.there, float) else each.there or ""
