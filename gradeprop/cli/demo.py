"""The command demo: a made-up class, released and graded."""

import click

from gradeprop.cli.grade import open_store, plan_jobs, run_jobs
from gradeprop.cli.options import RunOptions, assignment_argument, example, find_assignment
from gradeprop.cli.output import waiting
from gradeprop.cli.requirements import needs_linux


@click.command(epilog=example("gradeprop demo mnist_lenet"))
@assignment_argument
@click.option(
    "--data",
    "dataset",
    default="sample",
    show_default=True,
    help="Data set to measure accuracy on. On a real one, the class's weights are trained first, for minutes.",
)
@click.pass_context
@needs_linux
def demo(ctx: click.Context, assignment: str, dataset: str) -> None:
    """Release an assignment and grade a made-up class in demo/.

    The class has correct, wrong, broken and hostile submissions, and one that needs attention. demo/ is a course of its
    own: the gradebook of this course is not touched.
    """
    from gradeprop.core.warm import warm_process
    from gradeprop.course.config import resolve_dataset
    from gradeprop.course.demo import demo_class, demo_course
    from gradeprop.course.known_answers import reference_weights
    from gradeprop.course.release import release as write_release
    from gradeprop.results.class_report import write_class_report
    from gradeprop.submissions.discovery import find_submissions

    original, one = find_assignment(ctx, assignment)
    run = RunOptions(dataset=resolve_dataset(one, dataset if one.held_out else "auto") or "auto")
    warm_process()
    course = demo_course(original, one.name)
    write_release(one, course)
    paths = course.assignment(one.name)
    click.echo(f"{paths.release} is written: the folder for students\nAccuracy is measured on: {run.dataset}")
    with waiting("writing the submissions"):
        folder = demo_class(one, paths, reference_weights(original.assignment(one.name), run.dataset))
    with open_store(course, one, run) as store:
        run_jobs(store, plan_jobs(store, find_submissions([folder], one), "changed"), run)
    write_class_report(one, paths)
    click.echo(
        f"\nOpen in a browser: {paths.report} and {paths.student('reference').feedback}\n"
        f"Next, in {course.root}:  gradeprop grade {one.name} submissions/ --data {run.dataset}"
    )
