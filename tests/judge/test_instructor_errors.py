"""An error of the instructor's breaks the checks that it concerns, names its line, and costs no student a point."""

from pathlib import Path

import pytest
import torch

from gradeprop.core import storage
from gradeprop.core.errors import CourseError
from gradeprop.core.paths import AssignmentPaths
from gradeprop.course.config import read_assignment
from gradeprop.judge.client import Judge
from tests.judge.test_client import RIGHT, keep_run

DOUBLES, SHAPE, HELD = "test_doubles", "test_keeps_the_shape", "test_doubles_held_out_numbers"
EXPECTS = "(observed, expected):\n    expected"
MISTAKES = {  # file, line, text, what is there by mistake, the checks that it breaks, what is said
    "a name error in a probe": (
        *("grader_tests/toy/probes.py", 6, '"label": "shown"', '"label": shown'),
        *({DOUBLES, SHAPE}, "NameError: name 'shown' is not defined"),
    ),
    "a function that the solution lacks": (
        *("grader_tests/toy/probes.py", 10, "student.double(draw", "student.duoble(draw"),
        *({HELD}, "has no attribute 'duoble'"),
    ),
    "a file that is not asked for": (
        *("grader_tests/toy/probes.py", 10, '"guess": ', '"text": draw.text("nots.txt"), "guess": '),
        *({HELD}, "nots.txt is not among the files that [submission] in assignment.toml lists"),
    ),
    "a limit that nobody can keep": (
        *("source/toy/assignment.toml", 0, "probe-s = 3.0", "probe-s = 0.000001"),
        *({DOUBLES, SHAPE, HELD}, "s for the reference solution; probe-s in [limits] is 1e-06"),
    ),
    "a typo in the solution": (
        *("source/student_code.py", 7, "return 2 * x", "return 2 * y"),
        *({DOUBLES, SHAPE, HELD}, "NameError: name 'y' is not defined"),
    ),
    "a wrong solution": (
        *("source/student_code.py", 0, "return 2 * x", "return 3 * x"),
        *({DOUBLES, HELD}, "the reference solution does not pass this check: "),
    ),
    "an unknown probe in observed": (
        *("grader_tests/toy/test_toy.py", 26, 'observed("held")', 'observed("hold")'),
        *({HELD}, "there is no probe 'hold' in probes.py; did you mean 'held'?"),
    ),
    "an unknown probe in expected": (
        *("grader_tests/toy/test_toy.py", 18, "(observed):", f'{EXPECTS}("dubble")'),
        *({SHAPE}, "there is no probe 'dubble' in probes.py; did you mean 'double'?"),
    ),
    "an unknown name in observed": (
        *("grader_tests/toy/test_toy.py", 26, '.tensor("guess"', '.tensor("gess"'),
        *({HELD}, "the probe does not return 'gess' for the reference; it returns 'guess'."),
    ),
    "an unknown name in expected": (
        *("grader_tests/toy/test_toy.py", 18, "(observed):", f'{EXPECTS}("double").text("lab")'),
        *({SHAPE}, "the probe does not return 'lab' for the reference"),
    ),
    "another type in expected": (
        *("grader_tests/toy/test_toy.py", 18, "(observed):", f'{EXPECTS}("double").flag("kind")'),
        *({SHAPE}, "kind should be True or False, and is 'Tensor'."),
    ),
}  # fmt: skip


def judged(toy: AssignmentPaths, folder: Path) -> dict[str, tuple[str, str]]:
    """Verdict and message of each check, on a right answer."""
    with Judge(read_assignment(toy.course, "toy"), toy) as judge:
        guess = 2 * torch.randn(10, generator=torch.Generator().manual_seed(1))
        response = judge.check(*keep_run(folder, RIGHT, guess))
        return {each.check.rpartition("::")[2]: (each.verdict, each.message) for each in response.results}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_breaks_its_checks_alone_and_names_its_line(
    mistake: str, toy: AssignmentPaths, tmp_path: Path
) -> None:
    name, line, old, new, broken, says = MISTAKES[mistake]
    file = toy.course.root / name
    assert file.read_text().count(old) == 1
    file.write_text(file.read_text().replace(old, new))
    results = judged(toy, tmp_path)
    assert {check for check, (verdict, _) in results.items() if verdict == "broken"} == broken
    assert all(verdict == "passed" for check, (verdict, _) in results.items() if check not in broken)
    for check in broken:
        assert says in results[check][1]
        assert not line or f"{file}:{line}" in results[check][1]


def test_a_name_that_the_submission_alone_lacks_is_the_students(toy: AssignmentPaths, tmp_path: Path) -> None:
    run, files = keep_run(tmp_path, RIGHT)
    del run.values["double"]["twice"]
    with Judge(read_assignment(toy.course, "toy"), toy) as judge:
        storage.write(run, files.run)
        verdicts = {each.check.rpartition("::")[2]: each.verdict for each in judge.check(run, files).results}
    assert verdicts[DOUBLES] == "failed"


def test_a_probe_that_ends_the_process_is_named_and_not_tried_for_every_submission(
    toy: AssignmentPaths, tmp_path: Path
) -> None:
    toy.probes.write_text(f"{toy.probes.read_text()}\n\ndef probe_end(student, draw):\n    import os; os._exit(3)\n")
    with Judge(read_assignment(toy.course, "toy"), toy) as judge:
        for _ in range(2):
            (result,) = judge.check(*keep_run(tmp_path, RIGHT)).results
            assert result.verdict == "broken"
            assert "probe_end crashed for the reference solution" in result.message


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("test_toy.py", 'question="held"', 'question="hold"', ":23: no question 'hold' in assignment.toml; did you"),
        ("test_toy.py", "points(2,", "points(3,", "'double' sum to 7 points; 6 in assignment.toml (test_toy.py:6"),
        ("test_toy.py", 'question="held"', 'question="written"', "the question 'written' is graded by hand"),
        ("test_toy.py", 'points(4, question="held")', 'points("4", question="held")', "has no points"),
        ("probes.py", "def probe_held(", "def probe_held", "probes.py:9: SyntaxError"),
        ("probes.py", "def probe_held(", "import no_such\ndef probe_held(", "probes.py:9: ModuleNotFoundError"),
    ],
)  # fmt: skip
def test_what_no_submission_could_be_graded_with_is_refused(
    file: str, old: str, new: str, says: str, toy: AssignmentPaths
) -> None:
    path = toy.tests / file
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))
    with (
        Judge(read_assignment(toy.course, "toy"), toy) as judge,
        pytest.raises(CourseError, match="nobody can be graded") as refused,
    ):
        judge.require_sound()
    assert says in str(refused.value)
