"""The field guide shows what is stored, and its bugs and messages are those of the course as it is."""

import json

import pytest

from benchmarks import field_guide
from gradeprop.course.known_answers import code_of
from tests.conftest import REPOSITORY

BUGS = field_guide.bugs()
RESULTS = json.loads(field_guide.RESULTS.read_text(encoding="utf-8"))


def test_the_page_is_made_from_the_stored_results() -> None:
    assert field_guide.PAGE.read_text(encoding="utf-8") == field_guide.page(RESULTS)
    drawn = [bug for bug in BUGS if "error" not in RESULTS["bugs"][bug["answer"]]["history"]]
    assert {file.stem for file in field_guide.CURVES.iterdir()} == {field_guide.name(bug) for bug in drawn}


@pytest.mark.parametrize("bug", BUGS, ids=field_guide.name)
def test_a_bug_is_a_known_answer_and_its_message_one_of_a_public_check(bug: dict[str, str]) -> None:
    paths = REPOSITORY.assignment(bug["answer"].split("/")[0])
    code_of(field_guide.answer(bug), paths)
    check, _, said = RESULTS["bugs"][bug["answer"]]["message"].partition("\n")
    assert f'"""{check}' in paths.public_checks.read_text(encoding="utf-8")
    assert said


def test_curves_are_those_of_the_bug() -> None:
    """The reference learns the digits; each bug trains differently."""
    for history in RESULTS["reference"].values():
        assert history["test_accuracy"][-1] > 0.85
    for bug in BUGS:
        assert RESULTS["bugs"][bug["answer"]]["history"] != RESULTS["reference"][bug["trains"]]
