"""Commands for students: check, bring-forward, submit. They run the helper in given/, which works without them."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from gradeprop.cli.options import example, folder_option
from gradeprop.core.paths import ASKED, GIVEN, PUBLIC_CHECKS, STUDENT_CODE


@click.command(
    context_settings={"ignore_unknown_options": True},
    epilog=example("gradeprop check", "gradeprop check lenet train"),
)
@click.argument("questions", nargs=-1)
@folder_option
def check(questions: Sequence[str], folder: Path) -> None:
    """Run the public checks on your code.

    Runs all of them, or those of the QUESTIONS.
    """
    _run_given(folder, "check", questions, STUDENT_CODE, PUBLIC_CHECKS, GIVEN)


@click.command("bring-forward", epilog=example("gradeprop bring-forward ../mnist_lenet"))
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@folder_option
def bring_forward(path: Path, folder: Path) -> None:
    """Carry your earlier code into this assignment.

    PATH is the student_code.py of an earlier assignment, or its folder. What is still a stub here is filled; nothing
    that you have written here is overwritten.
    """
    _run_given(folder, "bring_forward", [str(path.absolute())], STUDENT_CODE, f"{GIVEN}/bring_forward.py")


@click.command(epilog=example("gradeprop submit"))
@folder_option
def submit(folder: Path) -> None:
    """Check and pack your submission.

    Checks that it is complete, packs it into one zip, and prints a receipt.
    """
    _run_given(folder, "submit", (), f"{GIVEN}/{ASKED}")


def _run_given(folder: Path, module: str, arguments: Sequence[str], *needed: str) -> None:
    for name in needed:
        if not (folder / name).exists():
            where = folder if folder != Path() else "the current folder"
            raise click.ClickException(
                f"{name} is not in {where}. Run this in the folder of an assignment, or name that folder with --folder."
            )
    command = [sys.executable, "-m", f"{GIVEN}.{module}", *arguments]
    sys.exit(subprocess.run(command, cwd=folder, check=False).returncode)
