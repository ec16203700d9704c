"""Options and arguments that several commands share."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gradeprop.core.errors import GradepropError
from gradeprop.core.paths import CoursePaths

if TYPE_CHECKING:
    from gradeprop.core.assignment import Assignment

QUIET = "gradeprop.quiet"
"""key of click's meta, set by ``gradeprop --quiet``: the real stdout"""
FILE, FOLDER = click.Path(dir_okay=False, path_type=Path), click.Path(file_okay=False, path_type=Path)
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
EXISTING_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Options of a command that say how to run submissions."""

    dataset: str
    seed: int | None = None
    unsafe: bool = False
    as_is: bool = False
    workers: int | None = None
    scheduler: str | None = None
    resources: Mapping[str, float] = field(default_factory=dict)


def complete_assignment(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Name the assignments for the shell's Tab key; a course that cannot be read has none."""
    root = ctx.find_root().params.get("course") or "."
    from gradeprop.course.config import read_course

    with contextlib.suppress(GradepropError):
        names = read_course(CoursePaths.find(Path(root))).assignments
        return [name for name in names if name.startswith(incomplete)]
    return []


assignment_argument = click.argument("assignment", shell_complete=complete_assignment)


def find_assignment(ctx: click.Context, name: str) -> "tuple[CoursePaths, Assignment]":
    """Read an assignment of the course that ``--course`` is in.

    Raises:
        CourseError: there is no course, or no such assignment in it.
    """
    from gradeprop.course.config import read_assignment  # here, since check and submit need none of it

    course = CoursePaths.find(ctx.obj)
    return course, read_assignment(course, name)


def pairs(form: str, convert: Callable[[str], Any] = str) -> Callable[..., dict[str, Any]]:
    """Make a click callback that reads ``NAME=VALUE`` texts into a dict.

    Args:
        form: an example for the error message, such as ``GPU=1``.
        convert: turns VALUE into what the command needs; raises ValueError.
    """

    def read(ctx: click.Context, option: click.Parameter, texts: Sequence[str]) -> dict[str, Any]:
        found = {}
        for text in texts:
            name, _, value = text.partition("=")
            try:
                found[name] = convert(value)
            except ValueError:
                value = ""
            if not (name and value):
                raise click.BadParameter(f"{text!r} is not {option.metavar}; an example is {form}.", ctx, option)
        return found

    return read


def example(*lines: str) -> str:
    """Return the end of a command's help: examples, a line each, which click does not wrap."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def data_option(command: F) -> F:
    return click.option(
        "--data",
        "dataset",
        default="auto",
        envvar="GRADEPROP_DATASET",
        show_default=True,
        help="Data set to measure accuracy on; auto is the real one if it is on this machine. A grade may require it; "
        "then only --data sample takes the sample, whose bars are its own and say nothing about the real data.",
    )(command)


def seed_option(command: F) -> F:
    return click.option("--seed", type=int, help="Repeat an earlier run: draw the same random inputs again.")(command)


def unsafe_option(command: F) -> F:
    return click.option(
        "--unsafe",
        is_flag=True,
        help="Run student code even if no jail can be made. It can then do all that you can, and forge any grade.",
    )(command)


def folder_option(command: F) -> F:
    return click.option(
        "--folder", type=EXISTING_FOLDER, default=".", help="Folder with your files; without it, the current folder."
    )(command)
