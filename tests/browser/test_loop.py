"""An instructor and a student go through the whole loop, in Chromium, on real servers and nbgrader's exchange."""

import os
import re
from pathlib import Path

import pytest

from tests.browser.loop import ANSWER, COMMENT, run
from tests.browser.pages import CHROMIUM

pytestmark = [
    pytest.mark.skipif(not os.environ.get("ALL_TESTS"), reason="takes minutes; ALL_TESTS=1 runs it"),
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium: as root, apt-get install chromium"),
]


def test_the_whole_loop(tmp_path: Path) -> None:
    seen = run(tmp_path, pictures=None)
    before, after = seen["work"]
    assert "Still to do" in before
    assert "passed" in after
    failed = set(re.findall(r'check\("(\w+)"\)', seen["validate"]))
    assert failed <= {"accuracy"}, "one epoch of training may be too little, all else is right"
    assert "You did not provide a response" in seen["validate"], "of two written answers one is given"
    waits = seen["autograde"]
    assert max(waits) < (sum(waits) + 0.1 * len(waits)) / 2, "the server kept others waiting while it autograded"
    feedback = seen["read_feedback"]
    assert ANSWER in feedback
    assert COMMENT in feedback
    assert "8.0 / 10" in feedback
