"""Every attack under the restricted tier."""

import pytest

from tests.hostile.arena import Arena
from tests.hostile.catalogue import Attack, all_attacks

TIER = "restricted"


@pytest.mark.parametrize("attack", all_attacks(), ids=str)
def test_cant(arena: Arena, attack: Attack) -> None:
    arena.withstand(attack)
