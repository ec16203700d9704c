"""Write the pages of docs/reference: ``python -m tests.reference``."""

from tests.conftest import REPOSITORY
from tests.reference import checks, commands, configuration

PAGES = {"commands": commands.page, "configuration": configuration.page, "checks": checks.page}
FOLDER = REPOSITORY.root / "docs" / "reference"

if __name__ == "__main__":
    for name, page in PAGES.items():
        (FOLDER / f"{name}.md").write_text(page(), encoding="utf-8")
