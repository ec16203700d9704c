"""An error that comes from the Python that grades says so, and what there is instead."""

import json
import sys
from pathlib import Path

import pytest

from gradeprop.guest.hints import hint
from gradeprop.guest.tracebacks import explain
from tests.factory import write_files

VERSION = "{}.{}".format(*sys.version_info)
GRADER = {"given/grader.json": json.dumps({"python": VERSION, "modules": {"torch": "2.6", "numpy": "2.0"}})}


def error_of(code: str, folder: Path) -> BaseException:
    try:
        exec(compile(code, str(folder / "student_code.py"), "exec"), {})
    except BaseException as error:
        return error
    raise AssertionError


def test_a_missing_module_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    write_files(tmp_path, GRADER)
    status, message = explain(error_of("import seaborn_of_ada.plots", tmp_path), None, tmp_path)
    assert status == "error"
    assert "seaborn_of_ada is not installed where this is graded, and is not among your files." in message
    assert "Installed are torch, numpy; see given/grader.json." in message


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"modules": 3}', None])
def test_without_a_list_the_module_is_named_all_the_same(content: str | None, tmp_path: Path) -> None:
    write_files(tmp_path, {} if content is None else {"given/grader.json": content})
    said = hint(error_of("import seaborn_of_ada", tmp_path), tmp_path)
    assert said == "seaborn_of_ada is not installed where this is graded, and is not among your files."


def test_a_part_of_a_module_that_is_there_is_not_called_missing(tmp_path: Path) -> None:
    assert hint(error_of("import json.no_such_part", tmp_path), tmp_path) == ""


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python accepts it")
@pytest.mark.parametrize(
    "code",
    [
        'def name(d):\n    return f"{d["name"]}"',
        'f"{\', \'.join(a)}{"\\n"}"',
        'x = f"{", ".join(a)}"',
        "type X = int",
        "type Pair[T] = tuple[T, T]",
        "def f[T](x): pass",
        "async def f[T](x): pass",
        "class A[T]: pass",
    ],
)
def test_syntax_of_python_3_12_is_told_apart(code: str, tmp_path: Path) -> None:
    assert hint(error_of(code, tmp_path), tmp_path) == (
        f"This is graded with Python {VERSION}; Python 3.12 and newer may accept this line."
    )


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="this Python accepts it")
@pytest.mark.parametrize("code", ["try: pass\nexcept A, B: pass", 't"{x}"', "x = rt'{x}'"])
def test_syntax_of_python_3_14_is_told_apart(code: str, tmp_path: Path) -> None:
    assert "Python 3.14 and newer may accept this line" in hint(error_of(code, tmp_path), tmp_path)


@pytest.mark.parametrize("code", ["def f(:", "x = (", "type = = 3", "print 'hello'", "except A:"])
def test_a_plain_mistake_is_not_blamed_on_the_version(code: str, tmp_path: Path) -> None:
    assert hint(error_of(code, tmp_path), tmp_path) == f"This is graded with Python {VERSION}."


def test_an_encoding_that_python_does_not_expect_is_named(tmp_path: Path) -> None:
    with pytest.raises(SyntaxError) as caught:
        compile("x = 'é'".encode("latin-1"), "student_code.py", "exec")
    assert hint(caught.value, tmp_path) == "Save the file with the encoding UTF-8."


def test_a_name_that_the_standard_library_has_not_yet_mentions_the_version(tmp_path: Path) -> None:
    assert f"Python {VERSION}" in hint(error_of("from typing import of_the_year_2099", tmp_path), tmp_path)
    assert hint(error_of("from tests.factory import nothing_of_the_kind", tmp_path), tmp_path) == ""


def test_a_program_that_ends_itself_is_told_how_to_avoid_it(tmp_path: Path) -> None:
    assert "__main__" in hint(error_of("exit(2)", tmp_path), tmp_path)


def test_other_errors_stay_as_they_are(tmp_path: Path) -> None:
    assert hint(error_of("1 / 0", tmp_path), tmp_path) == ""
