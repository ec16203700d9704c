"""The arena, once for a tier; if HOSTILE_RESULTS names a file, the outcome of each attack is added to it."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gradeprop.core.errors import NoJailError
from tests.hostile.arena import TOY, Arena

collect_ignore = ["course", "attacks"]  # not tests of ours


@pytest.fixture(scope="module")
def open_arena() -> Iterator[Callable[[str, str], Arena]]:
    """Open an arena for a tier and an assignment, unless it is the one that is open.

    Pytest would make a fixture with parameters again for each row of parametrize, though they are equal.
    """
    with contextlib.ExitStack() as stack:
        opened: dict[tuple[str, str], Arena] = {}

        def open_arena(tier: str, assignment: str) -> Arena:
            if (tier, assignment) not in opened:
                stack.close()
                opened.clear()
                opened[tier, assignment] = stack.enter_context(Arena(tier, assignment))
            return opened[tier, assignment]

        yield open_arena


@pytest.fixture
def arena(request: pytest.FixtureRequest, open_arena: Callable[[str, str], Arena]) -> Arena:
    """A course under attack: the small one in the tier that the module names, or the parameter's (tier, assignment)."""
    try:
        return open_arena(*(getattr(request, "param", None) or (request.module.TIER, TOY)))
    except NoJailError as error:
        pytest.skip(str(error))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    results, attack = os.environ.get("HOSTILE_RESULTS"), getattr(item, "callspec", None)
    if results and attack and "attack" in attack.params and (report.when == "call" or report.outcome != "passed"):
        one = attack.params["attack"]
        tier, assignment = attack.params.get("arena") or (item.module.TIER, TOY)
        row = {"attack": one.name, "heading": one.heading, "sentence": one.sentence, "uid": os.getuid()}
        row |= {"tier": tier, "assignment": assignment, "outcome": report.outcome}
        row |= {"known": one.sees(tier) + one.takes(tier)}
        with Path(results).open("a") as file:
            file.write(json.dumps(row) + "\n")
    return report
