"""Attacks under the restricted tier: every third, others than under the full one; all in `make check`."""

import os

import pytest

from tests.hostile.arena import Arena
from tests.hostile.catalogue import Attack, all_attacks

TIER = "restricted"
CHOSEN = slice(None) if "ALL_TESTS" in os.environ else slice(2, None, 5)


@pytest.mark.parametrize("attack", all_attacks()[CHOSEN], ids=str)
def test_cant(arena: Arena, attack: Attack) -> None:
    arena.withstand(attack)
