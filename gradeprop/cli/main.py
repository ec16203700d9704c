"""The command ``gradeprop``: its group, and every error as one sentence."""

import contextlib
import difflib
import importlib
import io
import os
import sys
from pathlib import Path

import click

from gradeprop import __version__
from gradeprop.cli.options import EXISTING_FOLDER, QUIET
from gradeprop.cli.requirements import missing_module
from gradeprop.core.errors import GradepropError

_COMMANDS = {  # module of this package → its commands
    "course": ("init", "new", "release", "solutions", "backup", "restore"),
    "grade": ("grade", "watch"),
    "verify": ("verify",),
    "demo": ("demo",),
    "doctor": ("doctor",),
    "docs": ("docs",),
    "data": ("data",),
    "status": ("status",),
    "scores": ("scores",),
    "people": ("roster", "student"),
    "publish": ("report", "export", "package"),
    "push": ("push",),
    "feedback": ("feedback",),
    "student": ("check", "bring-forward", "submit"),
}
_MODULES = {name: module for module, names in _COMMANDS.items() for name in names}


class CommandGroup(click.Group):
    """Imports a command when it is used.

    Turns our own errors, and those of the operating system, into one sentence and exit status 1.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if (module := _MODULES.get(cmd_name)) is None:
            return None
        found: click.Command = getattr(importlib.import_module(f"gradeprop.cli.{module}"), cmd_name.replace("-", "_"))
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if near := difflib.get_close_matches(args[0], _MODULES, 1):
                raise click.UsageError(f"{error.message.rstrip('.')}; did you mean {near[0]}?", error.ctx) from error
            raise

    def invoke(self, ctx: click.Context) -> object:
        _open_streams()
        try:
            return super().invoke(ctx)
        except GradepropError as error:
            raise click.ClickException(str(error)) from error
        except BrokenPipeError:  # click ends quietly: nobody reads any more
            raise
        except OSError as error:
            raise click.ClickException(f"{error.filename or 'standard output'}: {error.strerror}") from error
        except ModuleNotFoundError as error:
            if sentence := missing_module(error, f"{ctx.info_name} {ctx.invoked_subcommand}"):
                raise click.ClickException(sentence) from error
            raise


def _open_streams() -> None:
    """Point closed standard streams to /dev/null; else the next file or socket gets their number and their text.

    Letters that a stream cannot encode become question marks.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")  # an encoding that lacks a letter of a name, as on Windows


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="gradeprop")
@click.option(
    "--course",
    type=EXISTING_FOLDER,
    default=".",
    envvar="GRADEPROP_COURSE",
    show_envvar=True,
    help="Folder of the course, or any folder in it; by default the current folder.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print no progress and no results, only JSON, warnings and errors.")
@click.pass_context
def main(ctx: click.Context, course: Path, quiet: bool) -> None:
    """Forward the submission, propagate the grade."""
    ctx.obj = course
    if quiet:
        ctx.meta[QUIET] = sys.stdout
        nowhere = ctx.with_resource(open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        ctx.with_resource(contextlib.redirect_stdout(nowhere))


if __name__ == "__main__":
    main()
