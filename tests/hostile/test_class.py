"""What a class is graded with beside the jail: names of students, the current folder, the terminal, the tables."""

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gradeprop.cli import output
from gradeprop.core.errors import JailError
from gradeprop.grading.batch import run
from gradeprop.grading.grader import Grader, open_grader
from gradeprop.grading.jobs import plan_recheck
from gradeprop.grading.settings import RunSettings
from gradeprop.grading.store import Store, StudentFolders
from gradeprop.grading.workers import Serial
from gradeprop.submissions import discovery
from tests.conftest import copy_toy
from tests.factory import RIGHT, WRONG, submission
from tests.grading.runs import grade_all, settings_of

NAMES = (
    "grades.csv", "GRADES.CSV", ".grades.csv.part", "../ada", "ada/../ada", "ada ", "ada\n", "a\x00da", "\x1b[1A20",
    "=cmd|' /C calc'!A0", '"; DROP TABLE student; --', "[/bold]", "<script>alert(1)</script>", "\u202eada", "x" * 300,
    "con", "-rf", "~root", "%2e%2e", "ada;20;graded", "{{ 7 * 7 }}", "\u0430da", "record.json",
)  # fmt: skip

Submit = Callable[..., Path]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(settings_of(copy_toy(tmp_path_factory.mktemp("class") / "course"), 3)) as store:
        yield store


@pytest.fixture(scope="module")
def grader(store: Store) -> Iterator[Grader]:
    with open_grader(store.folders) as grader:
        yield grader


@pytest.fixture
def submit(tmp_path: Path) -> Submit:
    return lambda name, code, files={}: submission(tmp_path / "class" / name, code, files)


def table(store: Store) -> dict[str, str]:
    """Points by student, as a spreadsheet reads them."""
    rows = csv.DictReader(io.StringIO(store.settings.paths.grades_csv.read_text(encoding="utf-8-sig"), newline=""))
    return {row["student"]: row["automatic part"] for row in rows}


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_cant_stop_or_change_the_class_by_a_name(store: Store, grader: Grader, submit: Submit, name: str) -> None:
    named = [(submit("ada", RIGHT), "ada"), (submit("eve", WRONG), name)]
    ada, eve = grade_all(store, named, grader)
    assert (ada.status, ada.points, eve.status, eve.points) == ("graded", 10, "graded", 2)
    assert ada.key != eve.key
    assert store.folders.student(eve.key).folder.parent == store.settings.results
    points = table(store)
    assert points["ada"] == "10"
    assert not any(student.startswith(("=", "+", "-", "@")) for student in points)


def test_cant_type_into_the_terminal(
    store: Store, grader: Grader, submit: Submit, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "def double(x):\n    raise ValueError('\\x1b[1A\\x1b[20C20 / 20\\x07 \\u202e\\x9b2J')\n"
    graded = grade_all(store, [(submit("eve", code), "e\x1b]0;20 of 20\x07ve")], grader)
    monkeypatch.setenv("COLUMNS", "200")
    output.print_results(store.settings.course, store.settings.assignment, graded)
    shown = capsys.readouterr().out
    assert "ValueError" in shown
    assert not set("\x1b\x07\x9b\u202e") & set(shown)


def test_cant_have_the_judge_import_from_the_folder_one_stands_in(
    store: Store, submit: Submit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = ("torch", "msgspec", "pytest", "_pytest", "safetensors", "gradeprop", "numpy", "json", "conftest")
    payload = f"open({str(tmp_path / 'ran')!r}, 'w').close()\nraise SystemExit(0)\n"
    files = dict.fromkeys([f"{name}.py" for name in names], payload)
    folder = submit("eve", WRONG, files | {"pytest.ini": "[pytest]\naddopts = --collect-only\n"})
    monkeypatch.chdir(folder)
    settings = RunSettings(store.settings.course, store.settings.assignment, "sample", results_folder=tmp_path / "out")
    with open_grader(StudentFolders(settings)) as here:
        assert here.grade_one(Path()).points == 2
    assert not (tmp_path / "ran").exists()


def test_cant_be_somebody_else_by_a_folder_in_a_folder(store: Store, submit: Submit) -> None:
    ada, inner = submit("ada", RIGHT), submit("eve/ada", WRONG)
    found = discovery.find_submissions([ada, inner.parent], store.settings.assignment)
    assert found.submissions == ((ada, "ada"), (inner.parent, "eve"))


def test_cant_keep_the_class_from_being_judged_again(
    store: Store, grader: Grader, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(job: object) -> object:
        raise JailError("no memory")

    grade_all(store, [(submit("ada", RIGHT), "ada")], grader)
    with monkeypatch.context() as patch:
        patch.setattr(grader.jail, "run", fails)
        assert grader.grade_one(submit("zoe", RIGHT)).status == "not_graded"
    jobs = [job for job in plan_recheck(store) if job.student in ("ada", "zoe")]
    again = {record.student: record for record in run(store, jobs, Serial(grader))}
    assert (again["ada"].points, again["zoe"].status) == (10, "not_graded")
