"""Shared options, and the start of the command."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from gradeprop.cli.main import main
from gradeprop.cli.options import pairs
from tests.reference.commands import load_commands

SLOW = ("torch", "numpy", "nbgrader", "distributed", "rich", "gradeprop.jail", "gradeprop.judge", "gradeprop.grading")


def test_the_command_starts_without_what_takes_long_to_load() -> None:
    code = f"import sys, gradeprop.cli.main; print([name for name in {SLOW} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_notebooks_are_validated_without_a_grammar_of_addresses() -> None:
    code = "import sys, gradeprop.cli.main, nbformat; print(sys.modules['rfc3987_syntax'], 'lark' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "None False\n"


def test_every_command_and_option_has_a_help_text() -> None:
    ours = load_commands().values()
    groups = [command for command in ours if isinstance(command, click.Group)]
    commands = [*(command for command in ours if command not in groups), *groups]
    commands += [command for group in groups for command in group.commands.values()]
    assert len(commands) == 42
    for command in commands:
        assert command.help, command.name
        options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
        assert all(option.help and option.help.endswith((".", ")")) for option in options), command.name


def test_the_list_of_commands_has_whole_sentences() -> None:
    listed = CliRunner().invoke(main, ["--help"]).output.partition("Commands:\n")[2].splitlines()
    assert len(listed) == 25
    assert all(line.endswith(".") and not line.endswith("...") for line in listed)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [((), {}), (("GPU=1", "MEM=2.5"), {"GPU": 1.0, "MEM": 2.5}), (("A=1", "A=2"), {"A": 2.0})],
)
def test_pairs_become_a_dict(texts: tuple[str, ...], expected: dict[str, float]) -> None:
    seen = []

    @click.command()
    @click.option("--set", "values", metavar="NAME=N", multiple=True, callback=pairs("GPU=1", float))
    def command(values: dict[str, float]) -> None:
        seen.append(values)

    CliRunner().invoke(command, [word for text in texts for word in ("--set", text)], catch_exceptions=False)
    assert seen == [expected]
