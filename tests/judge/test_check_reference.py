"""The page for check writers lists what draw and gradeprop.check offer, from their docstrings."""

from gradeprop.check import __all__ as exported
from gradeprop.guest.draw import Draw
from tests.check_reference import PAGE, reference


def test_the_page_is_made_from_the_docstrings() -> None:
    assert reference() in PAGE.read_text(), "run python -m tests.check_reference"


def test_the_reference_leaves_nothing_out() -> None:
    text = reference()
    members = [name for name in vars(Draw) if not name.startswith("_")]
    assert [name for name in members if f"`draw.{name}" not in text] == []
    assert [name for name in exported if f"`{name}" not in text] == ["Observed", "Points", "Seen", "Show"]
