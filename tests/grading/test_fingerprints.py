"""Each change is named, and costs what it must: a run, an evaluation, or nothing."""

import shutil
from pathlib import Path

import msgspec
import pytest

from gradeprop.core.assignment import Assignment, Syllabus
from gradeprop.core.paths import AssignmentPaths
from gradeprop.grading import fingerprints
from gradeprop.grading.fingerprints import PACKAGE, changes, judged_with, mismatches, ran_with


def test_a_new_file_of_checks_points_and_limits_are_changes(toy: AssignmentPaths, toy_assignment: Assignment) -> None:
    one = toy_assignment
    longer = msgspec.structs.replace(one, limits=msgspec.structs.replace(one.limits, wall_s=99.0))
    assert changes(ran_with(one, toy, "sample"), ran_with(longer, toy, "sample")) == "limits has changed"
    assert judged_with(one, toy) == judged_with(longer, toy)
    told = msgspec.structs.replace(one, syllabus=Syllabus(weeks=9), shared=("double",))
    assert (ran_with(one, toy, "sample"), judged_with(one, toy)) == (
        ran_with(told, toy, "sample"),
        judged_with(told, toy),
    )
    renamed = msgspec.structs.replace(one, title="Twice")
    assert changes(judged_with(one, toy), judged_with(renamed, toy)) == "assignment.toml has changed"
    assert changes({"torch": "2.8.0", "a": "1"}, {"torch": "2.9.1", "b": "1"}) == (
        "torch was 2.8.0 and is 2.9.1, a is gone, b is new"
    )
    assert changes({}, {"torch": "2"}) != ""


@pytest.mark.parametrize(
    ("file", "runs", "judges"),
    [
        ("results/feedback.py", False, False),
        ("cli/main.py", False, False),
        ("integrations/github.py", False, False),
        ("grading/store.py", False, False),
        ("grading/scoring.py", False, True),
        ("judge/client.py", False, True),
        ("course/notebook.py", False, True),
        ("core/models.py", False, True),
        ("core/observations.py", True, True),
        ("guest/runner.py", True, False),
        ("jail/job.py", True, False),
        ("submissions/intake.py", True, False),
    ],
)
def test_a_changed_byte_of_the_package_costs_what_it_must(
    toy: AssignmentPaths, toy_assignment: Assignment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    file: str, runs: bool, judges: bool,
) -> None:  # fmt: skip
    shutil.copytree(PACKAGE, tmp_path / "gradeprop", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(fingerprints, "PACKAGE", tmp_path / "gradeprop")
    before = ran_with(toy_assignment, toy, "sample"), judged_with(toy_assignment, toy)
    with (tmp_path / "gradeprop" / file).open("a") as changed:
        changed.write("#")
    assert changes(before[0], ran_with(toy_assignment, toy, "sample")) == ("jail has changed" if runs else "")
    assert changes(before[1], judged_with(toy_assignment, toy)) == ("gradeprop has changed" if judges else "")


def test_another_machine_is_described_by_what_it_has() -> None:
    ours, theirs = {"torch": "2.8", "gradeprop": "1+a", "data set": "c"}, {"torch": "2.9", "data set": "d"}
    assert mismatches(theirs, ours) == (
        "its torch is 2.9, here 2.8, its gradeprop is missing, here 1+a, its data set differs from the one here"
    )
    assert mismatches(ours, ours) == ""
