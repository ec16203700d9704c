"""The workflows for GitHub: each step that is a shell's is run as one, in a clean clone, against local repositories."""

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from gradeprop.cli.main import main
from gradeprop.core.paths import AssignmentPaths
from gradeprop.integrations import github
from tests.conftest import REPOSITORY
from tests.factory import RIGHT, WRONG, submission

ALL = "ALL_TESTS" in os.environ
TEMPLATES = REPOSITORY.root / "gradeprop" / "integrations" / "templates"


class Told(http.server.BaseHTTPRequestHandler):
    """Takes commit statuses as api.github.com does."""

    statuses: list[tuple[str, dict[str, str]]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        allowed = self.headers["Authorization"] == "Bearer secret"
        if allowed:
            self.statuses.append((self.path, json.loads(body)))
        self.send_response(201 if allowed else 401)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def api() -> Iterator[http.server.ThreadingHTTPServer]:
    Told.statuses = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Told) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """What a runner has, but nothing is downloaded or configured: what is there counts as installed."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in {
        "pip": "echo installed: $*",
        "sudo": "exit 1",
        "python": f'exec {sys.executable} "$@"',
        "gradeprop": f"exec {sys.executable} -c 'from gradeprop.cli.main import main; main()' \"$@\"",
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return folder


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def push(remotes: Path, student: str, code: str) -> str:
    """Commit to a student's repository; which commit it is."""
    work = remotes / "work" / student
    if not work.exists():
        work.mkdir(parents=True)
        git(work, "init", "-q")
        git(work, "init", "-q", "--bare", str(remotes / "school" / f"toy-{student}.git"))
    submission(work, code)
    (work / "secret").unlink(missing_ok=True)
    (work / "secret").symlink_to("/etc/passwd")
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "work")
    git(work, "push", "-q", str(remotes / "school" / f"toy-{student}.git"), "HEAD:main")
    return git(work, "rev-parse", "HEAD")


def steps(workflow: Path, job: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load(workflow.read_text())["jobs"][job]["steps"])


def run_steps(workflow: Path, job: str, clone: Path, programs: Path, **environment: str) -> str:
    """Each step with ``run``, as a runner would: bash -e, the environment of job and step, secrets filled in."""
    said = ""
    shared = yaml.safe_load(workflow.read_text())["jobs"][job].get("env", {})
    for step in steps(workflow, job):
        if "run" in step:
            own = {name: text.replace("${{ secrets.STUDENTS_TOKEN }}", "secret") for name, text in
                   step.get("env", {}).items()}  # fmt: skip
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=clone,
                env=os.environ
                | {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY.root)}
                | environment
                | shared
                | own,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            said += done.stdout
            assert done.returncode == 0, f"{step['name']}: {done.stdout}"
    return said


def package(course: Path, to: Path, *more: str) -> Any:
    return CliRunner().invoke(
        main, ["--course", str(course), "package", "github", "toy", "--organisation", "school", "--to", str(to), *more]
    )


@pytest.mark.skipif(not ALL, reason="takes long; make check runs it")
def test_the_instructors_workflow_fetches_grades_and_tells_each_student_once(
    toy: AssignmentPaths, tmp_path: Path, programs: Path, api: http.server.ThreadingHTTPServer
) -> None:
    made = package(toy.course.root, tmp_path / "made")
    assert made.exit_code == 0, made.output
    shutil.copytree(tmp_path / "made" / "instructors", toy.course.root, dirs_exist_ok=True)
    with (toy.course.root / ".github" / "students.txt").open("a") as file:
        file.write("ada\nbob\nghost")
    git(toy.course.root, "init", "-q")
    git(toy.course.root, "add", "-A")
    git(toy.course.root, "commit", "-q", "-m", "the course")
    commits = {"ada": push(tmp_path, "ada", RIGHT), "bob": push(tmp_path, "bob", WRONG)}
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(toy.course.root), str(clone))
    about = {
        "GITHUB_SERVER_URL": f"file://{tmp_path}",
        "GITHUB_API_URL": f"http://127.0.0.1:{api.server_port}",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }
    workflow = clone / ".github" / "workflows" / "toy.yml"
    said = run_steps(workflow, "grade", clone, programs, **about)
    assert "toy-ghost.git cannot be fetched; ghost is not graded in this run" in said
    assert [(path, status["state"], status["description"].split(",")[0]) for path, status in Told.statuses] == [
        (f"/repos/school/toy-ada/statuses/{commits['ada']}", "success", "10 of 10 points"),
        (f"/repos/school/toy-bob/statuses/{commits['bob']}", "success", "2 of 10 points"),
    ]
    link = clone / "autograded" / "toy" / "ada" / "submitted" / "secret"
    assert link.read_text() == "/etc/passwd"  # where it led, and not what is there
    commits["bob"] = push(tmp_path, "bob", RIGHT)
    assert "1 graded" in run_steps(workflow, "grade", clone, programs, **about)
    assert [path for path, _ in Told.statuses[2:]] == [f"/repos/school/toy-bob/statuses/{commits['bob']}"]
    assert "0 graded" in run_steps(workflow, "grade", clone, programs, **about)
    assert len(Told.statuses) == 3
    assert "| bob | 10 of 10 |  |" in (tmp_path / "summary").read_text()


