"""Layout: the requested files are found however they were packed, and what is not clear is a person's decision."""

import hashlib

import pytest

from gradeprop.submissions import layout

WANTED = (
    "hw.ipynb",
    "student_code.py",
    "lenet5.safetensors",
    "lenet5_regularised.safetensors",
    "results.txt or r.json",
)
STUB = b"stub"


def arrange(*files: str, **contents: bytes) -> layout.Layout:
    """Arrange files of different content; ``contents`` makes some equal, by the first letters of their names."""
    digests = {file: _sha256(file.encode()) for file in files} | {
        file: _sha256(content) for file in files for start, content in contents.items() if file.startswith(start)
    }
    return layout.arrange(digests, WANTED, frozenset([_sha256(STUB)]))


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


@pytest.mark.parametrize(
    ("files", "code"),
    [
        (["student_code.py"], "student_code.py"),
        (["hw1/student_code.py"], "hw1/student_code.py"),
        (["hw1/student_code.py", "README.txt", ".gitignore"], "hw1/student_code.py"),
        (["a/b/c/student_code.py", "a/b/notes.md"], "a/b/c/student_code.py"),
        (["student_code.py", "old/student_code.py"], "student_code.py"),
        (["student_code (1).py"], "student_code (1).py"),
        (["student_code.py.txt"], "student_code.py.txt"),
        (["Student_Code.py"], "Student_Code.py"),
        (["student-code.py"], "student-code.py"),
        (["student_code_ada_lovelace.py"], "student_code_ada_lovelace.py"),
        (["Copy of student_code.py", "utils.py"], "Copy of student_code.py"),
        (["student_code - Kopie.py", "utils.py"], "student_code - Kopie.py"),
        (["homework.py"], "homework.py"),
        (["hw/homework.py", "report.pdf", "hw/given/data.py", "public_checks.py"], "hw/homework.py"),
        (["mine.zip/student_code.py", "report.pdf"], "mine.zip/student_code.py"),
    ],
)
def test_the_code_is_found(files: list[str], code: str) -> None:
    found = arrange(*files)
    assert not found.doubt
    assert found.names[code] == "student_code.py"
    assert set(found.names) == set(files), "no file is lost"


@pytest.mark.parametrize(
    ("files", "named"),
    [
        (["a/student_code.py", "b/student_code.py"], ["a/student_code.py", "b/student_code.py"]),
        (["student_code (1).py", "student_code (2).py"], ["student_code (1).py", "student_code (2).py"]),
        (["part1.py", "part2.py"], ["part1.py", "part2.py"]),
        (["student_code (1).py", "old/student_code.py"], ["student_code (1).py", "old/student_code.py"]),
        (["report.pdf", "hw.ipynb"], ["report.pdf", "no other Python file"]),
        (["given/data.py", "public_checks.py", ".hidden.py"], ["no other Python file"]),
        ([], ["no file that can be used"]),
    ],
)
def test_what_is_not_clear_is_left_to_a_person(files: list[str], named: list[str]) -> None:
    found = arrange(*files)
    assert all(name in found.doubt for name in named), found.doubt


def test_copies_of_one_file_are_no_question() -> None:
    found = arrange("a/student_code.py", "b/student_code.py", a=b"same", b=b"same")
    assert (found.doubt, found.names["a/student_code.py"]) == ("", "student_code.py")


def test_the_stub_is_not_graded_if_the_work_is_beside_it() -> None:
    found = arrange("student_code.py", "student_code (1).py", **{"student_code.py": STUB})
    assert found.names["student_code (1).py"] == "student_code.py"
    assert found.notes == ("student_code.py is the unchanged stub, so student_code (1).py is graded.",)
    both = arrange("student_code.py", "student_code (1).py", "student_code (2).py", **{"student_code.py": STUB})
    assert "student_code (1).py, student_code (2).py" in both.doubt


