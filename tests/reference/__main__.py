"""Write the pages of docs/reference: ``python -m tests.reference``."""

from tests.conftest import REPOSITORY
from tests.reference import checks, commands, configuration, reports

PAGES = {
    "commands.md": commands.page,
    "configuration.md": configuration.page,
    "checks.md": checks.page,
    "reports.schema.json": lambda: reports.schema() + "\n",
}
FOLDER = REPOSITORY.root / "docs" / "reference"

if __name__ == "__main__":
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
