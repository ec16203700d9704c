"""Functions that later assignments use are handed out solved, on request, and work in a student's file."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradeprop.cli.main import main
from gradeprop.core.errors import CourseError
from gradeprop.core.own_modules import own_modules
from gradeprop.core.paths import AssignmentPaths
from gradeprop.course.config import read_assignment, read_course
from gradeprop.course.release import build_release
from gradeprop.course.scaffold import new_assignment
from gradeprop.course.shared import shared_solutions
from tests.conftest import REPOSITORY
from tests.factory import write_files

FIRST, *LATER = read_course(REPOSITORY).assignments
SOLUTION = '''
import math, json
from os import path as place

SCALE = 2
OTHER = 3


def helper(x):
    return x


def double(x):
    """Twice."""
    ### BEGIN SOLUTION Task 1.1: double it
    return math.floor(SCALE * x)
    ### END SOLUTION


double.unit = "m"
'''


@pytest.fixture
def course(toy: AssignmentPaths) -> AssignmentPaths:
    """A course of two assignments; the first shares a function."""
    new_assignment(toy.course, "sizes")
    toy.course.solution.write_text(SOLUTION)
    toy.toml.write_text('shared = ["double"]\n' + toy.toml.read_text())
    return toy


def hand_out(course: AssignmentPaths, earlier: str = "toy", name: str = "sizes") -> str:
    files = shared_solutions(read_assignment(course.course, name), course.course, earlier)
    return files[f"{earlier}_shared.py"].decode()


def test_a_function_comes_with_what_it_needs_and_nothing_else(course: AssignmentPaths) -> None:
    text = hand_out(course)
    assert all(part in text for part in ("import math\n", "SCALE = 2\n", "return math.floor", 'double.unit = "m"\n'))
    assert not any(part in text for part in ("json", "place", "OTHER", "helper", "SOLUTION"))


@pytest.mark.parametrize(
    ("old", "new", "earlier", "name", "says"),
    [
        ("", "", "sizes", "toy", r"course.toml: solutions can only be handed out of an assignment before toy, and not"),
        ("", "", "toy", "toy", r"course.toml: solutions can only be handed out of an assignment before toy"),
        ("", "", "nosuch", "sizes", r"before sizes, and not of 'nosuch'"),
        ('shared = ["double"]', "", "toy", "sizes", r"toy/assignment.toml: lists no functions as shared"),
        ('"double"', '"triple"', "toy", "sizes", r"toy/assignment.toml: shares triple, which is not in the solution"),
    ],
)
def test_what_cannot_be_handed_out_is_said(
    course: AssignmentPaths, old: str, new: str, earlier: str, name: str, says: str
) -> None:
    course.toml.write_text(course.toml.read_text().replace(old, new))
    with pytest.raises(CourseError, match=says):
        hand_out(course, earlier, name)


def test_a_helper_that_is_not_shared_is_named(course: AssignmentPaths) -> None:
    course.course.solution.write_text(SOLUTION.replace("SCALE * x", "SCALE * helper(x)"))
    with pytest.raises(CourseError, match="shares functions that use helper, but not helper itself"):
        hand_out(course)


def test_the_command_needs_an_assignment(course: AssignmentPaths) -> None:
    command = ["--course", str(course.course.root), "release", "--with-solutions-of", "toy"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    assert "needs an ASSIGNMENT" in done.output


@pytest.mark.parametrize("name", LATER if "ALL_TESTS" in os.environ else LATER[:1])
def test_students_carry_it_forward_or_import_it(name: str, tmp_path: Path) -> None:
    """In every later assignment; an import is an own module, so that the submission includes it."""
    files = build_release(read_assignment(REPOSITORY, name), REPOSITORY, [FIRST])
    write_files(tmp_path, files)
    carry = [sys.executable, "-m", "given.bring_forward", f"{FIRST}_shared.py"]
    done = subprocess.run(carry, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Carried forward: count_model_params, train_model, test_model, plot_curves.\n" in done.stdout
    code = (tmp_path / "student_code.py").read_text()
    assert "optimizer.zero_grad()" in code
    imports = f"from {FIRST}_shared import train_model\n"
    (tmp_path / "student_code.py").write_text(re.sub(r"(?s)def train_model.*?(?=\n\n\n)", imports, code))
    assert f"{FIRST}_shared.py" in own_modules(tmp_path, files)
    test = (
        "import student_code as s, torch; print(s.train_model.__module__, s.count_model_params(torch.nn.Linear(4, 1)))"
    )
    done = subprocess.run([sys.executable, "-c", test], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"{FIRST}_shared 5e-06\n"
