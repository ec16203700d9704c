"""Bad input to each command: one clear sentence, a non-zero exit status, and nothing written."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from gradeprop.cli.main import main
from gradeprop.core.paths import AssignmentPaths
from tests.factory import submission

ERROR, USAGE = 1, 2  # exit statuses: something is not as expected; the command line cannot be understood

SLIPS: dict[str, tuple[int, str]] = {
    "grade tow HERE": (ERROR, "'tow'"),
    "grade toy": (USAGE, "Name the folders or zips to grade, or give --recheck"),
    "grade toy /nowhere": (ERROR, "/nowhere"),
    "grade toy HERE --data imagenet": (ERROR, "no bars for the data set 'imagenet', only for: sample"),
    "grade toy HERE --workers 0": (USAGE, "--workers"),
    "grade toy HERE --resources GPU": (USAGE, "'GPU' is not NAME=N; an example is GPU=1."),
    "grade toy HERE --resources GPU=many": (USAGE, "'GPU=many' is not NAME=N; an example is GPU=1."),
    "grade toy COURSE/source": (ERROR, "source is a folder of the course, which holds no submissions."),
    "grade toy COURSE/release/toy": (ERROR, "release/toy is a folder of the course"),
    "grade toy --recheck": (ERROR, "nothing has been graded"),
    "watch tow HERE": (ERROR, "'tow'"),
    "watch toy /nowhere": (ERROR, "/nowhere"),
    "verify tow": (ERROR, "'tow'"),
    "verify toy --only nothing-like-it": (ERROR, "No case of toy has 'nothing-like-it' in its name"),
    "demo tow": (ERROR, "'tow'"),
    "demo toy --data imagenet": (ERROR, "'imagenet'"),
    "release tow": (ERROR, "'tow'"),
    "release toy --check": (ERROR, "toy.ipynb"),
    "docs nosuch": (USAGE, "There is no page nosuch; gradeprop docs lists all."),
    "new Big-Letters": (ERROR, "'Big-Letters'"),
    "new 1st": (ERROR, "begin with a lower-case letter"),
    "solutions toy --to COURSE/source": (USAGE, "source is a folder of the course, and the solutions would replace"),
    "solutions toy --to COURSE": (USAGE, "is a folder of the course"),
    "new toy": (ERROR, "toy"),
    "export canvas": (ERROR, "gradebook"),
    "export excel": (USAGE, "'excel' is not one of 'canvas', 'moodle', 'blackboard'"),
    "export canvas --out-of 0": (USAGE, "--out-of"),
    "export canvas --column toy": (USAGE, "'toy' is not HW=TITLE; an example is mnist_lenet='Homework 1'."),
    "export canvas --column =Title": (USAGE, "'=Title' is not HW=TITLE"),
    "push canvas tow": (ERROR, "'tow'"),
    "push canvas toy": (ERROR, "push.toml: the file does not exist; gradeprop docs lms shows what belongs in it"),
    "push lti toy": (ERROR, "push.toml: the file does not exist"),
    "push moodle toy": (USAGE, "No such command 'moodle'"),
    "feedback moodle tow": (ERROR, "'tow'"),
    "feedback folder toy": (ERROR, "nobody has a grade yet"),
    "report tow": (ERROR, "'tow'"),
    "report toy": (ERROR, "nothing has been graded"),
    "package gradescope tow": (ERROR, "'tow'"),
    "package gradescope toy --data imagenet": (ERROR, "'imagenet'"),
    "package github toy": (USAGE, "--organisation"),
    "package github toy --organisation no,such": (ERROR, "'no,such'"),
    "check --folder HERE": (ERROR, "student_code.py is not in HERE. Run this in the folder of an assignment"),
    "check --folder /nowhere": (USAGE, "/nowhere"),
    "submit --folder HERE": (ERROR, "given/submission.json is not in HERE. Run this in the folder of an assignment"),
    "--course HERE report toy": (ERROR, "source/course.toml"),
    "--course /nowhere report toy": (USAGE, "/nowhere"),
    "gade toy HERE": (USAGE, "No such command 'gade'; did you mean grade?"),
    "list": (USAGE, "No such command 'list'."),
}


def files(*folders: Path) -> set[Path]:
    """Everything that a command could write, but for what can be computed again."""
    return {file for folder in folders for file in folder.rglob("*") if ".cache" not in file.parts}


@pytest.mark.parametrize("line", SLIPS)
def test_a_slip_is_one_sentence_and_nothing_is_written(
    line: str, toy: AssignmentPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, sentence = SLIPS[line]
    here = tmp_path / "empty"
    here.mkdir()
    monkeypatch.chdir(here)
    before = files(toy.course.root, here)
    arguments = [word.replace("HERE", str(here)).replace("COURSE", str(toy.course.root)) for word in line.split()]
    course = [] if "--course" in line else ["--course", str(toy.course.root)]
    done = CliRunner().invoke(main, [*course, *arguments])
    assert (done.exit_code, type(done.exception)) == (status, SystemExit), done.output
    assert sentence.replace("HERE", str(here)) in " ".join(done.stderr.split())
    assert "Traceback" not in done.output
    assert files(toy.course.root, here) == before


@pytest.mark.parametrize("command", ["grade toy HERE", "verify toy"])
def test_a_misspelt_question_is_named_before_anything_runs(
    command: str, toy: AssignmentPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = toy.tests / "test_toy.py"
    checks.write_text(checks.read_text().replace('question="held"', 'question="hedl"'))
    toy.notebook.write_text("{}")
    (toy.course.cache / "reference" / "toy" / "sample").mkdir(parents=True)
    here = submission(tmp_path / "ada")
    monkeypatch.chdir(toy.course.root)
    ran = CliRunner().invoke(main, command.replace("HERE", str(here)).split())
    assert ran.exit_code == ERROR
    assert f"{checks}:23: no question 'hedl' in assignment.toml; did you mean 'held'?" in ran.output
    assert "the checks of 'held' sum to 0 points; 4 in assignment.toml" in ran.output
    assert not list(toy.autograded.glob("*/record.json"))
