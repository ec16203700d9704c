"""Commands about the students of a course: roster import; student list, extend, waive, excuse, withdraw, group."""

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from gradeprop.cli.options import EXISTING_FILE, assignment_argument, example, find_assignment, pairs
from gradeprop.cli.output import print_table
from gradeprop.cli.reports import StudentLine, json_option, print_json
from gradeprop.cli.scores import refresh_pages, score_columns
from gradeprop.core.assignment import Assignment
from gradeprop.core.paths import CoursePaths
from gradeprop.course.config import read_assignment, read_course

_UNITS_S = {"m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[mhd])")

_reason = click.option("--reason", default="", metavar="TEXT", help="Why; it is kept in the gradebook.")
_undo = click.option("--undo", is_flag=True, help="Take the decision back.")


@click.group()
def roster() -> None:
    """Bring the list of students into the gradebook."""


@roster.command(
    "import",
    epilog=example(
        "gradeprop roster import 2026-05-01_Grades.csv",
        "gradeprop roster import students.csv --column id=Matriculation",
    ),
)
@click.argument("file", type=EXISTING_FILE)
@click.option(
    "--column",
    "columns",
    metavar="FIELD=TITLE",
    multiple=True,
    callback=pairs("id=Matriculation"),
    help="Title of the column for id, first_name, last_name, name, email or lms_user_id, if it is not a usual one.",
)
@click.pass_context
def import_roster(ctx: click.Context, file: Path, columns: dict[str, str]) -> None:
    """Import the students of a CSV into the gradebook: names, e-mail addresses, ids of the platform.

    FILE is an export of the gradebook or participants from Canvas, Moodle, Blackboard or Brightspace, or any CSV with
    a header. Students that the gradebook has are completed; nobody is removed.
    """
    from gradeprop.integrations.lms.people import read_people
    from gradeprop.results import people

    fields = {*people.Person._fields, "name"}
    if unknown := columns.keys() - fields:
        raise click.UsageError(f"There is no field {', '.join(sorted(unknown))}; the fields are {', '.join(fields)}.")
    course = CoursePaths.find(ctx.obj)
    done = people.import_roster(course, read_people(file, columns), file)
    click.echo(f"{len(done.added)} added, {len(done.changed)} changed, {len(done.unchanged)} unchanged")
    if done.not_in_roster:
        click.echo(f"In the gradebook, and not in the roster: {', '.join(done.not_in_roster)}")
        click.echo("If a student has left the course: gradeprop student withdraw NAME")
    _refresh_all(course)


@click.group()
def student() -> None:
    """Extensions, waivers, excuses, withdrawals and groups.

    A student is named by id, full name, e-mail address or the platform's id. Everything is kept in the gradebook.
    """


@student.command("list", epilog=example("gradeprop student list"))
@json_option
@click.pass_context
def list_students(ctx: click.Context, as_json: bool) -> None:
    """List the students, and what was decided about them."""
    from gradeprop.results import people

    course = CoursePaths.find(ctx.obj)
    notes = [note for note in people.notes(course).values() if note.kind != "late"]
    decided = defaultdict(list)
    for note in notes:
        about = {"kind": note.kind, "value": note.value, "assignment": note.assignment, "reason": note.reason}
        decided[note.student].append({key: str(value or "") for key, value in about.items()})
    everyone = people.everyone(course)
    if as_json:
        print_json([StudentLine(one.id, one.name, one.email, one.lms_user_id, decided[one.id]) for one in everyone])
        return
    rows = []
    for one in everyone:
        texts = [
            " ".join(filter(None, (d["kind"], d["value"], d["assignment"], f"({d['reason']})" if d["reason"] else "")))
            for d in decided[one.id]
        ]
        rows.append((one.id, one.name if one.name != one.id else "", one.email, one.lms_user_id, "; ".join(texts)))
    print_table(("id", "name", "e-mail", "id in the platform", "decided"), rows)


@student.command(
    epilog=example(
        'gradeprop student extend ada mnist_lenet --by 2d --reason "ill"',
        'gradeprop student extend "Ada Lovelace" mnist_lenet --until "2026-05-03 18:00"',
    )
)
@click.argument("name")
@assignment_argument
@click.option("--by", metavar="DURATION", help="Such as 2d, 36h or 30m after the due date of everyone.")
@click.option("--until", metavar="TIME", help="Such as '2026-05-03 18:00', in the time zone of the course.")
@_reason
@_undo
@click.pass_context
def extend(
    ctx: click.Context, name: str, assignment: str, by: str | None, until: str | None, reason: str, undo: bool
) -> None:
    """Give a student more time for an assignment."""
    from gradeprop.results import people

    course, one = find_assignment(ctx, assignment)
    if (by is None) + (until is None) + (not undo) != 2:
        raise click.UsageError("Give one of --by, --until and --undo.")
    person, delta = people.find(course, name), _duration(by) if by else None
    if until:
        due = people.due_date(course, one.name)
        if due is None:
            raise click.ClickException(f"{one.name} has no due date yet; set it in formgrader, or use --by.")
        delta = _time(one, until) - due
        if delta <= timedelta(0):
            raise click.UsageError(f"{until} is before the due date of everyone.")
    people.extend(course, person.id, one.name, delta, reason)
    _done(
        course,
        [one],
        [person.id],
        f"extended by {delta}".removesuffix(", 0:00:00") if delta else "the extension is removed",
    )


