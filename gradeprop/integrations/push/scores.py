"""Push the scores of an assignment: who gets which score, then one request for each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from gradeprop.core.errors import CourseError, RejectedError
from gradeprop.integrations.push.journal import Journal
from gradeprop.integrations.push.target import Target
from gradeprop.integrations.push.web import retry
from gradeprop.results.score import AssignmentScores, StudentScore

_DIGITS = 4
_ROUNDING = 1.5e-4
"""how much a platform may round a fraction"""


class State(StrEnum):
    """The outcome for one student's score or page."""

    TO_SEND = "to send"
    SENT = "sent"
    REJECTED = "rejected"
    THERE = "there already"
    CHANGED = "changed on the platform"
    EXCUSED = "excused"
    UNGRADED = "not graded yet"
    NOT_LISTED = "not on the platform"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One student's score, and what becomes of it."""

    student: str
    user: str
    """the student's id on the platform"""
    points: float | None
    max_points: float
    there: float | str | None
    """the grade on the platform as points, or ``EXCUSED``"""
    state: State
    what: str
    """the score as a fraction of the column's maximum, or the name of a file, as the journal keeps it"""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PushOptions:
    """The choices for one push."""

    out_of: float | None = None
    """the maximum points to scale to"""
    overwrite: bool = False
    """replace grades that a person has changed on the platform"""
    left_out: frozenset[str] = frozenset()


def plan(target: Target, scores: AssignmentScores, journal: Journal, options: PushOptions) -> list[Delivery]:
    """Find out who gets which score; nothing is sent.

    Raises:
        CourseError: the points do not fit, or most students are not on the platform.
        PlatformError: the platform refuses.
    """
    whole = sum(scores.max_points.values())
    max_points = options.out_of or whole
    if not whole:
        raise CourseError("has no points to send", scores.name)
    if target.max_points and not options.out_of and abs(target.max_points - whole) > 1e-6:
        message = (
            f"{target.title} has {target.max_points:g} points for it, the gradebook {whole:g}; use "
            f"--out-of {target.max_points:g} to scale the scores, or --out-of {whole:g} to send them as they are"
        )
        raise CourseError(message, scores.name)
    students = [score for score in scores.scores if score.student not in options.left_out]
    roster = retry(target.members)
    rows = roster.find_rows((score.student, score.other_ids) for score in students)
    users = {student: roster.rows[row][0] for student, row in rows.items()}
    there = retry(target.grades)
    scale, column = max_points / whole, target.max_points or max_points

    def delivery(score: StudentScore) -> Delivery:
        user = users.get(score.student, "")
        found = there.get(user) if there is not None else None
        shown = found * column if isinstance(found, float) else found
        points = None if score.total is None else round(score.total * scale, _DIGITS)
        what = "" if points is None else f"{points / column:.6f}"
        if not user:
            state = State.NOT_LISTED
        elif score.excused:
            state = State.EXCUSED
        elif not what:
            state = State.UNGRADED
        elif there is None:
            state = State.THERE if journal.received(score.student) == what else State.TO_SEND
        else:
            state = _compare(float(what), found, journal.tried(score.student), options)
        return Delivery(score.student, user, points, max_points, shown, state, what)

    return [delivery(score) for score in students]


def _compare(goal: float, found: float | str | None, tried: set[str], options: PushOptions) -> State:
    """Compare a score with the platform's, which a person may have changed since we sent one."""

    def same(one: float, other: float) -> bool:
        return abs(one - other) < _ROUNDING

    if found is None:
        return State.TO_SEND
    if isinstance(found, str):
        return State.EXCUSED
    if same(found, goal):
        return State.THERE
    is_ours = any(same(found, float(what)) for what in tried)
    return State.TO_SEND if is_ours or options.overwrite else State.CHANGED


def push(
    target: Target, deliveries: Sequence[Delivery], journal: Journal, tick: Callable[[], None]
) -> Iterator[Delivery]:
    """Send what is to be sent, and yield every delivery with what became of it; a score twice does no harm.

    Raises:
        PlatformError: the platform refuses every request, or does not answer; what was sent before is noted.
        JailError: another push is running, or the journal cannot be written.
    """

    def send(one: Delivery) -> None:
        assert one.points is not None
        points = one.points
        retry(lambda: target.send(one.user, points, one.max_points))

    return send_all(send, deliveries, journal, tick)


def send_all(
    send: Callable[[Delivery], None], deliveries: Sequence[Delivery], journal: Journal, tick: Callable[[], None]
) -> Iterator[Delivery]:
    """Send each delivery that is to be sent, with a line in the journal before and after."""
    with journal.locked():
        for one in deliveries:
            if one.state is not State.TO_SEND:
                yield one
                continue
            journal.note(one.student, one.user, one.what, "sending")
            try:
                send(one)
                done = replace(one, state=State.SENT)
            except RejectedError as error:
                done = replace(one, state=State.REJECTED, reason=str(error))
            journal.note(
                one.student, one.user, one.what, "sent" if done.state is State.SENT else "rejected", done.reason
            )
            yield done
            tick()
