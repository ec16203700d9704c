"""A submission becomes a record, whatever it holds and whatever fails: the student's, the instructor's, or ours."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gradeprop.core import storage
from gradeprop.core.errors import CourseError, JailError, NoJailError
from gradeprop.core.models import GradeRecord
from gradeprop.core.paths import AssignmentPaths
from gradeprop.grading import fingerprints
from gradeprop.grading import grader as grader_module
from gradeprop.grading.grader import Grader, open_grader
from gradeprop.grading.settings import RunSettings
from gradeprop.grading.store import StudentFolders
from tests.conftest import REPOSITORY, copy_toy, read_assignment
from tests.factory import RIGHT, WRONG, write_files
from tests.grading.runs import settings_of


@pytest.fixture(scope="module")
def grader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grader]:
    toy = copy_toy(tmp_path_factory.mktemp("course"))
    with open_grader(StudentFolders(settings_of(toy))) as grader:
        yield grader


@pytest.fixture
def submit(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str = "ada", **files: str) -> Path:
        return write_files(tmp_path / name, {f"{file}.py": text for file, text in files.items()})

    return write


def test_a_right_answer_gets_every_point_and_its_record_is_kept(grader: Grader, submit: Callable[..., Path]) -> None:
    record = grader.grade_one(submit(student_code=RIGHT))
    assert (record.status, record.points, record.possible) == ("graded", 10, 10)
    assert record.tier.startswith(("full", "restricted"))
    assert storage.read(GradeRecord, grader.folders.student("ada").record) == record


def test_what_is_given_is_there_whatever_the_submission_has_in_its_place(
    grader: Grader, submit: Callable[..., Path]
) -> None:
    folder = submit(student_code="from given.helper import FACTOR\ndef double(x):\n    return FACTOR * x\n")
    assert grader.grade_one(folder).points == 10
    (folder / "given").mkdir()
    (folder / "given" / "helper.py").write_text("FACTOR = 3\n")
    assert grader.grade_one(folder).points == 10


def test_a_wrong_answer_is_told_why(grader: Grader, submit: Callable[..., Path]) -> None:
    record = grader.grade_one(submit(student_code="def double(x):\n    return x / 2\n"))
    assert record.points == 2
    assert any("Is it added to itself?" in result.message for result in record.results)


@pytest.mark.parametrize(
    ("code", "verdict", "says"),
    [
        ("def double(x)\n    pass\n", "error", "student_code.py, line 1"),
        ("def double(x):\n    return x + nothing\n", "error", "student_code.py, line 2: return x + nothing"),
        ("def halve(x):\n    return x\n", "missing", "double"),
        ("def double(x):\n    while True: pass\n", "timeout", "more than 3 s"),
        ("import os\ndef double(x):\n    os._exit(0)\n", "crash", ""),
    ],
)
def test_an_error_is_the_students_and_names_their_line(
    grader: Grader, submit: Callable[..., Path], code: str, verdict: str, says: str
) -> None:
    record = grader.grade_one(submit(student_code=code))
    assert (record.status, record.points) == ("graded", 0)
    assert {result.verdict for result in record.results} == {verdict}
    assert all(says in result.message for result in record.results)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (
            "import seaborn_of_ada",
            "ModuleNotFoundError: No module named 'seaborn_of_ada'\nstudent_code.py, line 1: import seaborn_of_ada\n"
            "seaborn_of_ada is not installed where this is graded",
        ),
        (
            "def double(x):\n    return f(:",
            "SyntaxError: invalid syntax\nstudent_code.py, line 2: return f(:\nThis is graded with Python 3.",
        ),
        ("import sys\nsys.exit(2)", "SystemExit: 2\nstudent_code.py, line 2: sys.exit(2)\nThe code ended itself"),
        ("open('data.csv')", "data.csv is not there."),
    ],
)
def test_code_that_cannot_be_imported_has_one_cause(
    grader: Grader, submit: Callable[..., Path], code: str, says: str
) -> None:
    record = grader.grade_one(submit(student_code=code))
    (cause,) = record.causes
    assert cause.message.startswith(f"student_code.py could not be imported, so nothing was run: {says}")
    assert (cause.checks, cause.lost) == (3, 10)


def test_a_missing_module_is_told_with_those_that_the_course_promises(tmp_path: Path) -> None:
    toy = copy_toy(tmp_path / "course")
    toy.course.course_toml.write_text(
        f"{toy.course.course_toml.read_text()}\n[grader]\npython = '3.11'\nmodules = {{ torch = '2.6' }}\n"
    )
    with open_grader(StudentFolders(settings_of(toy))) as grader:
        record = grader.grade_one(write_files(tmp_path / "ada", {"student_code.py": "import seaborn_of_ada"}))
    assert "Installed are torch; see given/grader.json." in record.causes[0].message


@pytest.mark.parametrize("promise", ["python = '3.99'", "python = '3.11'\nmodules = { seaborn_of_ada = '1.0' }"])
def test_nothing_is_graded_where_a_promise_is_not_kept(promise: str, tmp_path: Path) -> None:
    toy = copy_toy(tmp_path / "course")
    toy.course.course_toml.write_text(f"{toy.course.course_toml.read_text()}\n[grader]\n{promise}\n")
    with (
        pytest.raises(CourseError, match="tells students that there is"),
        open_grader(StudentFolders(settings_of(toy))),
    ):
        pass


def test_a_program_that_reads_its_arguments_finds_none(grader: Grader, submit: Callable[..., Path]) -> None:
    code = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--n', default=2)\nn = p.parse_args().n\n"
    assert grader.grade_one(submit(student_code=f"{code}def double(x):\n    return n * x\n")).points == 10


def test_a_mistake_in_one_task_leaves_the_other_its_points(grader: Grader, submit: Callable[..., Path]) -> None:
    code = "import os\ndef double(x):\n    if len(x) == 3: os._exit(1)\n    return x + x\n"
    record = grader.grade_one(submit(student_code=code))
    assert {question.name: question.points for question in record.questions} == {"double": 0, "held": 4}


def test_an_empty_folder_and_a_broken_zip_need_attention_and_are_no_zero(grader: Grader, tmp_path: Path) -> None:
    (tmp_path / "bob").mkdir()
    (tmp_path / "eve.zip").write_bytes(b"PK\3\4 not really")
    for name in ("bob", "eve.zip"):
        record = grader.grade_one(tmp_path / name)
        assert (record.status, record.results) == ("needs_attention", ())
        assert record.reason


def test_a_name_of_any_kind_is_graded_and_kept_apart(grader: Grader, submit: Callable[..., Path]) -> None:
    folder = submit(student_code=RIGHT)
    for name in ('O\'Neil, Jo "J"', "../../etc/passwd", "李小龍", "a/b"):
        record = grader.grade_one(folder, name)
        assert (record.student, record.points) == (name, 10)
        assert grader.folders.student(record.key).record.is_file()
        assert grader.folders.student(record.key).folder.parent == grader.settings.results


def test_a_jail_that_fails_is_tried_again(
    grader: Grader, submit: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = grader.jail.run, [JailError("no memory"), JailError("no memory")]

    def flaky(job: object) -> object:
        if failures:
            raise failures.pop()
        return real(job)

    monkeypatch.setattr(grader.jail, "run", flaky)
    assert grader.grade_one(submit(student_code=RIGHT)).points == 10


def test_a_jail_that_keeps_failing_is_reported_and_never_a_grade(
    grader: Grader, submit: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = submit(student_code=RIGHT)
    assert grader.grade_one(folder).points == 10

    def fails(job: object) -> object:
        raise JailError("no memory")

    monkeypatch.setattr(grader.jail, "run", fails)
    record = grader.grade_one(folder)
    assert (record.status, record.results) == ("not_graded", ())
    assert "no memory" in record.reason
    assert not grader.folders.student("ada").run.exists(), "an old run must not stand in for this one"
    assert grader.check_again("ada") == record, "there is nothing to judge again"


def test_without_a_jail_nothing_runs(
    grader: Grader, submit: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(job: object) -> object:
        raise NoJailError("No jail here.")

    monkeypatch.setattr(grader.jail, "run", none)
    with pytest.raises(NoJailError):
        grader.grade_one(submit(student_code=RIGHT))


def test_a_broken_check_holds_the_record_back_and_a_mended_one_grades_it_without_running_it_again(
    toy: AssignmentPaths, submit: Callable[..., Path]
) -> None:
    checks = toy.tests / "test_toy.py"
    good = checks.read_text()
    checks.write_text(good.replace("    seen = ", "    1 / 0\n    seen = ", 1))
    folder = submit(student_code=RIGHT)
    folders = StudentFolders(settings_of(toy))
    with open_grader(folders) as grader:
        record = grader.grade_one(folder)
    assert record.status == "needs_review"
    assert f"{checks}:9: ZeroDivisionError" in record.reason
    checks.write_text(good)
    with open_grader(folders, with_jail=False) as grader:
        again = grader.check_again("ada")
    assert (again.status, again.points, again.receipt) == ("graded", 10, record.receipt)
    assert record.receipt


def test_a_broken_probe_holds_every_record_back_and_a_fixed_one_grades_it(
    toy: AssignmentPaths, submit: Callable[..., Path]
) -> None:
    good = toy.probes.read_text()
    toy.probes.write_text(good.replace('"shown"', "shown"))
    folders = StudentFolders(settings_of(toy))
    with open_grader(folders) as grader:
        for name, code in {"ada": RIGHT, "bob": WRONG}.items():
            record = grader.grade_one(submit(name, student_code=code))
            assert record.status == "needs_review"
            assert record.reason.endswith(f"{toy.probes}:6: NameError: name 'shown' is not defined")
    toy.probes.write_text(good)
    with open_grader(folders) as grader:
        assert grader.grade_one(submit("ada", student_code=RIGHT)).points == 10


def test_points_that_do_not_add_up_are_refused_before_anything_runs(toy: AssignmentPaths) -> None:
    checks = toy.tests / "test_toy.py"
    checks.write_text(checks.read_text().replace('question="held"', 'question="hold"'))
    with (
        pytest.raises(CourseError, match=r":23: no question 'hold' in assignment.toml; did you mean 'held'\?"),
        open_grader(StudentFolders(settings_of(toy))),
    ):
        pass


def test_the_same_seed_gives_the_same_record(grader: Grader, submit: Callable[..., Path]) -> None:
    folder = submit(student_code=RIGHT)
    seeded = dataclasses.replace(grader, settings=dataclasses.replace(grader.settings, requested_seed=11))
    first, second = (json.loads(storage.to_json(seeded.grade_one(folder))) for _ in range(2))
    for record in (first, second):
        del record["wall_s"], record["cpu_s"], record["seen"]
    assert first == second
    assert first["seed"] == 11


def test_the_course_of_the_repository_loads_without_a_flaw(tmp_path: Path) -> None:
    settings = RunSettings(REPOSITORY, read_assignment(REPOSITORY, "mnist_lenet"), "sample", results_folder=tmp_path)
    with open_grader(StudentFolders(settings), with_jail=False) as grader:
        assert grader.judge.wait_until_loaded().flaws == []


def test_the_judge_starts_before_the_jail_and_the_fingerprints_are_read_before_both(
    toy: AssignmentPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def noted(name: str, real: Callable[..., object]) -> Callable[..., object]:
        return lambda *given, **named: (order.append(name), real(*given, **named))[1]

    monkeypatch.setattr(fingerprints, "ran_with", noted("fingerprints", fingerprints.ran_with))
    monkeypatch.setattr(grader_module, "Judge", noted("judge", grader_module.Judge))
    monkeypatch.setattr(grader_module, "open_jail", noted("jail", grader_module.open_jail))
    with open_grader(StudentFolders(settings_of(toy))):
        assert order == ["fingerprints", "judge", "jail"]