@student.command(epilog=example('gradeprop student waive ada mnist_lenet --reason "the platform was down"'))
@click.argument("name")
@assignment_argument
@_reason
@_undo
@click.pass_context
def waive(ctx: click.Context, name: str, assignment: str, reason: str, undo: bool) -> None:
    """Waive a student's late penalty for an assignment."""
    _decide(ctx, "waived", [name], assignment, reason=reason, undo=undo)


@student.command(epilog=example('gradeprop student excuse ada mnist_lenet --reason "transferred from another course"'))
@click.argument("name")
@assignment_argument
@_reason
@_undo
@click.pass_context
def excuse(ctx: click.Context, name: str, assignment: str, reason: str, undo: bool) -> None:
    """Excuse a student from an assignment: no score, and no zero."""
    _decide(ctx, "excused", [name], assignment, reason=reason, undo=undo)


@student.command(epilog=example("gradeprop student withdraw bob", "gradeprop student withdraw bob --undo"))
@click.argument("name")
@_reason
@_undo
@click.pass_context
def withdraw(ctx: click.Context, name: str, reason: str, undo: bool) -> None:
    """Take a student out of every score list and export; what was graded is kept."""
    _decide(ctx, "withdrawn", [name], None, reason=reason, undo=undo)


@student.command(
    epilog=example("gradeprop student group mnist_lenet ada bob", "gradeprop student group mnist_lenet ada bob --undo")
)
@assignment_argument
@click.argument("names", nargs=-1, required=True)
@_undo
@click.pass_context
def group(ctx: click.Context, assignment: str, names: Sequence[str], undo: bool) -> None:
    """Have students share one submission of an assignment: the last that one of them submitted counts for all.

    Late days are counted for each of them, with the free days and waivers of each.
    """
    from gradeprop.results import people

    if len(set(names)) < 2 and not undo:
        raise click.UsageError("A group has two or more students.")
    course = CoursePaths.find(ctx.obj)
    ids = sorted({people.find(course, name).id for name in names})
    _decide(ctx, "group", ids, assignment, value=" + ".join(ids), undo=undo)


@student.command(epilog=example('gradeprop student arrived ada mnist_lenet "2026-05-02 23:30"'))
@click.argument("name")
@assignment_argument
@click.argument("time")
@click.pass_context
def arrived(ctx: click.Context, name: str, assignment: str, time: str) -> None:
    """Say when a submission arrived, if the platform's download does not.

    TIME is in the time zone of the course: [late] timezone in course.toml, or that of this machine.
    """
    from gradeprop.results import people

    course, one = find_assignment(ctx, assignment)
    person = people.find(course, name)
    people.set_arrival(course, person.id, one.name, _time(one, time))
    _done(course, [one], [person.id], f"arrived {time}")


def _decide(ctx: click.Context, kind: Any, names: Sequence[str], assignment: str | None, **about: Any) -> None:
    """Write or remove a note about students, and show what became of their scores."""
    from gradeprop.results import people

    course = CoursePaths.find(ctx.obj)
    ones = [read_assignment(course, name) for name in ([assignment] if assignment else read_course(course).assignments)]
    ids = [people.find(course, name).id for name in names]
    people.decide(course, kind, ids, assignment or "", **about)
    what = "a group" if kind == "group" else kind
    _done(course, ones, ids, f"no longer {what}" if about["undo"] else what)


def _done(course: CoursePaths, assignments: Sequence[Assignment], ids: Sequence[str], what: str) -> None:
    """Say what was done, and print the scores of these students."""
    from gradeprop.results import gradebook_scores

    click.echo(f"{', '.join(ids)}: {what}")
    _refresh_all(course)
    wanted = {one.name: one for one in assignments}
    for known in gradebook_scores.read_course(course):
        chosen = [score for score in known.scores if score.student in ids and known.name in wanted]
        titles, texts = score_columns(chosen)
        if chosen:
            rows = [[score.label, *cells] for score, cells in zip(chosen, texts, strict=True)]
            print_table(("student", *titles), rows, wanted[known.name].title)


def _refresh_all(course: CoursePaths) -> None:
    """Bring the pages of every assignment up to date: a free day that is saved in one is spent in another."""
    for name in read_course(course).assignments:
        refresh_pages(course, read_assignment(course, name))


def _duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text.strip())
    if not match:
        raise click.UsageError(f"{text!r} is not a duration; examples are 2d, 36h and 30m.")
    return timedelta(seconds=float(match["number"]) * _UNITS_S[match["unit"]])


def _time(assignment: Assignment, text: str) -> datetime:
    """Read a time in the time zone of the course, to naive UTC."""
    from gradeprop.results.late_penalty import to_utc

    try:
        return to_utc(assignment.late, datetime.fromisoformat(text))
    except ValueError as error:
        raise click.UsageError(f"{text!r} is not a time; an example is '2026-05-03 18:00'.") from error
