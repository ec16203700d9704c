"""Observations become outcomes; what is broken is the instructor's, never the student's."""

from pathlib import Path

import msgspec
import pytest
import safetensors.torch
import torch

from gradeprop.core import storage
from gradeprop.core.errors import CourseError, JailError
from gradeprop.core.models import CheckResult, JailRun, ProbeResult
from gradeprop.core.paths import AssignmentPaths, StudentPaths
from gradeprop.core.warm import warm_process
from gradeprop.course.config import read_assignment
from gradeprop.judge.client import Judge


def keep_run(folder: Path, twice: object, guess: object = None, status: str = "ok") -> tuple[JailRun, StudentPaths]:
    """Observations as the jail would send them, with these values."""
    x = torch.tensor([1.0, 2.0, 3.0])
    tensors = {"double/0": x} | ({"double/1": twice} if isinstance(twice, torch.Tensor) else {})
    tensors |= {"held/0": guess} if isinstance(guess, torch.Tensor) else {}
    sent = {"$tensor": "1"} if isinstance(twice, torch.Tensor) else twice
    values = {"double": {"x": {"$tensor": "0"}, "twice": sent}, "held": {"guess": {"$tensor": "0"}}}
    raw = {p: {k: msgspec.Raw(msgspec.json.encode(v)) for k, v in found.items()} for p, found in values.items()}
    probes = (ProbeResult(name="double", status=status, message="it raised"), ProbeResult(name="held", status="ok"))
    run = JailRun(assignment="toy", student="ada", seed=1, dataset="sample", tier="test", probes=probes, values=raw)
    kept = StudentPaths(folder)
    storage.write_bytes(safetensors.torch.save(tensors), kept.observations)
    storage.write(run, kept.run)
    return run, kept


def results(judge: Judge, folder: Path, **values: object) -> dict[str, CheckResult]:
    run, kept = keep_run(folder, **values)
    return {result.check.split("::")[-1]: result for result in judge.check(run, kept).results}


RIGHT = torch.tensor([2.0, 4.0, 6.0])


def test_a_right_value_passes_and_a_wrong_one_fails_with_the_hint(toy_judge: Judge, tmp_path: Path) -> None:
    right = results(toy_judge, tmp_path, twice=RIGHT)
    assert (right["test_doubles"].verdict, right["test_doubles"].points) == ("passed", 4)
    wrong = results(toy_judge, tmp_path, twice=RIGHT / 4)["test_doubles"]
    assert (wrong.verdict, wrong.points) == ("failed", 0)
    assert "Is it added to itself?" in wrong.message
    assert wrong.exhibits[0].caption == "Your numbers"


def test_a_check_may_keep_a_part_of_its_points(toy_judge: Judge, tmp_path: Path) -> None:
    numbers = safetensors.torch.load(toy_judge.inputs("sample", 1))["numbers"]
    guess = torch.where(torch.arange(10) < 6, 2 * numbers, 0)
    held = results(toy_judge, tmp_path, twice=RIGHT, guess=guess)["test_doubles_held_out_numbers"]
    assert (held.verdict, held.points, held.message) == ("failed", 2, "60 % are doubled")


def test_a_probe_that_failed_fails_its_checks_with_the_students_own_error(toy_judge: Judge, tmp_path: Path) -> None:
    failed = results(toy_judge, tmp_path, twice=None, status="timeout")["test_doubles"]
    assert (failed.verdict, failed.points, failed.message) == ("timeout", 0, "it raised")


