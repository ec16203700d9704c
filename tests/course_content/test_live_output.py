"""Output of ``check`` in a notebook: colours, links to lines, folded details; plain text beside it."""

import importlib
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY.source))
to_html = importlib.import_module("given.live_output").to_html

FAILED = """Checking student_code.py
✓ LeNet-5 has 61,706 parameters.
✗ LeNet-5 returns logits.
    A linear layer got <b>400</b> numbers per row (student_code.py, line 23: `x = self.fc(x)`)
    Python says: RuntimeError
    your code printed: <script>alert(1)</script>
"""


def test_a_line_of_the_students_code_is_a_link() -> None:
    assert '<a href="student_code.py#line=22">student_code.py, line 23</a>' in to_html(FAILED)


def test_text_is_escaped() -> None:
    page = to_html(FAILED)
    assert "<script>" not in page
    assert "&lt;b&gt;400&lt;/b&gt;" in page


def test_details_are_folded_and_messages_are_not() -> None:
    shown, folded = to_html(FAILED).split("<details", 1)
    assert "400" in shown
    assert "Python says" in folded
    assert "your code printed" in folded


@pytest.mark.parametrize(("count", "is_folded"), [(3, False), (4, True)])
def test_many_passed_checks_are_folded(count: int, is_folded: bool) -> None:
    page = to_html("✓ A check.\n" * count)
    assert ("<details>" in page) == is_folded
    assert page.count("A check.") == count


def test_a_notebook_gets_text_and_html(tmp_path: Path) -> None:
    code = """
from given.live_output import LiveOutput
output = LiveOutput()
output.write("✓ One.\\n")
output.write("✗ Two (student_code.py, line 5).\\n")
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    client = NotebookClient(notebook, resources={"metadata": {"path": str(REPOSITORY.source)}})
    (output,) = client.execute().cells[0].outputs
    assert output.data["text/plain"] == "✓ One.\n✗ Two (student_code.py, line 5)."
    assert "#line=4" in output.data["text/html"]


def test_a_shell_gets_text(capsys: pytest.CaptureFixture[str]) -> None:
    output = importlib.import_module("given.live_output").LiveOutput()
    output.write("✓ One.\n")
    assert capsys.readouterr().out == output.text == "✓ One.\n"
