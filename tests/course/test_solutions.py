"""Solutions leave no trace, and every mistake in a marker names its line."""

import re

import pytest

from gradeprop.core.errors import CourseError
from gradeprop.course.solutions import strip_python
from tests.conftest import REPOSITORY

SOLVED = '''def double(x):
    """Twice x."""
    ### BEGIN SOLUTION Task 1: double it
    secret = 2
    return secret * x
    ### END SOLUTION


y = 1
'''


def test_a_solution_becomes_one_line_that_names_the_task() -> None:
    assert strip_python(SOLVED, "x.py") == (
        'def double(x):\n    """Twice x."""\n    raise NotImplementedError("Task 1: double it")\n\n\ny = 1\n'
    )


def test_a_task_may_hold_quotes_and_other_letters() -> None:
    stripped = strip_python(SOLVED.replace("double it", 'x → "2·x", it\'s easy'), "x.py")
    with pytest.raises(NotImplementedError, match='Task 1: x → "2·x", it\'s easy'):
        exec(stripped + "\ndouble(1)")


def test_the_solution_of_the_course_leaves_no_marker_and_no_line_of_itself() -> None:
    text = REPOSITORY.solution.read_text()
    stripped = strip_python(text, REPOSITORY.solution)
    bodies = re.findall(r"### BEGIN SOLUTION[^\n]*\n(.*?)### END SOLUTION", text, re.DOTALL)
    assert len(bodies) == stripped.count('raise NotImplementedError("Task') > 10
    secret = {line.strip() for body in bodies for line in body.splitlines() if len(line.strip()) > 8}
    public = {line.strip() for line in re.sub(r"### BEGIN.*?### END SOLUTION", "", text, flags=re.DOTALL).splitlines()}
    assert not secret & {line.strip() for line in stripped.splitlines()} - public
    assert "SOLUTION" not in stripped


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("    ### END SOLUTION\n", "", "x.py:3: BEGIN SOLUTION is never closed"),
        ("    secret = 2\n", "    ### BEGIN SOLUTION again\n", "x.py:4: BEGIN SOLUTION inside BEGIN SOLUTION"),
        ("y = 1", "### END SOLUTION", "x.py:9: END SOLUTION without a BEGIN"),
        ("    ### END SOLUTION", "    ### END MARK SCHEME", "x.py:6: END MARK SCHEME without a BEGIN"),
        (" Task 1: double it", "", "x.py:3: in a Python file"),
        ("    ### BEGIN SOLUTION", "    z = 0  ### BEGIN SOLUTION", "x.py:3: in a Python file"),
        ("BEGIN SOLUTION Task", "BEGIN HIDDEN TESTS Task", "x.py:6: END SOLUTION without a BEGIN"),
        ("y = 1", "y = (", "x.py: is not Python without its solutions: '(' was never closed, at 'y = ('"),
    ],
)
def test_a_slip_in_a_python_file_names_its_line(old: str, new: str, says: str) -> None:
    with pytest.raises(CourseError, match=re.escape(says)):
        strip_python(SOLVED.replace(old, new), "x.py")


def test_a_hidden_region_in_a_python_file_is_refused_not_kept() -> None:
    with pytest.raises(CourseError, match="x.py:1: in a Python file"):
        strip_python("# BEGIN HIDDEN TESTS 1\nassert secret\n# END HIDDEN TESTS\n", "x.py")
