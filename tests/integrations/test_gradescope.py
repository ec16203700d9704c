"""The zip for Gradescope, unpacked and run as Gradescope does, with what a default container can make of a jail."""

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sklearn.datasets
from click.testing import CliRunner

from gradeprop.cli.main import main
from gradeprop.core import storage
from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import GradepropError
from gradeprop.core.models import CheckResult, GradeRecord, Table
from gradeprop.core.paths import AssignmentPaths
from gradeprop.course.config import read_assignment
from gradeprop.integrations import gradescope
from gradeprop.jail.mounts import make_view, readable_by_others
from tests.conftest import copy_toy
from tests.factory import RIGHT, submission

PRYING = """
import glob, pathlib
got = []
for name in ("results/results.json", "source/gradescope.json", "source/course/grader_tests/toy/test_toy.py"):
    for how in ("r", "w"):
        try:
            open("{root}/" + name, how)
            got.append(name)
        except OSError:
            pass
def double(x):
    return x if got else 2 * x
"""
ABOUT = {
    "id": 1,
    "created_at": "2026-02-01T14:05:00.000000-08:00",
    "assignment": {"due_date": "2026-02-01T20:00:00.000000+00:00", "title": "Doubling", "total_points": "15.0"},
    "users": [{"email": "ada@example.org", "id": 7, "name": "Ada Lovelace"}],
    "previous_submissions": [],
}
NOBODY = 65534
SETTINGS = gradescope.Settings(assignment="toy", dataset="sample")
slow = pytest.mark.skipif("ALL_TESTS" not in os.environ, reason="takes long; make check runs it")


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """What /autograder is after the image was built, for the toy course."""
    with tempfile.TemporaryDirectory(prefix="gradeprop-") as folder:  # pytest's own are closed to other users
        root = Path(folder)
        root.chmod(0o755)
        toy = copy_toy(root / "teacher")
        made = CliRunner().invoke(
            main, ["--course", str(toy.course.root), "package", "gradescope", "toy", "--to", str(root / "toy.zip")]
        )
        assert made.exit_code == 0, made.output
        assert "Set the autograder points to 10" in made.output
        shutil.rmtree(toy.course.root)
        with zipfile.ZipFile(root / "toy.zip") as archive:
            for info in archive.infolist():
                Path(archive.extract(info, root / "source")).chmod(info.external_attr >> 16)
        for each in ("submission", "results"):
            (root / each).mkdir()
        shutil.copy(root / "source" / "run_autograder", root)
        done = subprocess.run([root / "source" / "setup.sh"], env=environment(root), check=True, capture_output=True)
        assert b"which must have all packages that gradeprop needs" in done.stdout
        yield root


