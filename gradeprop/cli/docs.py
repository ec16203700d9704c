"""Command that shows the documentation without a network: docs."""

import importlib.util
import sys
from importlib import metadata
from pathlib import Path

import click

from gradeprop.cli.options import example

_CLONE = Path(__file__).parents[2] / "docs"
_INSTALLED = "share/doc/gradeprop/index.md"
"""the first page of an installed package, below the folder of the environment; as in pyproject.toml"""


@click.command(epilog=example("gradeprop docs", "gradeprop docs troubleshooting"))
@click.argument("page", required=False)
def docs(page: str | None) -> None:
    """Show a PAGE of the documentation, or list the pages."""
    pages = find_pages()
    if page is None:
        width = max(map(len, pages))
        for name in pages:
            click.echo(f"{name:{width}}  {_title(pages[name])}")
    elif file := pages.get(page.removeprefix("docs/").removesuffix(".md")):
        _show(file.read_text(encoding="utf-8"))
    else:
        raise click.UsageError(f"There is no page {page}; gradeprop docs lists all.")


def find_pages() -> dict[str, Path]:
    """Return the pages by name, such as "lms" or "reference/commands": of the clone, or as installed with the package.

    Raises:
        click.ClickException: neither has them.
    """
    folder = _CLONE if (_CLONE.parent / "pyproject.toml").is_file() else _installed()
    files = [file for pattern in ("*.md", "assignments/*.md", "reference/*") for file in sorted(folder.glob(pattern))]
    return {file.relative_to(folder).as_posix().removesuffix(".md"): file for file in files}


def _installed() -> Path:
    for file in metadata.files("gradeprop") or ():
        if file.as_posix().endswith(_INSTALLED):
            return Path(str(file.locate())).resolve().parent
    raise click.ClickException("The documentation was not installed with this package.")


def _title(file: Path) -> str:
    with file.open(encoding="utf-8") as opened:
        return next((line[2:].strip() for line in opened if line.startswith("# ")), "JSON schema")


def _show(text: str) -> None:
    """Print Markdown; in a terminal rendered, one screen after the other."""
    if not (sys.stdout.isatty() and importlib.util.find_spec("rich")):  # students have no rich
        click.echo_via_pager(text)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    with console.pager(styles=True):
        console.print(Markdown(text))
