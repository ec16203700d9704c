"""Attacks under the full tier: every third, for time; all in `make check` and `make hostile`."""

import os

import pytest

from tests.hostile.arena import Arena
from tests.hostile.catalogue import Attack, all_attacks

TIER = "full"
CHOSEN = slice(None, None, 1 if "ALL_TESTS" in os.environ else 5)


@pytest.mark.parametrize("attack", all_attacks()[CHOSEN], ids=str)
def test_cant(arena: Arena, attack: Attack) -> None:
    arena.withstand(attack)
