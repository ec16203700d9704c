"""Grading again does what has changed, says why, and keeps no grade that something has changed under."""

import dataclasses
import shutil
from pathlib import Path

import msgspec
import pytest

from gradeprop.core import storage
from gradeprop.core.errors import SubmissionError
from gradeprop.core.models import GradeRecord, Submission
from gradeprop.core.paths import AssignmentPaths, CoursePaths
from gradeprop.grading import batch, jobs
from gradeprop.grading.jobs import plan
from gradeprop.grading.staleness import is_resubmission, reason_to_check, reason_to_run
from gradeprop.grading.store import Store
from gradeprop.submissions import intake
from tests.conftest import copy_toy
from tests.factory import RIGHT, WRONG, class_of, submission
from tests.grading.runs import found, grade_all, settings_of


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> tuple[AssignmentPaths, Path]:
    """A class of three, graded under the seed 7."""
    root = tmp_path_factory.mktemp("graded")
    toy, folder = copy_toy(root / "course"), root / "class"
    class_of(folder, {"ada": RIGHT, "bob": WRONG})
    submission(folder / "eve", "x = 1\n", {"notes.txt": ""})
    with Store(settings_of(toy, 7)) as store:
        grade_all(store, found(store.settings, folder))
    return toy, folder


def planned(graded: tuple[AssignmentPaths, Path], seed: int | None = None, dataset: str = "sample") -> dict[str, str]:
    toy, folder = graded
    with Store(dataclasses.replace(settings_of(toy, seed), dataset=dataset)) as store:
        return {job.student: f"{job.need}: {job.why}" for job in plan(store, found(store.settings, folder))}


def test_what_is_as_it_was_is_kept_under_its_old_seed(graded: tuple[AssignmentPaths, Path]) -> None:
    assert set(planned(graded).values()) == {"nothing: nothing has changed"}
    assert set(planned(graded, seed=7).values()) == {"nothing: nothing has changed"}
    assert set(planned(graded, seed=8).values()) == {"all: another seed was requested"}
    assert set(planned(graded, dataset="digits").values()) == {"all: the data set was sample and is digits"}


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("grader_tests/toy/test_toy.py", "checks: test_toy.py has changed"),
        ("grader_tests/toy/probes.py", "all: probes.py has changed"),
        ("grader_tests/toy/held_out.py", "all: held_out.py has changed"),
        ("source/given/helper.py", "all: given has changed"),
        ("source/student_code.py", "checks: solution has changed"),
        ("grader_tests/toy/wrong/halves/wrong.toml", "nothing: nothing has changed"),
    ],
)
def test_a_changed_file_is_named_and_costs_what_it_must(
    graded: tuple[AssignmentPaths, Path], file: str, says: str
) -> None:
    place = graded[0].course.root / file
    before = place.read_bytes()
    place.write_bytes(before + b"\n# changed\n")
    try:
        assert set(planned(graded).values()) == {says}
    finally:
        place.write_bytes(before)


def test_a_submission_that_changed_by_a_byte_or_a_link_is_graded_again(graded: tuple[AssignmentPaths, Path]) -> None:
    _, folder = graded
    code = folder / "ada" / "student_code.py"
    code.write_text(RIGHT + " ")
    (folder / "bob" / "link").symlink_to("/etc/passwd")
    assert planned(graded) == {
        "ada": "all: the submission has changed",
        "bob": "all: the submission has changed",
        "eve": "nothing: nothing has changed",
    }
    code.write_text(RIGHT)
    (folder / "bob" / "link").unlink()
    assert set(planned(graded).values()) == {"nothing: nothing has changed"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"status": "not_graded"}, "all: the machine had failed"),
        ({"status": "needs_review"}, "checks: it needed review"),
        ({"tier": "none (no jail)"}, "all: it ran without a jail"),
        ({"ran_with": {}}, "all: its fingerprints were not recorded"),
    ],
)
def test_a_record_that_is_no_sound_grade_is_not_kept(
    graded: tuple[AssignmentPaths, Path], change: dict[str, object], says: str
) -> None:
    file = graded[0].student("ada").record
    old = storage.read(GradeRecord, file)
    storage.write(msgspec.structs.replace(old, **change), file)
    try:
        assert planned(graded)["ada"] == says
    finally:
        storage.write(old, file)


