"""The arena, once for a tier; if HOSTILE_RESULTS names a file, the outcome of each attack is added to it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradeprop.core.errors import NoJailError
from tests.hostile.arena import TOY, Arena

collect_ignore = ["course", "attacks"]  # not tests of ours


@pytest.fixture(scope="module")
def arena(request: pytest.FixtureRequest) -> Iterator[Arena]:
    """A course under attack: the small one in the tier that the module names, or the parameter's (tier, assignment)."""
    tier, assignment = getattr(request, "param", None) or (request.module.TIER, TOY)
    try:
        with Arena(tier, assignment) as arena:
            yield arena
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
