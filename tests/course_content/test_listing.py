"""The listing of a student's code at the end of a notebook: their own section and helpers, without docstrings."""

import importlib
import sys

from tests.conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY.source))
own_code = importlib.import_module("given.listing").own_code

FILE = '''"""The course."""

import torch


@torch.no_grad()
def helper():
    """A helper."""
    return 1

# ---------------------------------------------------------------- mnist_lenet

def first():
    """A task of another assignment."""

# ---------------------------------------------------------------- caltech101_resnet

class Net:
    """A network.

    def looks_like_code(): pass
    """

    def forward(self, x):
        """Not finished."""
        raise NotImplementedError("Task 5.2.2: connect")
'''


def test_the_section_and_the_helpers_are_shown_without_docstrings() -> None:
    assert own_code(FILE, "caltech101_resnet").splitlines() == [
        "@torch.no_grad()",
        "def helper():",
        "    return 1",
        "# ---------------------------------------------------------------- caltech101_resnet",
        "",
        "class Net:",
        "",
        "    def forward(self, x):",
        '        raise NotImplementedError("Task 5.2.2: connect")',
    ]


def test_a_function_that_is_only_a_docstring_stays_code() -> None:
    assert '    """A task of another assignment."""' in own_code(FILE, "mnist_lenet")


def test_without_headings_all_code_is_shown() -> None:
    text = FILE.replace("# ---------------------------------------------------------------", "#")
    shown = own_code(text, "caltech101_resnet")
    assert "import torch" in shown
    assert "def first" in shown


def test_the_section_of_each_assignment_is_found() -> None:
    text = REPOSITORY.solution.read_text(encoding="utf-8")
    shown = own_code(text, "mnist_lenet")
    assert "class LeNet5" in shown
    assert "class BasicBlock" not in shown