@pytest.mark.skipif(not ALL, reason="takes long; make check runs it")
def test_the_students_workflow_runs_the_public_checks(tmp_path: Path, programs: Path) -> None:
    assert package(REPOSITORY.root, tmp_path / "made").exit_code == 1  # no such assignment
    release = tmp_path / "release"
    shutil.copytree(REPOSITORY.assignment("mnist_lenet").release, release)
    shutil.copy(REPOSITORY.solution, release / "student_code.py")
    workflow = TEMPLATES / "github_checks.yml"
    assert "Run the public checks" in [step.get("name") for step in steps(workflow, "checks")]
    # red until what only training gives is handed in, too
    with pytest.raises(AssertionError, match=r"(?s)Run the public checks: .*3 of \d+ public checks failed") as said:
        run_steps(workflow, "checks", release, programs)
    assert str(said.value).count("✓") > 20
    assert "\n  ::error title=Public check::history.json holds loss and accuracy per epoch" in str(said.value)


def test_what_students_get_knows_no_secret_and_nothing_that_is_there_is_overwritten(
    toy: AssignmentPaths, tmp_path: Path
) -> None:
    assert package(toy.course.root, tmp_path).exit_code == 0
    students = (tmp_path / "students" / ".github" / "workflows" / "checks.yml").read_text()
    assert "secrets." not in students
    assert yaml.safe_load(students)["permissions"] == {"contents": "read"}
    again = package(toy.course.root, tmp_path)
    assert again.exit_code == 1
    assert "exists already" in again.output.replace("\n", "")
    wrong = package(toy.course.root, tmp_path / "other", "--organisation", "x; rm -rf /")
    assert wrong.exit_code == 1
    assert "is not a valid GitHub name" in wrong.output.replace("\n", " ")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_list_of_students_may_come_from_any_editor(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "students.txt"
    file.write_bytes("# accounts\r\nada \r\n\r\n bob# moved here\r\nada\r\nzo-e".encode(encoding))
    assert github.read_accounts(file) == ["ada", "bob", "zo-e"]


def test_a_line_that_is_no_account_stops_the_workflow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "students.txt"
    for text, message in {
        "ada\nbob@uni.edu\n": f"::error::{file}:2: 'bob@uni.edu' is not a GitHub account",
        "ada\n../x\n": "'../x' is not a GitHub account",
    }.items():
        file.write_text(text)
        assert github.main("accounts", str(file)) == 1
        assert message in capsys.readouterr().err
    file.write_bytes(b"a\xff")
    assert github.main("accounts", str(file)) == 1
    assert "cannot be read as text" in capsys.readouterr().err


def test_actions_are_pinned_to_commits() -> None:
    for file in TEMPLATES.glob("github_*.yml"):
        used = re.findall(r"uses: (.+)", file.read_text())
        assert used
        assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", each) for each in used), used


def given_check(folder: Path) -> None:
    """Public checks of which one fails."""
    (folder / "given").mkdir()
    lines = r"✓ Adds.\n✗ Doubles.\n    Is it added?"
    (folder / "given" / "check.py").write_text(f"print('{lines}'); raise SystemExit(1)")


def test_students_see_failed_checks_in_summary_and_annotations(tmp_path: Path, programs: Path) -> None:
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "check.py").write_text(
        "print('✓ Adds.\\n✗ Doubles.\\n    Is it added?'); raise SystemExit(1)"
    )
    step = next(
        one for one in steps(TEMPLATES / "github_checks.yml", "checks") if one.get("name") == "Run the public checks"
    )
    about = {"PATH": f"{programs}:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    words = ["bash", "-e", "-c", step["run"]]
    done = subprocess.run(words, cwd=tmp_path, env=os.environ | about, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "::error title=Public check::Doubles." in done.stdout.splitlines()
    summary = (tmp_path / "summary").read_text()
    assert summary == "### Public checks\n````text\n✓ Adds.\n✗ Doubles.\n    Is it added?\n````\n"


def test_classroom_50_gets_a_result_of_the_public_checks(toy: AssignmentPaths, tmp_path: Path) -> None:
    assert package(toy.course.root, tmp_path / "made").exit_code == 0
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "check.py").write_text(
        "print('✓ Adds.\\n✗ Doubles.\\n    Is it added?'); raise SystemExit(1)"
    )
    names = ("CLASSROOM", "ASSIGNMENT", "USERNAME", "SUBMISSION_TAG", "COMMIT_URL", "RELEASE_URL", "REVIEW_URL")
    about = os.environ | {name: name.lower() for name in names}
    autograder = tmp_path / "made" / "classroom50" / "autograder.py"
    subprocess.run([sys.executable, autograder], cwd=tmp_path, env=about, check=True, capture_output=True)
    result = json.loads((tmp_path / "result.json").read_text())
    at = result.pop("datetime")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", at)
    assert result == {
        "schema": "classroom50/result/v1",
        "classroom": "classroom",
        "assignment": "assignment",
        "usernames": ["username"],
        "submission": "submission_tag",
        "commit": "commit_url",
        "release": "release_url",
        "review": "review_url",
        "score": 1,
        "max-score": 2,
        "tests": [
            {"test-name": "1. Adds.", "passed": True, "score": 1, "max-score": 1},
            {"test-name": "2. Doubles.", "passed": False, "score": 0, "max-score": 1},
        ],
    }


def test_the_grading_workflow_hands_its_token_to_no_step_that_runs_code() -> None:
    text = (TEMPLATES / "github_grade.yml").read_text()
    with_token = [step["name"] for step in yaml.safe_load(text.replace("@HW@", "toy"))["jobs"]["grade"]["steps"]
                  if "TOKEN" in step.get("env", {})]  # fmt: skip
    assert with_token == ["Fetch", "Set commit statuses"]
    assert "pull_request_target" not in text
