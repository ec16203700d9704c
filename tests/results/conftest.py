"""A gradebook in SQLite; the tests of PostgreSQL have their own."""

from pathlib import Path

import pytest


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The address of a gradebook that does not exist yet."""
    return f"sqlite:///{tmp_path / 'gradebook.db'}"