def test_a_stub_alone_is_graded() -> None:
    assert not arrange("student_code.py", s=STUB).doubt


def test_another_version_beside_the_code_is_named() -> None:
    found = arrange("student_code.py", "student_code (1).py")
    assert found.names["student_code.py"] == "student_code.py"
    assert found.notes == ("student_code (1).py looks like another version of student_code.py; it is not graded.",)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("hw (2).ipynb", "hw.ipynb"),
        ("Copy of hw.ipynb", "hw.ipynb"),
        ("HW1_lovelace.ipynb", "hw.ipynb"),
        ("notebooks/hw.ipynb", "hw.ipynb"),
        ("lenet5 (1).safetensors", "lenet5.safetensors"),
        ("lenet5_regularised(3).safetensors", "lenet5_regularised.safetensors"),
        ("results (1).txt", "results.txt"),
        ("r.json", "r.json"),
    ],
)
def test_every_requested_file_is_found_under_the_name_that_a_browser_or_a_person_gave_it(file: str, name: str) -> None:
    found = arrange("student_code.py", file)
    assert found.names[file] == name
    assert not found.doubt


@pytest.mark.parametrize(
    ("files", "candidates"),
    [
        (["hw.ipynb", "other.ipynb"], ["hw.ipynb"]),
        (["Copy of hw.ipynb", "code.py"], ["Copy of hw.ipynb"]),
        (["hw_Ada_Lovelace.ipynb"], ["hw_Ada_Lovelace.ipynb"]),
        (["HW (1).IPYNB"], ["HW (1).IPYNB"]),
        (["hw.ipynb.txt"], ["hw.ipynb.txt"]),
        (["hw.ipynb.json", "history.json"], ["hw.ipynb.json"]),
        (["work/hw.ipynb", "scratch.ipynb"], ["work/hw.ipynb"]),
        (["given/demo.ipynb", "mine.ipynb"], ["mine.ipynb"]),
        (["a.ipynb", "b.ipynb"], ["a.ipynb", "b.ipynb"]),
        (["a/hw.ipynb", "b/hw.ipynb"], ["a/hw.ipynb", "b/hw.ipynb"]),
        (["notebook.pdf", "ipynb"], []),
    ],
)
def test_the_notebook_that_is_meant_is_found_or_asked_for(files: list[str], candidates: list[str]) -> None:
    found = layout.arrange({file: _sha256(file.encode()) for file in files}, ["hw.ipynb"])
    chosen = [file for file, name in found.names.items() if name == "hw.ipynb"]
    assert chosen == (candidates if len(candidates) == 1 else [])
    assert bool(found.doubt) == (len(candidates) > 1)
    assert len(candidates) < 2 or all(name in found.doubt for name in candidates)


def test_one_networks_weights_are_not_taken_for_anothers() -> None:
    found = arrange("student_code.py", "lenet5_regularised.safetensors", "mlp.safetensors")
    assert "lenet5.safetensors" not in found.names.values()


def test_two_downloads_of_one_file_that_differ_are_a_question() -> None:
    found = arrange("student_code.py", "lenet5 (1).safetensors", "lenet5 (2).safetensors")
    assert "Several files could be lenet5.safetensors" in found.doubt


def test_what_is_beside_the_code_stays_beside_it() -> None:
    found = arrange("hw/src/student_code.py", "hw/src/layers.py", "hw/utils.py", "hw/hw.ipynb")
    assert found.names == {
        "hw/src/student_code.py": "student_code.py",
        "hw/src/layers.py": "layers.py",
        "hw/utils.py": "utils.py",
        "hw/hw.ipynb": "hw.ipynb",
    }


def test_no_name_is_given_twice_and_no_file_becomes_a_folder() -> None:
    found = arrange("hw/student_code.py", "hw/a", "a/b", "hw/notes", "notes")
    names = list(found.names.values())
    assert len(set(names)) == len(names)
    assert not ("a" in names and "a/b" in names)
