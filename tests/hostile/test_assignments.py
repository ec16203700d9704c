"""The attacks on the assignments of the course.

With ALL_TESTS, as in `make check` and `make hostile`, each meets one assignment under each tier, and others as another
user; with ALL_ASSIGNMENTS=1, every assignment, which takes hours; else a few meet one assignment under each tier.
"""

import os
from collections.abc import Iterator

import pytest

from gradeprop.course.config import read_course
from tests.conftest import REPOSITORY
from tests.hostile.arena import Arena
from tests.hostile.catalogue import Attack, all_attacks

TIERS = ("full", "restricted")
ASSIGNMENTS = read_course(REPOSITORY).assignments
FEW = 80
IS_ROOT = os.getuid() == 0


def chosen() -> Iterator[tuple[tuple[str, str], Attack]]:
    """In an order in which each arena is built once."""
    for shift, tier in enumerate(TIERS):
        for place, assignment in enumerate(ASSIGNMENTS):
            for number, attack in enumerate(all_attacks()):
                takes_turn = (number + shift + 2 * IS_ROOT) % len(ASSIGNMENTS) == place
                is_chosen = "ALL_TESTS" in os.environ or number % FEW == 2 * shift
                if "ALL_ASSIGNMENTS" in os.environ or (takes_turn and is_chosen):
                    yield (tier, assignment), attack


@pytest.mark.parametrize(
    ("arena", "attack"),
    list(chosen()),
    indirect=["arena"],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else str(each),
)
def test_cant(arena: Arena, attack: Attack) -> None:
    arena.withstand(attack)
