"""The scores of an assignment as a table, and what still has to be graded; the command ``scores``."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import click

from gradeprop.cli.options import assignment_argument, example, find_assignment
from gradeprop.cli.output import print_table, warn
from gradeprop.cli.reports import ScoreLine, json_option, print_json
from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import JailError
from gradeprop.core.paths import CoursePaths

if TYPE_CHECKING:
    from gradeprop.results.score import Graded, StudentScore

WHAT_NEXT = """\
Grade them in formgrader: jupyter lab, then Nbgrader, Formgrader, Manual Grading.
Afterwards, gradeprop scores {} prints the scores, and brings pages and grades.csv up to date."""


def _of(points: float | None, possible: float) -> str:
    return f"{'–' if points is None else f'{points:g}'} / {possible:g}"


def _total(score: "StudentScore") -> str:
    return "excused" if score.excused else _of(score.total, score.possible)


_COLUMNS: dict[str, tuple[Callable[["StudentScore"], object], Callable[["StudentScore"], str]]] = {
    "score": (lambda score: True, _total),
    "automatic": (lambda score: score.written, lambda score: _of(*score.part(written=False))),
    "written": (lambda score: score.written, lambda score: _of(*score.part(written=True))),
    "late": (
        lambda score: (score.penalty or score.late.text) and not score.excused,
        lambda score: f"−{score.penalty:g} ({score.late.text})" if score.late.text and not score.excused else "",
    ),
}
"""title → whether a student needs the column, and its text"""


def score_columns(scores: Sequence["StudentScore"]) -> tuple[list[str], list[list[str]]]:
    """Return the titles of the columns that somebody needs, and their texts for each student."""
    titles = [title for title, (is_needed, _) in _COLUMNS.items() if any(map(is_needed, scores)) or title == "score"]
    return titles, [[_COLUMNS[title][1](score) for title in titles] for score in scores]


def waiting_answers(assignment: Assignment, graded: Iterable["Graded"]) -> str:
    """Count the written answers that wait for a person, and say what to do; empty if none does."""
    waiting = [
        score.waiting
        for record, score in graded
        if record.status == "graded" and not score.excused and not score.submitted_by
    ]
    counted = Counter(name for names in waiting for name in names)
    if not counted:
        return ""
    number, students = counted.total(), sum(map(bool, waiting))
    questions = ", ".join(f"{name} {count}" for name, count in counted.items())
    are = f"{number} written answer{'s' * (number > 1)} of {students} student{'s' * (students > 1)}"
    return f"{are} to grade by hand: {questions}.\n{WHAT_NEXT.format(assignment.name)}"


@click.command(epilog=example("gradeprop scores mnist_lenet", "gradeprop scores mnist_lenet ada bob"))
@assignment_argument
@click.argument("students", nargs=-1)
@json_option
@click.pass_context
def scores(ctx: click.Context, assignment: str, students: Sequence[str], as_json: bool) -> None:
    """Print the scores, and what is not graded yet.

    Shows everyone, or the STUDENTS. Also brings the pages and grades.csv up to date with what was graded by hand.
    """
    from gradeprop.results import gradebook_scores, people

    course, one = find_assignment(ctx, assignment)
    (known,) = gradebook_scores.read_course(course, [one.name])
    chosen = known.scores
    if students:
        ids = {people.find(course, name).id for name in students}
        chosen = tuple(score for score in chosen if score.student in ids)
        if missing := ids - {score.student for score in chosen}:
            warn(f"No submission of {one.name}: {', '.join(sorted(missing))}.")
    if as_json:
        print_json([_line(score) for score in chosen])
        refresh_pages(course, one)
        return
    titles, texts = score_columns(chosen)
    rows = [[score.label, *cells, ", ".join(score.ungraded)] for score, cells in zip(chosen, texts, strict=True)]
    print_table(("student", *titles, "not graded yet"), rows, one.title)
    final = sum(score.total is not None for score in chosen)
    click.echo(f"{final} of {len(chosen)} final{f'; {len(known.withdrawn)} withdrawn' if known.withdrawn else ''}")
    graded = refresh_pages(course, one)
    if not students and (sentence := waiting_answers(one, graded)):
        click.echo(sentence)


def _line(score: "StudentScore") -> ScoreLine:
    return ScoreLine(
        student=score.student,
        name=score.name,
        total=score.total,
        possible=score.possible,
        points=score.known,
        penalty=score.penalty,
        excused=score.excused,
        not_graded=list(score.ungraded),
    )


def refresh_pages(course: CoursePaths, assignment: Assignment) -> list["Graded"]:
    """Bring pages and grades.csv up to date, unless a grading run is doing so."""
    from gradeprop.grading.run_lock import RunLock
    from gradeprop.results import refresh

    folder = course.assignment(assignment.name).autograded
    if not folder.is_dir():
        return []
    try:
        with RunLock(folder) as lock:
            graded = refresh.refresh(course, assignment)
            if not lock.interrupted:  # else the next run of grade has more to repair
                lock.complete()
            return graded
    except JailError as error:
        warn(f"The pages are not brought up to date: {error}")
        return []
