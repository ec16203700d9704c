"""What a class is graded with beside the jail: names of students, the current folder, the terminal, the tables."""

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gradeprop.cli import output
from gradeprop.core.errors import JailError
from gradeprop.course.config import read_assignment
from gradeprop.grading import batch
from gradeprop.grading.grader import Grader
from gradeprop.submissions import discovery
from tests.conftest import copy_toy

RIGHT = "def double(x):\n    return x + x\n"
WRONG = "def double(x):\n    return x\n"
NAMES = (
    "grades.csv", "GRADES.CSV", ".grades.csv.part", "../ada", "ada/../ada", "ada ", "ada\n", "a\x00da", "\x1b[1A20",
    "=cmd|' /C calc'!A0", '"; DROP TABLE student; --', "[/bold]", "<script>alert(1)</script>", "\u202eada", "x" * 300,
    "con", "-rf", "~root", "%2e%2e", "ada;20;graded", "{{ 7 * 7 }}", "\u0430da", "record.json",
)  # fmt: skip

Submit = Callable[..., Path]


@pytest.fixture(scope="module")
def grader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grader]:
    toy = copy_toy(tmp_path_factory.mktemp("class") / "course")
    with Grader(toy.course, read_assignment(toy.course, "toy"), "sample", seed=3) as grader:
        yield grader


@pytest.fixture
def submit(tmp_path: Path) -> Submit:
    def write(name: str, code: str, **files: str) -> Path:
        folder = tmp_path / "handed_in" / name
        folder.mkdir(parents=True)
        for file, text in {"student_code": code, **files}.items():
            (folder / f"{file}.py").write_text(text)
        return folder

    return write


def table(grader: Grader) -> dict[str, str]:
    """Points by student, as a spreadsheet reads them."""
    rows = csv.DictReader(io.StringIO(grader.paths.grades_csv.read_text(encoding="utf-8-sig"), newline=""))
    return {row["student"]: row["points"] for row in rows}


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_cant_stop_or_change_the_class_by_a_name(grader: Grader, submit: Submit, name: str) -> None:
    named = [(submit("ada", RIGHT), "ada"), (submit("eve", WRONG), name)]
    ada, eve = batch.grade_class(grader, named, lambda: None)
    assert (ada.status, ada.points, eve.status, eve.points) == ("graded", 10, "graded", 2)
    assert ada.key != eve.key
    assert grader.kept(eve.key).folder.parent == grader.into
    points = table(grader)
    assert points["ada"] == "10"
    assert not any(student.startswith(("=", "+", "-", "@")) for student in points)


def test_cant_type_into_the_terminal(
    grader: Grader, submit: Submit, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "def double(x):\n    raise ValueError('\\x1b[1A\\x1b[20C20 / 20\\x07 \\u202e\\x9b2J')\n"
    graded = batch.grade_class(grader, [(submit("eve", code), "e\x1b]0;20 of 20\x07ve")], lambda: None)
    monkeypatch.setenv("COLUMNS", "200")
    output.print_results(grader.paths.course, grader.assignment, graded)
    shown = capsys.readouterr().out
    assert "ValueError" in shown
    assert not set("\x1b\x07\x9b\u202e") & set(shown)


def test_cant_have_the_judge_import_from_the_folder_one_stands_in(
    grader: Grader, submit: Submit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = ("torch", "msgspec", "pytest", "_pytest", "safetensors", "gradeprop", "numpy", "json", "conftest")
    payload = f"open({str(tmp_path / 'ran')!r}, 'w').close()\nraise SystemExit(0)\n"
    folder = submit("eve", WRONG, **dict.fromkeys(names, payload))
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --collect-only\n")
    monkeypatch.chdir(folder)
    with Grader(grader.paths.course, grader.assignment, "sample", into=tmp_path / "out") as here:
        assert here.grade_one(Path()).points == 2
    assert not (tmp_path / "ran").exists()


def test_cant_be_somebody_else_by_a_folder_in_a_folder(submit: Submit) -> None:
    ada, inner = submit("ada", RIGHT), submit("eve/ada", WRONG)
    assert discovery.find_submissions([ada, inner.parent]) == [(ada, "ada"), (inner.parent, "eve")]


def test_cant_keep_the_class_from_being_judged_again(
    grader: Grader, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(job: object) -> object:
        raise JailError("no memory")

    batch.grade_class(grader, [(submit("ada", RIGHT), "ada")], lambda: None)
    with monkeypatch.context() as patch:
        patch.setattr(grader.jail, "run", fails)
        assert grader.grade_one(submit("zoe", RIGHT)).status == "not_graded"
    jobs = batch.plan_again(grader, [grader.kept("ada"), grader.kept("zoe")])
    again = {record.student: record for record in batch.run(grader, jobs, lambda job, record: None)}
    assert (again["ada"].points, again["zoe"].status) == (10, "not_graded")
