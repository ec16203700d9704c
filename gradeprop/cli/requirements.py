"""Say in one sentence what a command lacks on this machine: packages of an extra, or Linux."""

import functools
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

P = ParamSpec("P")
R = TypeVar("R")

_PACKAGE = Path(__file__).parents[1]
_UNIX = frozenset({"fcntl", "grp", "pwd", "resource", "termios"})
"""modules of Python that Windows does not have"""


def needs_linux(function: Callable[P, R]) -> Callable[P, R]:
    """Make a command refuse to run on other systems than Linux; its --help works everywhere."""

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if sys.platform != "linux":
            raise click.ClickException(linux_sentence(click.get_current_context().command_path))
        return function(*args, **kwargs)

    return checked


def linux_sentence(command: str) -> str:
    """Say that a command needs Linux, and where to get it."""
    return (
        f"{command} needs Linux, and this is {sys.platform}: run it in a container or, on Windows, in WSL 2; "
        "see gradeprop docs platforms. check, bring-forward, submit and release work here."
    )


def missing_module(error: ModuleNotFoundError, command: str) -> str:
    """Say what to install, or that the command needs Linux; "" if it was not this package that imported the module."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    if error.name is None or not Path(frames[-1].filename).is_relative_to(_PACKAGE):
        return ""
    if error.name in _UNIX:
        return linux_sentence(command)
    return f"{command} needs {error.name}, which is not installed: pip install 'gradeprop[grader]'"