def environment(root: Path, tier: str = "restricted") -> dict[str, str]:
    """The zip's own package, under the interpreter at hand: what setup.sh would download takes minutes."""
    return {
        **{name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ},
        "AUTOGRADER_ROOT": str(root),
        "GRADEPROP_PYTHON": sys.executable,
        "GRADEPROP_TIER": tier,
        "PYTHONPATH": str(root / "source" / "package"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(root / "home"),
    }


def run(
    root: Path, code: str, about: Any = ABOUT, user: int | None = None, tier: str = "restricted"
) -> tuple[int, str, dict[str, Any]]:
    """Exit status, what the instructor sees, and results.json."""
    submission(root / "submission", code)
    (root / "submission_metadata.json").write_text(json.dumps(about))
    (root / "results" / "results.json").write_text('{"score": 99}')  # of an earlier run
    done = subprocess.run(
        [root / "run_autograder"],
        cwd=root,
        env=environment(root, tier),
        user=user,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    file = root / "results" / "results.json"
    return done.returncode, done.stdout, json.loads(file.read_bytes()) if file.exists() else {}


def follows_the_specification(found: dict[str, Any]) -> None:
    assert found.keys() <= {
        *("score", "execution_time", "output", "output_format", "visibility", "stdout_visibility"),
        *("extra_data", "tests", "leaderboard"),
    }
    assert isinstance(found["score"], int | float)
    assert {found["visibility"], found["stdout_visibility"]} <= {
        *("hidden", "after_due_date", "after_published", "visible"),
    }
    for test in found["tests"]:
        assert test.keys() <= {
            "score",
            "max_score",
            "status",
            "name",
            "number",
            "output",
            "output_format",
            "visibility",
        }
        assert test["status"] in ("passed", "failed")
        assert 0 <= test["score"] <= test["max_score"]
    assert all(row.keys() == {"name", "value"} for row in found["leaderboard"])


def test_a_submission_is_graded_and_its_code_reaches_nothing_of_the_autograder(root: Path) -> None:
    status, said, found = run(root, PRYING.replace("{root}", str(root)))
    assert status == 0, said
    follows_the_specification(found)
    assert found["score"] == 10, found
    assert "Ada Lovelace: graded (tier restricted, data set sample)" in said
    assert [test["number"] for test in found["tests"]] == ["1.1", "1.2", "2.1"]
    assert "5 more points are for written answers" in found["output"]
    assert "You submitted 2 h 5 min after the due date" in found["output"]
    assert found["extra_data"]["late_s"] == 7500
    text = json.dumps(found)
    assert not any(hidden in text for hidden in ("test_toy", "test_doubles", "probe", "grader_tests", str(root)))


@slow
@pytest.mark.skipif(
    os.getuid() != 0 or not readable_by_others(make_view(())),
    reason="needs root, to become another user, and a Python in folders that this one can read",
)
def test_an_ordinary_user_can_run_it_too(root: Path) -> None:
    for folder, _, files in os.walk(root):
        for each in (folder, *(os.path.join(folder, name) for name in files)):  # noqa: PTH118
            os.chown(each, NOBODY, NOBODY)
    status, said, found = run(root, "def double(x):\n    return x\n", user=NOBODY)
    assert status == 0, said
    assert found["score"] == 2
    lost = next(test for test in found["tests"] if test["status"] == "failed")
    assert "Is it added to itself?" in lost["output"]
    assert "<th>x</th>" in lost["output"]  # the table beside it


@slow
@pytest.mark.skipif(
    os.getuid() != 0 or not readable_by_others(make_view(())),
    reason="needs root, to become another user, and a Python in folders that this one can read",
)
def test_without_landlock_a_user_of_its_own_reaches_nothing_of_the_autograder(root: Path) -> None:
    labels = Path(sklearn.datasets.__file__).parent / "data"
    before = labels.stat().st_mode
    status, said, found = run(root, PRYING.replace("{root}", str(root)), tier="own-user none")
    assert (status, found) == (1, {}), said
    assert f"all users can enter {labels}" in said
    labels.chmod(0o700)  # as setup.sh does in the image
    try:
        status, said, found = run(root, PRYING.replace("{root}", str(root)), tier="own-user none")
    finally:
        labels.chmod(before)
    assert status == 0, said
    assert found["score"] == 10, found
    assert found["extra_data"]["tier"] == "own-user, without Landlock"


@slow
def test_a_grade_that_is_held_back_is_a_failed_run_and_no_zero(root: Path) -> None:
    checks = root / "source" / "course" / "grader_tests" / "toy" / "test_toy.py"
    whole = checks.read_text()
    checks.write_text(whole.replace("    seen = ", "    1 / 0\n    seen = ", 1))
    status, said, found = run(root, RIGHT)
    checks.write_text(whole)
    assert (status, found) == (1, {})
    assert "this is not a zero" in said
    assert "ZeroDivisionError" in said


@slow
def test_metadata_that_cannot_be_read_costs_the_name_alone(root: Path) -> None:
    status, said, found = run(root, RIGHT, about="nothing")
    assert (status, found["score"], found["extra_data"]["late_s"]) == (0, 10, 0), said
    assert "submission: graded" in said


def test_where_no_jail_can_be_made_nothing_is_run(root: Path) -> None:
    submission(root / "submission")
    done = subprocess.run(
        [root / "run_autograder"],
        env=environment(root) | {"GRADEPROP_TIER": "none"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "No jail can be started here" in done.stdout
    assert not (root / "results" / "results.json").exists()


def test_the_zip_holds_what_grading_needs_no_known_answers_and_is_the_same_each_time(
    toy: AssignmentPaths, toy_assignment: Assignment
) -> None:
    settings = gradescope.Settings(assignment="toy", dataset="sample")
    made = gradescope.package(toy.course, toy_assignment, settings)
    assert made == gradescope.package(toy.course, toy_assignment, settings)
    names = zipfile.ZipFile(io.BytesIO(made)).namelist()
    assert {"setup.sh", "run_autograder", "course/grader_tests/toy/test_toy.py"} <= set(names)
    assert not any("/wrong/" in name or "/right/" in name for name in names if name.startswith("course/"))
    (toy.course.given / "helper.py").unlink()
    result = CliRunner().invoke(main, ["--course", str(toy.course.root), "package", "gradescope", "toy"])
    assert result.exit_code == 1
    assert "given lists helper.py, which is not in source/given" in result.output.replace("\n", "")


TOOLS = ("bash", "dirname", "env", "sh", "chmod", "mkdir", "cat", "touch")
APT = 'echo apt-get "$@" >> {log}; case "$*" in *{package}*) touch {here}/ready ;; *python3*) exit 100 ;; esac'
PYTHON = """
case "$1" in
  -c) [ -e {here}/ready ] ;;
  -m) mkdir -p "$3/bin"; for name in pip gradeprop; do
      printf '#!/bin/sh\\necho %s "$@" >> {log}\\n' "$name" > "$3/bin/$name"; chmod +x "$3/bin/$name"; done ;;
esac
"""
UV = 'echo uv "$@" >> {log}; for home; do :; done; sh {here}/bin/venv -m venv $home'
CURL = 'echo curl "$@" >> {log}; cat {here}/installer'
INSTALLER = "mkdir -p $UV_INSTALL_DIR; cat {here}/uv > $UV_INSTALL_DIR/uv; chmod +x $UV_INSTALL_DIR/uv\n"
IMAGES = {  # name: (programs, what apt-get must be asked for before Python is usable, lines of the log)
    "Ubuntu 24.04": (("apt-get", "python3"), "python3-venv", ["apt-get install -y -qq python3-venv"]),
    "Ubuntu 22.04": (("apt-get", "python3"), "python3.11-venv", ["apt-get install -y -qq python3.11 python3.11-venv"]),
    "nothing but curl": (("curl",), "", ["uv venv --quiet --seed --python 3.12 {here}/opt"]),
    "apt-get without Python": (
        ("apt-get", "curl"),
        "nothing",
        ["apt-get install -y -qq libseccomp2", "uv venv"],
    ),
}


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("package", ["pyproject.toml", "gradeprop-1-py3-none-any.whl"])
def test_the_set_up_finds_or_brings_a_python(image: str, package: str, tmp_path: Path) -> None:
    """The programs that download are replaced; the script and its decisions are real."""
    programs, needed, expected = IMAGES[image]
    names = {"here": str(tmp_path), "log": str(tmp_path / "log"), "package": needed}

    def fill(text: str) -> str:
        for name, value in names.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    for name, text in {"apt-get": APT, "python3": PYTHON, "curl": CURL, "venv": PYTHON}.items():
        if name in (*programs, "venv"):
            (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{fill(text)}\n")
            (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "uv").write_text(f"#!/bin/sh\n{fill(UV)}\n")
    (tmp_path / "installer").write_text(fill(INSTALLER))
    for folder in ("course", "package"):
        (tmp_path / "source" / folder).mkdir(parents=True)
    (tmp_path / "source" / "package" / package).write_text("")
    script = shutil.copy(gradescope._TEMPLATES / "gradescope_setup.sh", tmp_path / "source" / "setup.sh")
    about = {"PATH": str(tmp_path / "bin"), "GRADEPROP_HOME": str(tmp_path / "opt"), "TORCH_INDEX": "cpu"}
    done = subprocess.run(["/bin/bash", str(script)], env=about, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    log = (tmp_path / "log").read_text()
    assert all(fill(line) in log for line in expected), log
    what = "package/gradeprop-1-py3-none-any.whl" if package.endswith(".whl") else "./package"
    assert (
        f"pip install --quiet -c package/requirements.lock --extra-index-url cpu torch torchvision {what}[grader]\n"
        in log
    )
    assert log.endswith("gradeprop doctor\n")


AT = "2026-02-{}T20:00:00-08:00"


@pytest.mark.parametrize(
    ("own", "late_days"),
    [((), 2), ((None,), 2), (("08",), 0), (("02",), 1), (("01", "02"), 1), ((7,), 2)],
    ids=["nobody", "no date", "extension", "a shorter one", "a group", "another type"],
)
def test_lateness_is_counted_from_the_students_own_due_date(
    own: tuple[Any, ...], late_days: int, toy_assignment: Assignment
) -> None:
    dates = [AT.format(day) if isinstance(day, str) else day for day in own]
    users = [{"name": "Ada", "assignment": {"due_date": date}} if date is not None else {} for date in dates]
    about = {"created_at": AT.format("03"), "assignment": {"due_date": AT.format("01")}, "users": users}
    found = gradescope.results(toy_assignment, graded(), about, SETTINGS)
    assert found["extra_data"]["late_s"] == late_days * 24 * 3600


def test_messages_are_html_that_students_cannot_write(toy_assignment: Assignment) -> None:
    table = Table(caption="<b>", header=("x", "``y``"), rows=(("<i>", "1"),))
    one = CheckResult(
        check="c", question="double", line="Calls ``double``.", verdict="failed", points=0, possible=1,
        message="Is ``x`` < 2?\n<script>", exhibits=(table,),
    )  # fmt: skip
    [test] = gradescope.results(toy_assignment, graded(one), {}, SETTINGS)["tests"]
    assert test["name"].endswith(": Calls `double`.")
    assert (test["output_format"], test["output"]) == (
        "html",
        "<pre>Is <code>x</code> &lt; 2?\n&lt;script&gt;</pre><table><caption>&lt;b&gt;</caption>"
        "<tr><th>x</th><th>``y``</th></tr><tr><td>&lt;i&gt;</td><td>1</td></tr></table>",
    )


def graded(*results: CheckResult) -> GradeRecord:
    return GradeRecord(
        gradeprop="1", assignment="toy", student="a", key="a", status="graded", points=2, possible=10, questions=(),
        results=results,
    )  # fmt: skip


def test_the_checks_of_a_question_can_be_shown_later(toy_assignment: Assignment, toy: AssignmentPaths) -> None:
    settings = gradescope.Settings(assignment="toy", dataset="sample", visibility_of={"double": "after_due_date"})
    results = [
        CheckResult(check="c", question=name, line="Is right.", verdict="passed", points=1, possible=1)
        for name in ("double", toy_assignment.questions[1].name)
    ]
    found = gradescope.results(toy_assignment, graded(*results), {}, settings)
    assert [test["visibility"] for test in found["tests"]] == ["after_due_date", "visible"]
    assert found["visibility"] == "visible"
    with pytest.raises(GradepropError, match="toy has no question doubel; its questions: double, "):
        gradescope.package(
            toy.course,
            toy_assignment,
            gradescope.Settings(assignment="toy", dataset="", visibility_of={"doubel": "visible"}),
        )


def test_accuracies_come_to_the_leaderboard(toy: AssignmentPaths) -> None:
    one = read_assignment(toy.course, "toy")
    said = (
        "97.50 % of 1,797 held-out images are right (standard error 0.37 percentage points).",
        "The class is 99 % of 5",
    )
    results = tuple(
        CheckResult(
            check="c", question="held", line=f"Line {n}.", verdict="passed", points=1, possible=1, message=message
        )
        for n, message in enumerate(said)
    )
    record = graded(*results)
    found = gradescope.results(one, record, {}, SETTINGS)
    assert found["leaderboard"] == [{"name": "Accuracy in %: Line 0", "value": 97.5}]
    assert storage.to_json(record)