def test_what_came_back_or_an_older_record_missing_is_graded_again(graded: tuple[AssignmentPaths, Path]) -> None:
    kept = graded[0].student("ada")
    for file, says in ((kept.observations, "its observations are missing"), (kept.record, "older schema")):
        before = file.read_bytes()
        file.write_bytes(b'{"schema": 0}')
        if file.name == kept.observations.name:
            file.unlink()
        assert says in planned(graded)["ada"]
        file.write_bytes(before)


def test_judging_again_what_was_never_graded_is_a_sentence(graded: tuple[AssignmentPaths, Path]) -> None:
    toy, folder = graded
    with Store(settings_of(toy)) as store, pytest.raises(SubmissionError, match="'zoe' was never graded"):
        plan(store, [(folder / "ada", "zoe")], "recheck")


def test_a_resubmission_is_read_once_and_what_was_compared_is_graded(
    graded: tuple[AssignmentPaths, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy, folder = graded
    course, submitted = tmp_path / "course", tmp_path / "ada"
    shutil.copytree(toy.course.root, course)
    shutil.copytree(folder / "ada", submitted)
    (submitted / "student_code.py").write_text(f"# another version\n{RIGHT}")
    taken: list[Path] = []
    real = intake.take
    monkeypatch.setattr(intake, "take", lambda path, *rest: (taken.append(path), real(path, *rest))[1])
    with Store(settings_of(copy_of(course))) as store:
        (job,) = jobs.plan(store, [(submitted, "ada")])
        assert (job.why, taken) == ("the submission has changed", [submitted])
        (submitted / "student_code.py").write_text(WRONG)  # too late
        (record,) = batch.run(store, [job])
        assert (record.points, record.sha256, len(taken)) == (10, job.submission and job.submission.sha256, 1)
        kept = store.folders.student("ada").submitted / "student_code.py"
        assert kept.read_text() == f"# another version\n{RIGHT}"
    assert not list(store.settings.results.glob(".copies*"))


def copy_of(root: Path) -> AssignmentPaths:
    return CoursePaths(root).assignment("toy")


OLD = GradeRecord(
    gradeprop="1", assignment="toy", student="ada", key="ada", status="graded", points=1, possible=1, questions=(),
    results=(), problems=("It is late.",), sha256="a", seed=7, dataset="sample", tier="full", ran_with={"torch": "2"},
    judged_with={"solution": "b"},
)  # fmt: skip


def test_a_decision_takes_plain_values_and_touches_no_file(toy: AssignmentPaths) -> None:
    settings = settings_of(toy)
    assert reason_to_run(OLD, {"torch": "2"}, settings, observations_exist=True) == ""
    assert reason_to_run(OLD, {"torch": "3"}, settings, observations_exist=True) == "torch was 2 and is 3"
    assert reason_to_run(OLD, {"torch": "2"}, settings, observations_exist=False) == "its observations are missing"
    assert reason_to_check(OLD, {"solution": "b"}) == ""
    assert reason_to_check(OLD, {"solution": "c"}) == "solution has changed"
    same = Submission(student="ada", key="ada", files=(), sha256="a", problems=("It is late.",))
    assert not is_resubmission(OLD, same, "")
    assert is_resubmission(OLD, msgspec.structs.replace(same, sha256="b"), "")
    assert is_resubmission(OLD, msgspec.structs.replace(same, problems=()), "")
    assert not is_resubmission(OLD, msgspec.structs.replace(same, problems=()), ended="It is late.")
