"""Commands on a machine that lacks packages of the grader, or Linux."""

import importlib
import subprocess
import sys

import pytest

from gradeprop.cli.requirements import missing_module
from gradeprop.core.paths import AssignmentPaths
from tests.conftest import REPOSITORY

GRADER = ("nbgrader", "nbformat", "nbconvert", "nbclient", "jupyter_client", "jupyter_server", "sqlalchemy", "alembic")
GRADER += ("traitlets", "tornado", "jinja2", "markupsafe", "rich", "yaml", "bleach", "rapidfuzz", "pyseccomp")
UNIX = ("fcntl", "grp", "pwd", "resource", "termios")
PROGRAM = """
import sys, subprocess, tempfile, zoneinfo, click{before}
sys.modules.update(dict.fromkeys({blocked!r}))
sys.platform = {platform!r}
from gradeprop.cli.main import main
main(prog_name="gradeprop")
"""


def run(
    *arguments: str, blocked: tuple[str, ...], platform: str = "linux", before: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command in a Python that cannot import the blocked modules.

    What is imported before, click and Python's own modules among it, looks at the real platform.
    """
    program = PROGRAM.format(blocked=blocked, platform=platform, before=before)
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", [("release", "toy"), ("grade", "toy", "."), ("scores", "toy"), ("verify", "toy")])
def test_a_command_of_the_grader_says_which_extra_to_install(toy: AssignmentPaths, command: tuple[str, ...]) -> None:
    done = run("--course", str(toy.course.root), *command, blocked=GRADER)
    assert done.returncode == 1
    assert "is not installed: pip install 'gradeprop[grader]'" in done.stderr
    assert f"gradeprop {command[0]} needs " in done.stderr
    assert "Traceback" not in done.stderr


def test_students_need_no_package_of_the_grader() -> None:
    folder = REPOSITORY.root / "release" / "mnist_lenet"
    done = run("check", "convolve", "--folder", str(folder), blocked=GRADER)
    assert "✗" in done.stdout, done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("command", "platform"),
    [("grade", "win32"), ("grade", "darwin"), ("verify", "win32"), ("watch", "win32"), ("demo", "win32")],
)
def test_other_systems_get_one_sentence(toy: AssignmentPaths, command: str, platform: str) -> None:
    blocked = UNIX if platform == "win32" else ()
    more = ["."] if command in ("grade", "watch") else []
    done = run("--course", str(toy.course.root), command, "toy", *more, blocked=blocked, platform=platform)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: gradeprop {command} needs Linux, and this is {platform}: ")
    assert run(command, "--help", blocked=blocked, platform=platform).returncode == 0


def test_a_module_of_unix_asks_for_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.delitem(sys.modules, "gradeprop.grading.run_lock", raising=False)
    with pytest.raises(ModuleNotFoundError) as caught:
        importlib.import_module("gradeprop.grading.run_lock")
    assert missing_module(caught.value, "gradeprop scores").startswith("gradeprop scores needs Linux")


def test_a_module_that_a_course_lacks_is_no_extra_of_ours() -> None:
    with pytest.raises(ModuleNotFoundError) as caught:
        importlib.import_module("nowhere")
    assert missing_module(caught.value, "gradeprop grade") == ""


def test_releases_need_no_module_of_unix() -> None:
    course = str(REPOSITORY.root)
    done = run("--course", course, "release", "mnist_pooling", "--check", blocked=UNIX, before=", nbgrader.apps")
    assert done.returncode == 0, done.stderr
