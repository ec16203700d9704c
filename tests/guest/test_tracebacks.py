"""An error in a student's code is explained by their own lines, and nothing else."""

import linecache
import types
from pathlib import Path

import pytest
from safetensors import safe_open

from gradeprop.guest.tracebacks import explain


def student(folder: Path, code: str) -> types.ModuleType:
    """The code as it is imported in the jail."""
    file = folder / "student_code.py"
    file.write_text(code)
    linecache.checkcache()
    module = types.ModuleType("student_code")
    exec(compile(code, str(file), "exec"), module.__dict__)
    return module


def explained(folder: Path, code: str) -> tuple[str, str]:
    module = student(folder, code)
    try:
        module.it()
    except BaseException as error:
        return explain(error, module, folder)
    raise AssertionError


def test_an_error_names_the_deepest_line_of_the_students_own(tmp_path: Path) -> None:
    code = "import json\ndef it():\n    return deeper()\ndef deeper():\n    return json.loads('{')  # here\n"
    status, message = explained(tmp_path, code)
    assert status == "error"
    assert message.startswith("JSONDecodeError: ")
    assert message.endswith("\nstudent_code.py, line 5: return json.loads('{')  # here")
    assert "site-packages" not in message


def test_the_text_of_a_task_is_kept(tmp_path: Path) -> None:
    code = "def it():\n    raise NotImplementedError('Task 2.1: build it')"
    assert explained(tmp_path, code)[1].startswith("NotImplementedError: Task 2.1: build it\n")


def test_a_function_that_is_missing_is_absent(tmp_path: Path) -> None:
    module = student(tmp_path, "")
    with pytest.raises(AttributeError) as caught:
        module.LeNet5  # noqa: B018
    assert explain(caught.value, module, tmp_path) == ("absent", "student_code.py has no LeNet5.")


def test_an_attribute_of_something_else_is_an_error(tmp_path: Path) -> None:
    assert explained(tmp_path, "def it(): return None.x")[0] == "error"


def test_a_file_that_is_missing_is_absent_however_it_was_opened(tmp_path: Path) -> None:
    module = student(tmp_path, "")
    for opener in (open, lambda file: safe_open(file, "pt")):
        with pytest.raises(FileNotFoundError) as caught:
            opener(str(tmp_path / "a.safetensors"))
        assert explain(caught.value, module, tmp_path) == ("absent", "a.safetensors is not there.")


def test_another_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    assert explained(tmp_path, "def it(): open('/nowhere/at/all')")[0] == "error"


def test_a_message_is_the_same_wherever_and_whenever_it_is_made(tmp_path: Path) -> None:
    assert explained(tmp_path, "def it(): raise ValueError(object())")[1].startswith("ValueError: <object object>\n")
    place = tmp_path.parent / "draws" / "1"
    assert explained(tmp_path, f"def it(): raise ValueError({str(place)!r})")[1].startswith("ValueError: ~/draws/1\n")


def test_an_exception_that_bites_is_survived(tmp_path: Path) -> None:
    code = "class Bad(Exception):\n    def __str__(self): raise SystemExit\ndef it(): raise Bad"
    assert explained(tmp_path, code) == ("error", "The code raised an exception that cannot be shown.")


def test_a_message_is_capped(tmp_path: Path) -> None:
    assert len(explained(tmp_path, "def it(): raise ValueError('x' * 99999)")[1]) == 4096
