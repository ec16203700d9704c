"""The reference of commands, made from their help."""

import inspect
import shlex
from collections.abc import Iterator

import click

from gradeprop.cli.main import main

_GROUPS = {
    "Students": ("check", "bring-forward", "submit"),
    "A course and its assignments": ("init", "data", "new", "verify", "release", "solutions", "doctor", "demo"),
    "Grading": ("grade", "watch", "status", "scores", "report", "roster", "student"),
    "Scores and pages to others": ("export", "push", "feedback", "package"),
    "Help": ("docs",),
    "Backup": ("backup", "restore"),
}
_HEAD = """\
# Commands

<!-- written by make reference-docs -->

Each command prints this text with `--help`. Commands for instructors work in any folder of a course; those for
students in the folder of an assignment. The exit status is 0 if all went well, 1 after an error or if something needs
a person, and 2 if the command cannot be read. Lists of objects that `--json` prints are described by
[reports.schema.json](reports.schema.json).
"""


def load_commands() -> dict[str, click.Command]:
    """Return all commands by name."""
    ctx = click.Context(main)
    return {name: command for name in main.list_commands(ctx) if (command := main.get_command(ctx, name))}


def page() -> str:
    """Return the page as Markdown."""
    context = click.Context(main, info_name="gradeprop")
    parts = [_HEAD, "## Options of every command\n", _options(main, context)]
    for title, names in _GROUPS.items():
        parts.append(f"## {title}\n")
        for name in names:
            parts += _describe(load_commands()[name], context)
    return "\n".join(parts)


def examples() -> dict[str, list[str]]:
    """Return the lines of each command's example."""
    return dict(_examples("gradeprop", main))


def _examples(path: str, command: click.Command) -> Iterator[tuple[str, list[str]]]:
    if isinstance(command, click.Group):
        for name, each in _subcommands(command).items():
            yield from _examples(f"{path} {name}", each)
    else:
        yield path, _example(command)


def _subcommands(group: click.Group) -> dict[str, click.Command]:
    return load_commands() if group is main else group.commands


def documented() -> set[str]:
    """Return the names of the commands that the page describes."""
    return {name for names in _GROUPS.values() for name in names}


def _describe(command: click.Command, above: click.Context, level: int = 3) -> Iterator[str]:
    context = click.Context(command, info_name=command.name, parent=above)
    summary, _, rest = inspect.cleandoc(command.help or "").partition("\n\n")
    yield f"{'#' * level} {context.command_path}\n"
    yield f"{_line(summary)}\n"
    if isinstance(command, click.Group):
        yield from _paragraphs(rest)
        for each in _subcommands(command).values():
            yield from _describe(each, context, level + 1)
        return
    yield f"    {context.command_path} {' '.join(command.collect_usage_pieces(context))}\n"
    yield from _paragraphs(rest)
    yield _options(command, context)
    yield "\n".join(["Example:", "", *(f"    {line}" for line in _example(command)), ""])


def _example(command: click.Command) -> list[str]:
    return [line.strip() for line in (command.epilog or "").splitlines()[2:]]


def _options(command: click.Command, context: click.Context) -> str:
    records = [each.get_help_record(context) for each in command.params if isinstance(each, click.Option)]
    # a table cannot have the | of a choice, in code, on GitHub and on the site alike
    rows = [f"| `{name.replace('|', ' or ')}` | {_cell(text)} |" for name, text in filter(None, records)]
    return "\n".join(["| option | |", "|---|---|", *rows, ""]) if rows else ""


def _paragraphs(text: str) -> Iterator[str]:
    yield from (f"{_line(each)}\n" for each in text.split("\n\n") if each)


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")


def _line(text: str) -> str:
    return " ".join(text.split())


def parses(line: str) -> bool:
    """Return True if a command line has all arguments that its command requires, and nothing that it does not know."""
    words, command = shlex.split(line)[1:], main
    while isinstance(command, click.Group):
        command = _subcommands(command)[words.pop(0)]
    context = click.Context(command)
    values, rest, _ = command.make_parser(context).parse_args(words)  # raises if an option does not exist
    given = {name for name, value in values.items() if isinstance(value, str | tuple) and value}
    return not rest and {each.name for each in command.params if each.required} <= given
