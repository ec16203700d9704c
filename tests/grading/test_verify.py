"""The checks are proven by known answers, and the proof itself can fail."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gradeprop.core.paths import AssignmentPaths
from gradeprop.grading.grader import Grader, open_grader
from gradeprop.grading.store import StudentFolders
from gradeprop.grading.verify import verify
from tests.grading.runs import settings_of


@pytest.fixture
def proven(toy: AssignmentPaths, tmp_path: Path) -> Iterator[Grader]:
    """A grader of the toy course; its reference needs no weights."""
    (toy.course.cache / "reference" / "toy" / "sample").mkdir(parents=True)
    (toy.course.cache / "reference" / "toy" / "sample" / "history.json").write_text("{}")
    toy.notebook.write_text("{}")
    with open_grader(StudentFolders(settings_of(toy, results=tmp_path / "out"))) as grader:
        yield grader


def test_the_toy_course_holds_and_a_wrong_claim_does_not(proven: Grader) -> None:
    verdicts = {verdict.name: verdict for verdict in verify(proven)}
    assert {name for name, verdict in verdicts.items() if verdict.wrong} == set()
    assert {"reference", "stub", "right/adds", "wrong/halves", "junk in double.twice"} <= set(verdicts)

    toml = proven.settings.paths.wrong / "halves" / "wrong.toml"
    for old, new, says in [
        ("points = 2", "points = 3", "lost double 4, held 4"),
        ("itself", "nobody", "no message says"),
        ("double = 4", "double = 2", "expected double 2, held 4"),
    ]:
        good = toml.read_text()
        toml.write_text(good.replace(old, new))
        assert says in next(verify(proven, "halves")).wrong
        toml.write_text(good)


def test_a_check_that_breaks_on_junk_is_found(toy: AssignmentPaths, request: pytest.FixtureRequest) -> None:
    checks = toy.tests / "test_toy.py"
    careless = 'float(seen._values.get("label", "")[0] == "s")'
    checks.write_text(
        checks.read_text().replace(
            '    assert seen.tensor("twice")', f'    {careless}\n    assert seen.tensor("twice")'
        )
    )
    broken = [verdict for verdict in verify(request.getfixturevalue("proven")) if verdict.wrong]
    assert [verdict.name for verdict in broken] == ["junk in double.label"]
    assert "IndexError" in broken[0].wrong or "TypeError" in broken[0].wrong
