"""State of every assignment: released, graded, waiting for a person; the command ``status``."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import click

from gradeprop.cli.options import complete_assignment, example
from gradeprop.cli.output import print_table
from gradeprop.cli.reports import AssignmentStatus, json_option, print_json
from gradeprop.core.assignment import Assignment
from gradeprop.core.paths import CoursePaths
from gradeprop.core.sanitize import for_terminal
from gradeprop.course.config import read_assignment, read_course

MAX_NAMES = 5


def read_status(course: CoursePaths, assignment: Assignment) -> AssignmentStatus:
    """Count the records of an assignment by their state.

    Raises:
        CourseError: the gradebook or a record cannot be read.
    """
    from gradeprop.results.refresh import read_graded

    graded = read_graded(course, assignment)
    students: dict[str, list[str]] = defaultdict(list)
    for record, _ in graded:
        students[record.status].append(record.student)
    return AssignmentStatus(
        assignment=assignment.name,
        title=assignment.title,
        points=assignment.possible,
        released=course.assignment(assignment.name).release.is_dir(),
        graded=len(students["graded"]),
        written=sum(record.status == "graded" and bool(score.waiting) for record, score in graded),
        needs_attention=sorted(record.student for record, _ in graded if record.attention),
        needs_review=sorted(students["needs_review"]),
        not_graded=sorted(students["not_graded"]),
    )


@click.command(epilog=example("gradeprop status", "gradeprop status mnist_lenet --json"))
@click.argument("assignments", nargs=-1, shell_complete=complete_assignment)
@json_option
@click.pass_context
def status(ctx: click.Context, assignments: tuple[str, ...], as_json: bool) -> None:
    """List the assignments: released, graded, waiting for a person.

    Lists all of the course, or the ASSIGNMENTS. Nothing is written.
    """
    course = CoursePaths.find(ctx.obj)
    names = assignments or read_course(course).assignments
    found = [read_status(course, read_assignment(course, name)) for name in names]
    if as_json:
        print_json(found)
        return
    print_table(list(_COLUMNS), [[str(cell(one)) for cell in _COLUMNS.values()] for one in found])
    for line in _to_do(found):
        click.echo(for_terminal(line))


_COLUMNS: dict[str, Callable[[AssignmentStatus], object]] = {
    "assignment": lambda one: one.assignment,
    "points": lambda one: f"{one.points:g}",
    "released": lambda one: "yes" if one.released else "no",
    "graded": lambda one: one.graded,
    "by hand": lambda one: one.written or "",
    "waiting": lambda one: ", ".join(f"{len(names)} {what}" for what, names in _waiting(one).items() if names),
}


def _waiting(one: AssignmentStatus) -> dict[str, list[str]]:
    return {"attention": one.needs_attention, "review": one.needs_review, "not graded": one.not_graded}


_WHAT_TO_DO = {
    "attention": "waiting for attention: look at each submission, then grade again",
    "review": "waiting for review: a check is broken; gradeprop verify {} names its line",
    "not graded": "not graded, because the machine failed: grade again",
}


def _to_do(found: Iterable[AssignmentStatus]) -> Iterator[str]:
    """Say what waits for a person, and how to go on."""
    for one in found:
        for what, students in _waiting(one).items():
            if students:
                shown = ", ".join(students[:MAX_NAMES]) + (", …" if len(students) > MAX_NAMES else "")
                yield f"{one.assignment}: {len(students)} {_WHAT_TO_DO[what].format(one.assignment)}: {shown}"
