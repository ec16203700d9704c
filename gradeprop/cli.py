"""The command: arguments to one call each."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from gradeprop import __version__, records
from gradeprop.course import read_assignment, read_course
from gradeprop.errors import CourseError, GradepropError
from gradeprop.paths import PUBLIC_CHECKS, STUDENT_CODE, Bundle, student_key
from gradeprop.records import Assignment, GradeRecord

out = Console()


@contextlib.contextmanager
def progress(text: str, total: int | None) -> Iterator[Progress]:
    """A bar where a person waits; on stderr, and gone when it is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        bar.add_task(text, total=total)
        yield bar


class Command(click.Group):
    """Turns the errors of the house into one sentence and exit status 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except GradepropError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="gradeprop")
@click.option(
    "--course",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    help="A folder in the course.",
)
@click.pass_context
def main(ctx: click.Context, course: Path) -> None:
    """Forward the submission, propagate the grade."""
    ctx.obj = course


def _assignment(ctx: click.Context, name: str) -> tuple[Bundle, Assignment]:
    bundle = Bundle.find(ctx.obj)
    return bundle, read_assignment(bundle, name)


data_option = click.option(
    "--data",
    "dataset",
    default="auto",
    envvar="GRADEPROP_DATASET",
    show_default=True,
    help="Held-out images to measure accuracy on; auto takes the real data where it is on disk.",
)
seed_option = click.option("--seed", type=int, help="Repeat a run: draw the same inputs again.")


@main.command()
@click.argument("assignment", required=False)
@click.option("--check", is_flag=True, help="Change nothing; fail if a release is not what the source makes.")
@click.pass_context
def release(ctx: click.Context, assignment: str | None, check: bool) -> None:
    """Make what students get, release/<hw>, from source/<hw>."""
    from gradeprop import release as releasing  # loads nbgrader, two seconds

    bundle = Bundle.find(ctx.obj)
    for name in [assignment] if assignment else read_course(bundle).assignments:
        one = read_assignment(bundle, name)
        if check:
            releasing.check_release(one, bundle)
        else:
            releasing.release(one, bundle)
        out.print(f"release/{name} {'is what the source makes' if check else 'is made'}", highlight=False)


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("questions", nargs=-1)
@click.option(
    "--folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".", help="Holds your files."
)
def check(questions: Sequence[str], folder: Path) -> None:
    """Run the public checks on your own code, all or those of some questions."""
    for name in (STUDENT_CODE, PUBLIC_CHECKS, "given"):
        if not (folder / name).exists():
            raise click.ClickException(
                f"{folder} holds no {name}; run this in the folder of an assignment, or name it by --folder."
            )
    command = [sys.executable, "-m", "given.check", *questions]
    sys.exit(subprocess.run(command, cwd=folder, check=False).returncode)


@main.command()
@click.argument("assignment")
@click.argument("submissions", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--student", help="Whose it is, where the name of the folder or zip does not say; for one submission.")
@data_option
@seed_option
@click.pass_context
def grade(
    ctx: click.Context,
    assignment: str,
    submissions: Sequence[Path],
    student: str | None,
    dataset: str,
    seed: int | None,
) -> None:
    """Grade folders or zips, one per student; --help-names… says how names are read.

    A folder or zip is named for its student. A folder that holds several of them and no student_code.py is a class.
    """
    bundle, one = _assignment(ctx, assignment)
    named = _named(submissions, student)
    with _grader(bundle, one, dataset, seed) as grader, progress("grading", len(named)) as bar:
        graded = []
        for path, name in named:
            graded.append(grader.grade_one(path, name))
            _write_page(bundle, one, graded[-1])
            bar.advance(bar.task_ids[0])
    _finish(bundle, one, graded)


@main.command()
@click.argument("assignment")
@click.pass_context
def regrade(ctx: click.Context, assignment: str) -> None:
    """Judge what was kept of every submission again, with the checks as they are now; no student code runs."""
    bundle, one = _assignment(ctx, assignment)
    kept = [bundle.assignment(one.name).student(file.parent.name) for file in sorted(_records(bundle, one))]
    if not kept:
        raise click.ClickException(f"nothing of {one.name} has been graded yet.")
    with _grader(bundle, one, "auto", None) as grader, progress("judging", len(kept)) as bar:
        graded = []
        for student in kept:
            graded.append(grader.grade_again(student))
            _write_page(bundle, one, graded[-1])
            bar.advance(bar.task_ids[0])
    _finish(bundle, one, graded)


@main.command()
@click.argument("assignment")
@click.option("--only", default="", help="Only cases whose name contains this.")
@click.option("--junk/--no-junk", default=True, help="Also replace every observation by junk.")
@data_option
@seed_option
@click.pass_context
def verify(ctx: click.Context, assignment: str, only: str, junk: bool, dataset: str, seed: int | None) -> None:
    """Prove the checks: reference, stub, wrong and right answers get exactly what they must, and junk breaks nothing."""
    from gradeprop.verify import verify as proving

    bundle, one = _assignment(ctx, assignment)
    table = Table("case", "points", "expected", "")
    failed = count = 0
    with tempfile.TemporaryDirectory() as scratch:
        with _grader(bundle, one, dataset, seed, Path(scratch)) as grader, progress("proving", None) as bar:
            for verdict in proving(grader, only, junk and not only):
                count += 1
                failed += bool(verdict.wrong)
                if verdict.wrong or not verdict.name.startswith("junk"):
                    table.add_row(
                        verdict.name, f"{verdict.points:g}", f"{verdict.expected:g}", verdict.wrong or "holds"
                    )
                bar.advance(bar.task_ids[0])
    out.print(table)
    out.print(f"{count - failed} of {count} hold" + (f"; {failed} do not" if failed else ""), highlight=False)
    sys.exit(1 if failed else 0)


def _grader(bundle: Bundle, one: Assignment, dataset: str, seed: int | None, into: Path | None = None) -> "Grader":  # type: ignore[name-defined]  # noqa: F821
    from gradeprop.pipeline import Grader  # starts faster for commands that need none

    return Grader(bundle, one, _dataset(one, dataset), seed, into)


def _dataset(assignment: Assignment, asked: str) -> str:
    """The held-out data set: the one asked for, or the first whose folder is there, or the embedded sample."""
    known = tuple(assignment.held_out)
    if asked != "auto":
        if asked not in known:
            raise CourseError(
                f"{assignment.name} has no bars for the data set {asked!r}; it has: {', '.join(known)}", "--data"
            )
        return asked
    folder = Path(os.environ.get("GRADEPROP_DATA", "data"))
    return next((name for name in known if name == "sample" or (folder / name).is_dir()), "")


def _named(paths: Sequence[Path], student: str | None) -> list[tuple[Path, str]]:
    """Each submission with its student; two of one student are refused, since neither may win by chance."""
    from gradeprop.intake import student_name

    found = [each for path in paths for each in _class(path)]
    if student is not None and len(found) != 1:
        raise click.ClickException(f"--student names one student, and there are {len(found)} submissions.")
    named = [(path, student or student_name(path)) for path in found]
    seen: dict[str, Path] = {}
    for path, name in named:
        if (first := seen.setdefault(student_key(name), path)) is not path:
            raise click.ClickException(f"{first} and {path} are both of the student {name!r}; keep one of them.")
    return named


def _class(path: Path) -> list[Path]:
    """A submission is itself; a folder of folders and zips without student_code.py is a class."""
    if not path.exists() and not path.is_symlink():
        raise click.ClickException(f"{path} is not there.")
    inside = sorted(path.iterdir()) if path.is_dir() and not path.is_symlink() else []
    several = [each for each in inside if not each.name.startswith(".") and (each.is_dir() or each.suffix == ".zip")]
    return several if several and not any(each.is_file() and each.suffix != ".zip" for each in inside) else [path]


def _records(bundle: Bundle, one: Assignment) -> Iterator[Path]:
    return bundle.assignment(one.name).autograded.glob("*/record.json")


def _write_page(bundle: Bundle, one: Assignment, record: GradeRecord) -> None:
    from gradeprop.feedback import write_page

    write_page(one, record, bundle.assignment(one.name).student(record.key).feedback)


def _finish(bundle: Bundle, one: Assignment, graded: Sequence[GradeRecord]) -> None:
    """The class in a CSV, the gradebook, and a table of this run."""
    from gradeprop import export, gradebook

    paths = bundle.assignment(one.name)
    everyone = [records.read(GradeRecord, file) for file in sorted(_records(bundle, one))]
    export.write_csv(everyone, paths.grades_csv)
    gradebook.write(graded, one, f"sqlite:///{bundle.gradebook}")
    table = Table("student", "points", "status", "what stands out", title=one.title)
    for record in graded:
        lost = sorted((o for o in record.outcomes if o.points < o.possible), key=lambda o: o.points - o.possible)
        first = record.reason or next((o.message for o in lost), "") or next(iter(record.problems), "")
        points = f"{record.points:g} / {record.possible:g}" if record.status == "graded" else "–"
        table.add_row(
            record.student, points, record.status.replace("_", " "), first.splitlines()[0][:90] if first else ""
        )
    out.print(table, highlight=False, markup=False)
    out.print(
        f"pages: {paths.autograded}/<student>/feedback.html   table: {paths.grades_csv}   gradebook: {bundle.gradebook}",
        highlight=False,
        soft_wrap=True,
    )
    if held := [record for record in graded if record.status != "graded"]:
        raise click.ClickException(f"{len(held)} of {len(graded)} not graded: {held[0].reason}")
