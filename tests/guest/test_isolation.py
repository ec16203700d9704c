"""The guest is standard library and torch: it imports nothing of the grader."""

import sys
from pathlib import Path


def test_the_guest_imports_nothing_of_the_grader() -> None:
    folder = Path(__file__).parents[2] / "gradeprop" / "guest"
    for file in folder.glob("*.py"):
        assert "gradeprop" not in file.read_text().replace("gradeprop-", ""), file
    assert sys.version_info >= (3, 11)