def test_only_the_checks_asked_for_run_and_say_which_probes_they_used(toy_judge: Judge, tmp_path: Path) -> None:
    run, kept = keep_run(tmp_path, twice=RIGHT)
    name = next(check.name for check in toy_judge.wait_until_loaded().checks if check.name.endswith("test_doubles"))
    assert toy_judge.check(run, kept, (name,)).used == {name: ["double"]}


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        ("    raise KeyError('no such thing')\n", "KeyError: 'no such thing'"),
        ("    import os; os._exit(3)\n", "crashed"),
        ("    import pytest; pytest.skip('later')\n", "Skipped"),
    ],
)
def test_a_broken_check_names_its_line_and_leaves_the_others_alone(
    toy: AssignmentPaths, tmp_path: Path, mistake: str, says: str
) -> None:
    checks = toy.tests / "test_toy.py"
    text = checks.read_text()
    line = '    seen = observed("double")\n    x, twice'
    checks.write_text(text.replace(line, mistake + line, 1))
    with Judge(read_assignment(toy.course, "toy"), toy) as judge:
        broken = results(judge, tmp_path, twice=RIGHT)
    assert broken["test_doubles"].verdict == "broken"
    assert says in broken["test_doubles"].message
    assert f"{checks}:" in broken["test_doubles"].message
    crashed = says == "crashed"  # what comes after a crash was not run: held back, not failed
    assert broken["test_keeps_the_shape"].verdict == ("broken" if crashed else "passed")


def test_a_file_of_checks_that_cannot_be_loaded_is_named(toy: AssignmentPaths, tmp_path: Path) -> None:
    (toy.tests / "test_toy.py").write_text("import pytest\n\ndef broken(:\n    pass\n")
    with Judge(read_assignment(toy.course, "toy"), toy) as judge:
        messages = [flaw.message for flaw in judge.wait_until_loaded().flaws]
    assert any("test_toy.py:3" in message for message in messages), messages


def test_points_that_do_not_add_up_are_told(toy: AssignmentPaths) -> None:
    checks = toy.tests / "test_toy.py"
    checks.write_text(checks.read_text().replace('points(2, question="double")', 'points(3, question="dable")'))
    with Judge(read_assignment(toy.course, "toy"), toy) as judge:
        told = " ".join(flaw.message for flaw in judge.wait_until_loaded().flaws)
    assert "'double' sum to 4 points; 6 in assignment.toml" in told
    assert "test_toy.py:16: no question 'dable' in assignment.toml; did you mean 'double'?" in told


def test_a_check_without_points_is_told(toy: AssignmentPaths) -> None:
    checks = toy.tests / "test_toy.py"
    checks.write_text(checks.read_text() + "\n\ndef test_more(observed):\n    pass\n")
    with Judge(read_assignment(toy.course, "toy"), toy) as judge:
        assert any("test_more has no points" in flaw.message for flaw in judge.wait_until_loaded().flaws)


def test_held_out_inputs_that_cannot_be_made_are_the_instructors(toy: AssignmentPaths) -> None:
    toy.held_out.write_text("def held_out(dataset, seed):\n    return 1 / 0\n")
    failed = pytest.raises(CourseError, match=r"held_out\.py:2: ZeroDivisionError")
    with Judge(read_assignment(toy.course, "toy"), toy) as judge, failed:
        judge.inputs("sample", 1)


def test_a_judge_that_could_not_be_started_is_ours_and_the_next_submission_finds_one(
    toy: AssignmentPaths, tmp_path: Path
) -> None:
    warm_process().end()  # so that the next one is still importing when it is killed
    run, kept = keep_run(tmp_path, twice=RIGHT)
    with Judge(read_assignment(toy.course, "toy"), toy) as judge:
        warm_process().end()
        with pytest.raises(JailError, match="died"):
            judge.check(run, kept)
        assert len(judge.check(run, kept).results) == 3


def test_a_process_that_was_killed_is_ours_and_the_next_submission_finds_a_new_one(
    toy_judge: Judge, tmp_path: Path
) -> None:
    run, kept = keep_run(tmp_path, twice=RIGHT)
    toy_judge._process.kill()
    with pytest.raises(JailError, match="died"):
        toy_judge.check(run, kept)
    assert len(toy_judge.check(run, kept).results) == 3
