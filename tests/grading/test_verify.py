"""The checks are proven by known answers, and the proof itself can fail."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradeprop.core.observations import RawTensor
from gradeprop.core.paths import AssignmentPaths
from gradeprop.grading.grader import Grader, open_grader
from gradeprop.grading.junk import fills, tensor_names, variants
from gradeprop.grading.store import StudentFolders
from gradeprop.grading.verify import verify
from tests.conftest import REPOSITORY
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
    assert any("test_toy.py" in line and "seen._values" in line for line in broken[0].details)


def test_what_failed_is_explained_by_the_checks_that_lost_points(proven: Grader) -> None:
    toml = proven.settings.paths.wrong / "halves" / "wrong.toml"
    toml.write_text(toml.read_text().replace("points = 2", "points = 3"))
    (result,) = verify(proven, "halves")
    assert any(line.startswith("test_doubles: 3 of 3 values of the result differ") for line in result.details)
    assert not any(line.startswith("test_keeps_the_shape") for line in result.details)


PUBLIC = """
import pytest
import student_code

@pytest.mark.question("double")
def test_double():
    "Twice 3 is 6."
    assert student_code.double(3) == 6, "6 is required."
"""


def give_check(toy: AssignmentPaths) -> None:
    for name in ("check.py", "check_process.py", "explain.py", "first_look.py", "live_output.py"):
        shutil.copy(REPOSITORY.given / name, toy.course.given)


@pytest.mark.parametrize(("public", "passed"), [(PUBLIC, False), (PUBLIC.replace("== 6", "> 0"), True)])
def test_public_checks_that_miss_a_wrong_answer_need_a_reason(
    public: str, passed: bool, toy: AssignmentPaths, request: pytest.FixtureRequest
) -> None:
    give_check(toy)
    toy.public_checks.write_text(public)
    grader = request.getfixturevalue("proven")
    (wrong,) = verify(grader, "halves")
    assert wrong.public is not None
    assert (wrong.public.passed, wrong.is_unseen) == (passed, passed)
    toml = toy.wrong / "halves" / "wrong.toml"
    toml.write_text(f"{toml.read_text()}\nunseen_by_public_checks = 'a reason'\n")
    (wrong,) = verify(grader, "halves")
    assert not wrong.is_unseen
    assert [result.public for result in verify(grader, "adds")] == [None], "no wrong answer is among them"


def test_public_checks_that_refuse_a_right_answer_are_found(
    toy: AssignmentPaths, request: pytest.FixtureRequest
) -> None:
    give_check(toy)
    toy.public_checks.write_text(PUBLIC.replace("== 6", "== 7"))
    results = {each.name: each for each in verify(request.getfixturevalue("proven"), every=1) if each.public}
    assert {name for name, each in results.items() if each.is_refused} == {"reference", "right/adds"}
    public = results["right/adds"].public
    assert public is not None
    assert "6 is required." in "".join(public.failures)


def test_junk_has_the_shape_of_the_value_that_it_replaces() -> None:
    value = [{"name": "a", "x": {"$tensor": "3"}}, {"name": "b", "x": {"$tensor": "4"}}]
    assert list(tensor_names(value)) == ["3", "4"]
    made = fills({"3": RawTensor("F32", (2, 2), b"\0" * 16)})
    assert {(tensor.shape, len(tensor.data) // 4) for tensor in made.values()} == {((2, 2), n) for n in (1, 2, 4, 8)}
    assert {tensor.dtype for tensor in made.values()} >= {"BOOL", "I64", "U8", "F16", "BF16", "F64"}
    for junk in variants(value):
        assert isinstance(junk, list)
        assert len(junk) == 2
        assert set(tensor_names(junk)) <= {*made, "3", "4"}
        json.dumps(junk)
