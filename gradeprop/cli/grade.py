"""Commands that run submissions: grade, watch."""

import contextlib
import glob
import os
import signal
import sys
import time
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from gradeprop.cli.bookkeeping import full_id, note_arrivals, warn_of_unlisted, write_notebooks
from gradeprop.cli.options import (
    RunOptions,
    assignment_argument,
    data_option,
    example,
    find_assignment,
    pairs,
    seed_option,
    unsafe_option,
)
from gradeprop.cli.output import (
    main_remark,
    need_attention,
    points,
    print_line,
    print_results,
    progress,
    progress_console,
    warn,
)
from gradeprop.cli.reports import json_option
from gradeprop.cli.requirements import needs_linux
from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import SubmissionError
from gradeprop.core.models import GradeRecord, Unattributed
from gradeprop.core.paths import CoursePaths, student_key
from gradeprop.core.sanitize import for_terminal
from gradeprop.course.config import require_dataset

if TYPE_CHECKING:
    from gradeprop.grading.jobs import Backend, How, Job
    from gradeprop.grading.settings import RunSettings
    from gradeprop.grading.store import Store
    from gradeprop.submissions.discovery import Found


@click.command(epilog=example("gradeprop grade mnist_lenet submissions/", "gradeprop grade mnist_lenet --recheck"))
@assignment_argument
@click.argument("submissions", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--student", help="Name of the student, if the folder or zip is not named for one; with --recheck, whom to regrade."
)
@data_option
@seed_option
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Submissions graded in parallel, about 0.5 GiB each; without it one, or up to one per processor for a larger "
    "class. One more starts if slow submissions occupy them all.",
)
@unsafe_option
@click.option(
    "--as-is", is_flag=True, help="Also grade submissions that need attention: what was not found is worth nothing."
)
@click.option("--scheduler", metavar="ADDRESS", help="Run submissions on the workers of this Dask scheduler.")
@click.option(
    "--resources",
    metavar="NAME=N",
    multiple=True,
    callback=pairs("GPU=1", float),
    help="Dask worker resources that each submission needs, such as GPU=1; may be repeated.",
)
@click.option(
    "--recheck",
    "how",
    flag_value="recheck",
    help="Run the checks again on the stored observations, of SUBMISSIONS or of all; student code does not run.",
)
@click.option("--reason", default="", metavar="TEXT", help="Why the --student is graded again; kept in the record.")
@click.option("--force", "how", flag_value="force", help="Regrade everything from scratch, even if unchanged.")
@json_option
@click.pass_context
@needs_linux
def grade(
    ctx: click.Context,
    /,
    assignment: str,
    submissions: Sequence[Path],
    student: str | None,
    how: "How | None",
    reason: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Grade folders or zips, or a class of them.

    Each of the SUBMISSIONS is named for its student; a folder of folders and zips is a class. If it is not clear
    what the work is or which student it is of, it is not graded, and a list at the end says what was found.

    Does only what is needed: runs new and changed submissions; if only the checks changed, re-evaluates the stored
    observations; leaves all other grades alone. --recheck and --force do more.
    A class may also be one zip or folder as downloaded from Canvas, Moodle, Blackboard, Brightspace or Gradescope.
    """
    from gradeprop.core.warm import warm_process

    course, one = find_assignment(ctx, assignment)
    if not submissions and how != "recheck":
        raise click.UsageError("Name the folders or zips to grade, or give --recheck for all that were graded before.")
    if reason and not (student and how):
        raise click.UsageError("--reason is for one student who is graded again: add --student NAME and --recheck.")
    run, found = RunOptions(**options), None
    if not run.scheduler:
        warm_process()  # imports torch while this process imports the rest, and finds the submissions
    from gradeprop.grading.jobs import graded_students

    opening = open_store(course, one, run)
    if submissions:
        found = _find(ctx, course, one, submissions, student)
        for sentence in found.notes:
            warn(sentence)
    else:
        graded_students(course.assignment(one.name).autograded)  # raises if there are none, before a lock is written
    with opening as store:
        if found:
            store.set_unattributed(found.unattributed, *(path.absolute() for path in submissions))
        names = tuple(filter(None, (student, full_id(course, student))))
        jobs = [replace(job, reason=reason) for job in plan_jobs(store, found, how or "changed", names)]
        if number := run_jobs(store, jobs, run, found.unattributed if found else (), as_json):
            sentence = f"{need_attention(number)}; no zero was given, and no older grade changed."
            raise click.ClickException(sentence)


def open_store(course: CoursePaths, one: Assignment, run: RunOptions) -> "Store":
    """Return the store of an assignment's results; it takes the lock when entered."""
    from gradeprop.grading.store import Store

    return Store(settings_of(course, one, run))


def settings_of(course: CoursePaths, one: Assignment, run: RunOptions, results: Path | None = None) -> "RunSettings":
    """Complete the options of a command; results go below ``results`` or, without it, below autograded/."""
    from gradeprop.grading.settings import RunSettings

    return RunSettings(course, one, require_dataset(one, run.dataset), run.seed, results, run.unsafe, run.as_is)


def run_jobs(
    store: "Store",
    jobs: Sequence["Job"],
    run: RunOptions,
    unattributed: Sequence[Unattributed] = (),
    as_json: bool = False,
) -> int:
    """Run the jobs with a progress display, then print a summary; exit with status 130 if Ctrl-C stopped them.

    Returns:
        The number of submissions that need attention.
    """
    from gradeprop.cli.progress import ProgressDisplay, summary
    from gradeprop.grading import batch
    from gradeprop.grading.interrupt import Stop

    display = ProgressDisplay(jobs, progress_console())
    with display.running(), Stop(display.say) as stop:
        backend: Backend = batch.Local(store, stop, run.workers)
        if run.scheduler:
            from gradeprop.grading.dask_client import Cluster  # loads Dask

            backend = Cluster(store, run.scheduler, backend, stop, display.say, dict(run.resources))
        graded = batch.run(store, jobs, backend, display.job_finished)
    for line in () if as_json else summary(jobs, graded):
        click.echo(line)
    if len(graded) < len(jobs):
        sys.exit(128 + signal.SIGINT)
    course, assignment = store.settings.course, store.settings.assignment
    unchanged = {job.key for job in jobs if job.need == "nothing"}
    write_notebooks(course, assignment, graded, {job.key for job in jobs} - unchanged)
    return print_results(course, assignment, graded, unattributed, as_json, unchanged)


def plan_jobs(store: "Store", found: "Found | None", how: "How", students: Sequence[str] = ()) -> list["Job"]:
    """Find out what each submission needs; None stands for all that were graded before, to be re-evaluated."""
    from gradeprop.grading import jobs

    if found is None:
        return jobs.plan_recheck(store, students)
    with progress("comparing with earlier grades", len(found.submissions)) as tick:
        return jobs.plan(store, found.submissions, how, tick, found.owners)


def _find(
    ctx: click.Context, course: CoursePaths, one: Assignment, paths: Sequence[Path], student: str | None
) -> "Found":
    """Find the submissions in the paths, or in a platform's download."""
    from gradeprop.results import gradebook_db, people
    from gradeprop.submissions.discovery import Found, find_submissions
    from gradeprop.submissions.identity import identified
    from gradeprop.submissions.lms_downloads import open_lms_download

    if student is None and (own := [*filter(course.owns, paths)]):
        raise SubmissionError(f"{own[0]} is a folder of the course, which holds no submissions.")
    download, ids_of = None, partial(people.ids_of, course)
    students = gradebook_db.students(gradebook_db.url(course))
    if len(paths) == 1 and student is None and paths[0].exists() and not _is_one_students(course, paths[0], students):
        with contextlib.suppress(SubmissionError):  # not a zip: one submission, and its record says what is wrong
            download = ctx.with_resource(open_lms_download(paths[0], one, course.cache))
    if download is None:
        found = find_submissions(paths, one, full_id(course, student), students, ids_of)
        warn_of_unlisted(course, found.submissions)
        note_arrivals(course, one, found.submissions, {}, None)
        return found
    submissions = identified(download.submissions, ids_of({name for _, name in download.submissions}))
    warn_of_unlisted(course, submissions)
    ids = {old: new for (_, old), (_, new) in zip(download.submissions, submissions, strict=True)}
    attempts = {ids.get(name, name): time for name, time in download.attempts.items()}
    note_arrivals(course, one, submissions, attempts, {ids.get(name, name) for name in download.late})
    count = len(download.submissions)
    found_in = f"{paths[0].name} is a download from {download.platform} with {count} student{'s' * (count != 1)}"
    click.echo(found_in, err=True)
    return Found(submissions, download.unattributed)


def _is_one_students(course: CoursePaths, path: Path, students: Collection[str]) -> bool:
    """Return True if a path is named for a known student, or belongs to one's account.

    Then it is that student's work, and no download of a class: otherwise a student could hand in for others by the
    names of the files in it.
    """
    from gradeprop.results import people
    from gradeprop.submissions import identity

    name, owner = identity.claimed_student(path), path.lstat().st_uid
    is_theirs = owner not in (0, os.geteuid()) and identity.account_name(owner).casefold() in students
    was_graded = any((course.root / "autograded").glob(f"*/{glob.escape(student_key(name))}/record.json"))
    return is_theirs or was_graded or name.casefold() in students or bool(people.ids_of(course, [name]))


@click.command(epilog=example("gradeprop watch mnist_lenet inbound/", "gradeprop watch mnist_lenet inbound/ --once"))
@assignment_argument
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--once", is_flag=True, help="Grade what is there now, then stop.")
@data_option
@seed_option
@click.pass_context
@needs_linux
def watch(ctx: click.Context, assignment: str, folder: Path, once: bool, dataset: str, seed: int | None) -> None:
    """Grade submissions as they arrive in a folder.

    FOLDER is nbgrader's inbound folder, or any folder of folders and zips. Grades in order of arrival, and only the
    latest submission of each student. Ctrl-C finishes the current submission, then stops.
    """
    from gradeprop.grading.interrupt import Stop
    from gradeprop.grading.watch import watch_folder
    from gradeprop.results import people

    course, one = find_assignment(ctx, assignment)
    graded: list[GradeRecord] = []
    with progress_console().status(f"watching {folder}") as status, Stop(_warn_now) as stop:

        def show(record: GradeRecord) -> None:
            graded.append(record)
            write_notebooks(course, one, [record], {record.key})
            _print_arrival(record)
            status.update(f"watching {folder}: {len(graded)} done")

        settings = settings_of(course, one, RunOptions(dataset=dataset, seed=seed))
        watch_folder(settings, folder, _warn_now, show, stop, once, partial(people.ids_of, course))
    on_hold = sum(record.status != "graded" for record in graded)
    click.echo(f"{len(graded) - on_hold} graded{f', {on_hold} on hold' if on_hold else ''}")
    sys.exit(1 if on_hold else 0)


def _warn_now(sentence: str) -> None:
    warn(f"{_now()}  {sentence}")


def _print_arrival(record: GradeRecord) -> None:
    status = points(record) or record.status.replace("_", " ")
    print_line(f"{_now()}  {for_terminal(record.student):24} {status:14} {main_remark(record)}")


def _now() -> str:
    return time.strftime("%H:%M:%S")
